"""Form: a grammar's contract as a place for tags, and that place described to a model. Knows words for what may stand
where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import core_schema

from models.engines.prompted.xml.markup import fold
from models.engines.prompted.xml.place import Entries, Leaf, Place, Record, Shape
from models.grammar.fragments.members import members
from models.grammar.grammar import Grammar

if TYPE_CHECKING:
    from models.contract import Contract

ANSWERS = ("answer", "response", "result", "output", "reply", "json", "xml")
"""Tags that may stand around an answer; the first that is no field's is the one that is asked for."""
BLANK = "…"
"""What stands in a described tag where the answer will have its text."""
DEEPEST = 4
"""Contracts within contracts that are described; a recursive one has no end."""

_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
_FORMATS = {
    "date": "a date as YYYY-MM-DD",
    "time": "a time as HH:MM:SS",
    "date-time": "a date and time as YYYY-MM-DDTHH:MM:SS",
    "duration": "a duration in ISO 8601, as PT1H30M",
    "email": "an e-mail address",
    "uri": "a web address",
    "uuid": "a UUID",
}
_COPIES = {
    "said": "copy the customer's exact words",
    "evidence": "copy one to three whole sentences of the evidence, word for word",
}
_COUNT = re.compile(r"\d+(?:–\d+)?(?= ×)")


class _JsonSchema(GenerateJsonSchema):
    """Pydantic's, and with each property the name that its bound has in the grammar."""

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """What JSON Schema cannot say is the grammar's business."""

    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        made = super().model_schema(schema)
        for member in members(schema["cls"]):
            if (found := made.get("properties", {}).get(member.key)) is not None:
                found["x-bound"] = f"{schema['cls'].__name__}.{member.name}"
        return made


@cache
def place_of(contract: type[Contract]) -> Place:
    """Where a whole value of `contract` stands."""
    from models.schema.json_value import JsonValue  # jsonschema takes a while to import

    if issubclass(contract, JsonValue):
        schema = contract.__document__.schema
        schema = schema if isinstance(schema, Mapping) else {}
    else:
        schema = contract.model_json_schema(schema_generator=_JsonSchema)
    place = Place(schema, schema.get("$defs", {}), "")
    free = (name for name in ANSWERS if name not in place.every_tag)
    place.tag = place.where = next(free, "the_answer")
    return place


def wrappers(root: Place) -> frozenset[str]:
    """The folded tags that an answer may stand in."""
    return frozenset({*ANSWERS, fold(root.tag), fold(root.title)} - root.every_tag)


def described(grammar: Grammar, root: Place) -> str:
    """The form of an answer, a line for each tag, with what may stand in it behind it."""
    bounds: dict[str, str] = {}
    for bound in grammar.bounds:
        bounds.setdefault(bound.field, bound.text)
    return "\n".join(_lines(root, bounds, 0))


def expected(place: Place, bounds: Mapping[str, str] | None = None) -> str:
    """What may stand in a place, in a few words. `bounds`: the grammar's words for each field's bound."""
    bound = (bounds or {}).get(str(place.schema.get("x-bound")), "").removesuffix(" | null")
    options = [*_leaf(place, bound), *(_shape(shape, bound) for shape in place.shapes)]
    if place.leaf is not None and ("null" in place.leaf.types or None in place.leaf.choices):
        options.append('null="true"')
    return ", or ".join(options)


def shown(value: object) -> str:
    """A value to choose from as it stands in a tag."""
    return value if isinstance(value, str) else json.dumps(value)


def _leaf(place: Place, bound: str) -> Iterator[str]:
    leaf = place.leaf
    if leaf is None:
        return
    texts = [_FORMATS[name] for name in sorted(leaf.formats) if name in _FORMATS]
    choices = [shown(value) for value in leaf.choices if value is not None]
    kinds = [name for kind, name in _KINDS.items() if kind in leaf.types]
    if leaf.copied:
        longest = bound.partition(" of ")[0] if leaf.copied == "said" else ""
        yield f"{_COPIES[leaf.copied]}{f', {longest}' if longest else ''}"
    elif choices:
        yield f"one of: {' | '.join(choices)}" if len(choices) > 1 else f"always {choices[0]}"
    elif texts:
        yield " or ".join(texts)
    elif kinds:
        exact = "number" in leaf.types and leaf.types <= {"number", "string", "null"}  # a Decimal
        limit = f", {bound}" if bound and leaf.types != {"boolean"} else ""
        yield f"{'a number' if exact else ' or '.join(kinds)}{limit}"
        if leaf.ambiguous and not exact:
            yield 'text that looks like a number, true or false, with type="text" on the tag'


def _shape(shape: Shape, bound: str) -> str:
    if isinstance(shape, Record):
        return "the tags inside"
    count = _COUNT.match(bound)
    tags = "entries" if isinstance(shape, Entries) else "items"
    return f"{count.group()} {tags}" if count else tags


def _lines(place: Place, bounds: Mapping[str, str], depth: int) -> Iterator[str]:
    indent = "  " * depth
    description = str(place.schema.get("description", "")) if place.key or place.tag == "item" else ""
    private = "private notes" if isinstance(place.leaf, Leaf) and place.leaf.private else ""
    words = "; ".join(part for part in (description, private, expected(place, bounds) if depth else "") if part)
    words = f"  ({' '.join(words.split())})" if words else ""
    attribute = f' key="{BLANK}"' if place.tag == "entry" else ""
    if not place.shapes or depth > DEEPEST:
        yield f"{indent}<{place.tag}{attribute}>{BLANK}</{place.tag}>{words}"
        return
    yield f"{indent}<{place.tag}{attribute}>{words}"
    for number, shape in enumerate(place.shapes):
        if number:
            yield f"{indent}  or else:"
        for inner in _inner(shape):
            yield from _lines(inner, bounds, depth + 1)
    yield f"{indent}</{place.tag}>"


def _inner(shape: Shape) -> tuple[Place, ...]:
    if isinstance(shape, Record):
        return shape.places
    return (shape.value,) if isinstance(shape, Entries) else shape.first or (shape.rest,)
