"""Listing: a contract as a model reads it: every key with its type, choices, limits and description, nested as it is
written. Knows JSON Schema; knows neither grammars nor what is asked about the contract.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import core_schema

from pipeline.json_pointer import pointed

if TYPE_CHECKING:
    from models.contract import Contract

Schema = Mapping[str, Any]

_FORMATS = {
    "date": "a date as YYYY-MM-DD",
    "time": "a time as HH:MM:SS",
    "date-time": "a date and time as YYYY-MM-DDTHH:MM:SS",
    "duration": "a duration in ISO 8601, as PT1H30M",
    "decimal": "a decimal number",
    "email": "an e-mail address",
    "uri": "a web address",
    "uuid": "a UUID",
}
_READ_AS = {
    "date": "a date",
    "int": "a number",
    "float": "a number",
    "Decimal": "a number",
    "Money": "an amount of money",
    "bool": "yes or no",
}
_COPIED = {
    "said": "the customer's own words",
    "evidence": "one to three whole sentences of the evidence, word for word",
}
_PRIVATE = "notes to yourself before you answer, read by nobody else"
_SAID_ELSEWHERE = {
    *("$ref", "$defs", "definitions", "$schema", "$id", "$anchor", "$comment", "title", "description", "examples"),
    *("type", "enum", "const", "anyOf", "oneOf", "allOf", "default", "deprecated", "readOnly", "writeOnly"),
    *("properties", "required", "additionalProperties", "patternProperties", "items", "prefixItems", "format"),
    *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "pattern", "discriminator"),
}
"""Keywords that have a place of their own in a listing, or mean nothing for a value."""


@cache
def listing(contract: type[Contract]) -> str:
    """The contract, a line for each key; what JSON cannot say of a value stands behind it, as a comment."""
    return _Listing(schema_of(contract), optional_keys=is_schema(contract)).text()


def is_schema(contract: type[Contract]) -> bool:
    """Whether the contract was made from a JSON Schema, and its value is the JSON itself."""
    return hasattr(contract, "__document__")


def schema_of(contract: type[Contract]) -> Any:
    """The contract as JSON Schema; of one that was made from a schema, that one."""
    document = getattr(contract, "__document__", None)
    return contract.model_json_schema(schema_generator=_JsonSchema) if document is None else document.schema


def fields(contract: type[Contract]) -> dict[str, str]:
    """Each key at the top, and its description."""
    schema = schema_of(contract)
    told = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
    return {key: str(part.get("description", "")) if isinstance(part, Mapping) else "" for key, part in told.items()}


class _JsonSchema(GenerateJsonSchema):
    """Pydantic's, with a Decimal as the one string that a grammar writes for it."""

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """What JSON Schema cannot say is the grammar's business."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> dict[str, Any]:
        limits = {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"}
        found = {keyword: str(schema[name]) for keyword, name in limits.items() if name in schema}  # type: ignore[literal-required]
        return {"type": "string", "format": "decimal", **found}


class _Listing:
    """One schema on its way into text. `optional_keys`: keys that it does not require may be left out."""

    def __init__(self, schema: Any, optional_keys: bool) -> None:
        self._root = schema
        self._optional_keys = optional_keys
        self._open: list[str] = []
        self._named: dict[str, str] = {}

    def text(self) -> str:
        root, notes = self._read(self._root)
        lines = [f"// {note}" for note in notes] + [root]
        return "\n".join(lines)

    def _read(self, schema: Any) -> tuple[str, list[str]]:
        """A type, which may have several lines, and what else there is to say of its values."""
        if not isinstance(schema, Mapping):
            return ("any JSON" if schema else "nothing"), []
        notes = _notes(schema)
        reference = schema.get("$ref")
        if isinstance(reference, str):
            text, more = self._resolved(reference)
            return text, [*notes, *(note for note in more if note not in notes)]
        for keyword, sign in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")):
            if keyword in schema:
                parts = [self._read(part) for part in schema[keyword]]
                own = self._own(schema)
                texts = list(dict.fromkeys(([own] if own else []) + [text for text, _ in parts]))
                return sign.join(texts), [*notes, *dict.fromkeys(note for _, some in parts for note in some)]
        return self._own(schema) or "any JSON", [*notes, *self._inside(schema)]

    def _resolved(self, reference: str) -> tuple[str, list[str]]:
        pointer = unquote(reference.partition("#")[2])  # of a document, which has one place only
        name = pointer.rstrip("/").rsplit("/", 1)[-1] or "the whole"
        if reference in self._open:
            return f"{name} (as above)", []
        try:
            target = pointed(self._root, pointer)
        except LookupError:
            return name, []  # an anchor or another document: its name is all there is to say in a line
        self._open.append(reference)
        try:
            return self._read(target)
        finally:
            self._open.pop()

    def _own(self, schema: Schema) -> str:
        """The type that a schema names itself, or ""."""
        if "const" in schema:
            return _json(schema["const"])
        if "enum" in schema:
            return " | ".join(map(_json, schema["enum"]))
        kinds = schema.get("type", ())
        kinds = [kinds] if isinstance(kinds, str) else list(kinds)
        if not kinds:
            kinds = ["object"] * ("properties" in schema) + ["array"] * ("items" in schema or "prefixItems" in schema)
        made = {"object": self._object, "array": self._array}
        return " | ".join(made[kind](schema) if kind in made else kind for kind in kinds)

    def _object(self, schema: Schema) -> str:
        lines: list[str] = []
        required = schema.get("required", ())
        for key, value in schema.get("properties", {}).items():
            mark = "?" if self._optional_keys and key not in required else ""
            lines += self._line(f"{_json(key)}{mark}", value)
        for pattern, value in schema.get("patternProperties", {}).items():
            lines += self._line(f"[keys that match {pattern}]", value)
        others = schema.get("additionalProperties")
        if isinstance(others, Mapping):
            lines += self._line("[other keys]" if lines else "[any key]", others)
        return "\n".join(["{", *(f"  {line}" for line in lines), "}"]) if lines else "{}"

    def _line(self, key: str, schema: Any) -> Iterator[str]:
        text, notes = self._read(schema)
        first, *rest = f"{key}: {text},".split("\n")
        yield first + (f"  // {' '.join(notes)}" if notes else "")
        yield from rest

    def _array(self, schema: Schema) -> str:
        parts = [self._read(part)[0] for part in schema.get("prefixItems", ())]
        items = schema.get("items", not parts)
        if items is not False:
            parts.append(f"{self._read(items)[0]}, …")
        return f"[{', '.join(parts)}]"

    def _inside(self, schema: Schema) -> list[str]:
        """What there is to say of the items of a list; a line has one comment, so it is said of the list."""
        items = schema.get("items")
        found = self._read(items)[1] if isinstance(items, Mapping) else []
        return [f"Each: {' '.join(found)}"] if found else []


def _notes(schema: Schema) -> list[str]:
    """What a schema says of its values beyond their type: description, limits, where they come from."""
    limits = list(_limits(schema))
    description = " ".join(str(schema.get("description", "")).split())
    found = [description] if description else []
    if schema.get("x-private"):
        found.append(f"({', '.join([_PRIVATE, *limits])})")
    elif limits:
        found.append(f"({', '.join(limits)})")
    rest = {key: value for key, value in schema.items() if key not in _SAID_ELSEWHERE and not key.startswith("x-")}
    if rest:
        found.append(f"(also by JSON Schema: {_json(rest)})")
    return found


def _limits(schema: Schema) -> Iterator[str]:
    copied, read_as = schema.get("x-copied"), schema.get("x-read-as")
    if copied is not None:
        yield f"{_COPIED[copied]}{f': {words}' if (words := schema.get('x-words')) else ''}" + (
            f" for {_READ_AS[read_as]}" if read_as in _READ_AS else ""
        )
    if isinstance(form := schema.get("format"), str):
        yield _FORMATS.get(form, form)
    if copied is None:  # how long a copy may be is no news to who copies
        yield from _count(schema, "Length", "character")
    yield from _count(schema, "Items", "item")
    yield from _count(schema, "Properties", "key")
    if schema.get("uniqueItems"):
        yield "none twice"
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        yield f"{least} to {most}"
    elif least is not None or most is not None:
        yield f"{least} or more" if most is None else f"at most {most}"
    for keyword, words in (("exclusiveMinimum", "more than"), ("exclusiveMaximum", "less than")):
        if keyword in schema:
            yield f"{words} {schema[keyword]}"
    if "multipleOf" in schema:
        yield f"a multiple of {schema['multipleOf']}"
    if "pattern" in schema:
        yield f"matches {schema['pattern']}"
    if examples := schema.get("examples"):
        yield f"such as {' or '.join(map(_json, examples))}"


def _count(schema: Schema, keyword: str, noun: str) -> Iterator[str]:
    least, most = schema.get(f"min{keyword}", 0), schema.get(f"max{keyword}")
    if most is None and not least:
        return
    if most is None:
        yield f"at least {least} {noun}{'s' * (least != 1)}"
    elif least == most:
        yield f"exactly {most} {noun}{'s' * (most != 1)}"
    elif least:
        yield f"{least} to {most} {noun}s"
    else:
        yield f"at most {most} {noun}{'s' * (most != 1)}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
