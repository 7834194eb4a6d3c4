"""Vocabulary: the keywords of JSON Schema, what stands under each, and since which draft they mean something.

Knows drafts 3 to 2020-12 by their spelling. Does not know what a keyword means.
"""

from __future__ import annotations

ONE = frozenset(
    "not if then else items contains additionalProperties propertyNames unevaluatedItems unevaluatedProperties".split()
)
"""Keywords whose value is a schema."""

MANY = frozenset("allOf anyOf oneOf prefixItems".split())
"""Keywords whose value is an array of schemas."""

NAMED = frozenset("properties patternProperties dependentSchemas".split())
"""Keywords whose value is an object of schemas."""

IN_PLACE = frozenset("$ref allOf anyOf oneOf not if then else dependentRequired dependentSchemas".split())
"""Keywords that say something about the same value by means of another schema."""

KINDS: dict[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "array": tuple(
        "items prefixItems minItems maxItems uniqueItems contains minContains maxContains unevaluatedItems".split()
    ),
    "object": tuple(
        "properties patternProperties additionalProperties required propertyNames minProperties maxProperties "
        "unevaluatedProperties".split()
    ),
}
"""Keywords by the type that they speak of: they say nothing about values of other types."""

FLAT = frozenset(("type", "enum", "const", *(keyword for kind in KINDS.values() for keyword in kind)))
ENFORCED = FLAT | IN_PLACE

TOLD = frozenset("title description default examples".split())
"""Keywords that say nothing about values, and much to who reads the schema: they stay where they are."""

SILENT = TOLD | frozenset(
    (
        "example deprecated readOnly writeOnly $comment $id id $schema $anchor "
        "$dynamicAnchor $recursiveAnchor $vocabulary $defs definitions components"
    ).split()
)
"""Keywords that nobody takes for a constraint: they are not even listed as ignored."""

USELESS = {"then": "if", "else": "if", "minContains": "contains", "maxContains": "contains"}
"""Keywords that do nothing without another one."""


def types_of(types: str | list[str]) -> list[str]:
    """What stands under `type`, one or several, as a list."""
    return [types] if isinstance(types, str) else types


TYPES = frozenset("null boolean integer number string array object".split())

COUNTS = frozenset("minLength maxLength minItems maxItems minContains maxContains minProperties maxProperties".split())
"""Keywords whose value is a number of things."""

SINCE = {
    **dict.fromkeys(("const", "contains", "propertyNames"), 6),
    **dict.fromkeys(("if", "then", "else"), 7),
    **dict.fromkeys(
        ("dependentRequired", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties", "minContains",
         "maxContains"), 8
    ),
    "prefixItems": 9,
}  # fmt: skip
"""The draft in which a keyword first meant something: a schema of an older one that says so has it as an annotation.
2019-09 is counted as 8, 2020-12 as 9."""
