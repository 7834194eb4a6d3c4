"""Vocabulary: the keywords of JSON Schema, what stands under each, and what to advise where one is not enforced.

Knows drafts 6 to 2020-12 by their spelling. Does not know what a keyword means.
"""

from __future__ import annotations

ONE = frozenset(
    "not if then else items contains additionalProperties propertyNames unevaluatedItems unevaluatedProperties".split()
)
"""Keywords whose value is a schema."""

MANY = frozenset("allOf anyOf oneOf prefixItems".split())
"""Keywords whose value is an array of schemas."""

NAMED = frozenset("properties patternProperties dependentSchemas $defs definitions".split())
"""Keywords whose value is an object of schemas."""

HARMLESS = frozenset(
    (
        "title description default examples deprecated readOnly writeOnly $comment $id $schema $anchor $dynamicAnchor"
    ).split()
)
"""Keywords that say nothing about which values are valid."""

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
KNOWN = FLAT | IN_PLACE | HARMLESS | frozenset(("$defs", "definitions"))

USELESS = {"then": "if", "else": "if", "minContains": "contains", "maxContains": "contains"}
"""Keywords that do nothing without another one."""

ADVICE = {
    "$dynamicRef": "Use $ref, which always means the same schema.",
    "$recursiveRef": "Use $ref, which always means the same schema.",
    "$vocabulary": "Remove it: a contract is no meta-schema.",
    "id": "Write $id.",
    "nullable": 'Add "null" to its type, as in {"type": ["string", "null"]}.',
    "discriminator": "Remove it: a const in a common required property already tells the alternatives apart.",
    "contentEncoding": "Remove it, and write a pattern for the characters that are allowed.",
    "contentMediaType": "Remove it, and describe the content as a schema of its own.",
    "contentSchema": "Remove it, and describe the content as a schema of its own.",
    "additionalItems": "Remove it: it only means something beside items in array form.",
    "$recursiveAnchor": "Use $anchor and $ref.",
    "xml": "Remove it: the value is JSON.",
    "example": "Write examples.",
}
"""What to do about a keyword that is not enforced, where there is more to say than to remove it."""
