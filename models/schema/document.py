"""Document: a JSON Schema in one spelling, with every reference resolved to a pointer into itself.

Knows drafts 6 to 2020-12, $id, $anchor and JSON pointers. Every keyword that it lets through is one of vocabulary.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from jsonschema import Draft7Validator, Draft202012Validator, SchemaError
from jsonschema.validators import validator_for
from referencing import Registry, Specification
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT6, DRAFT7, DRAFT201909, DRAFT202012

from models.errors import ContractError
from models.schema import vocabulary
from models.schema.formats import FORMATS
from models.schema.refusal import SchemaRefused, step

ROOT = "urn:interlock:schema"

_DIALECTS = {
    "draft-06": (True, DRAFT6),
    "draft-07": (True, DRAFT7),
    "draft/2019-09": (False, DRAFT201909),
    "draft/2020-12": (False, DRAFT202012),
}

Schema = dict[str, Any] | bool


@dataclass(frozen=True, eq=False)
class Located:
    """A schema, and where it stands in the document: `$.properties.name`."""

    schema: Schema
    path: str


@dataclass(frozen=True)
class Document:
    """`schema`: drafts' spellings written as 2020-12, `$id` and anchors gone, each `$ref` a pointer below `ROOT`.
    `targets`: what each `$ref` means."""

    schema: Schema
    targets: dict[str, Located] = field(default_factory=dict)

    @property
    def root(self) -> Located:
        return Located(self.schema, "$")


def document(schema: object) -> Document:
    """Read `schema`, a bool or a dict of JSON values.

    SchemaRefused for a keyword that is unknown or cannot be enforced anywhere, for a reference to elsewhere, and for
    a schema that is none.
    """
    try:
        plain = json.loads(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaRefused("$", f"is no JSON: {error}.", "Give the schema as json.loads returns it.") from None
    if not isinstance(plain, dict | bool):
        raise SchemaRefused("$", "is neither an object nor a truth value.", "Give the schema itself.")
    if isinstance(plain, bool):
        return Document(plain)
    reader = _Reader(plain, *_checked(plain))
    whole = reader.read(plain, "$", reader.resolver)
    assert isinstance(whole, dict)
    try:
        Draft202012Validator.check_schema(whole)
    except SchemaError as error:
        raise _malformed(error) from None
    targets = {ref: Located(_pointed(whole, tokens), path) for ref, (tokens, path) in reader.targets.items()}
    return Document(whole, targets)


def _checked(schema: dict[str, Any]) -> tuple[bool, Specification[Any]]:
    """Whether `schema` declares a draft before 2019-09, in which nothing counts beside a $ref; and how its references
    are read."""
    declared = schema.get("$schema")
    if declared is None:
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            if not Draft7Validator(Draft7Validator.META_SCHEMA).is_valid(schema):
                raise _malformed(error) from None
            return False, DRAFT7
        return False, DRAFT202012
    found = validator_for(schema, default=None)
    name = str(declared).removesuffix("#").partition("json-schema.org/")[2].removesuffix("/schema")
    if found is None or name not in _DIALECTS:
        raise SchemaRefused(
            "$.$schema",
            f"names {declared!r}, which is not read here.",
            'Write it for "https://json-schema.org/draft/2020-12/schema".',
        )
    try:
        found.check_schema(schema)
    except SchemaError as error:
        raise _malformed(error) from None
    return _DIALECTS[name]


_SPELLING = {
    "exclusiveMinimum": "Give the number itself, and no minimum: {exclusiveMinimum: 5}.",
    "exclusiveMaximum": "Give the number itself, and no maximum: {exclusiveMaximum: 5}.",
    "required": "List the required properties beside `properties`: {required: [name]}.",
    "pattern": "Write a regular expression that is valid in ECMA-262 and in Python.",
    "type": "Use null, boolean, integer, number, string, array or object.",
}


def _malformed(error: SchemaError) -> ContractError:
    path = step("$", *error.absolute_path)
    keyword = next((key for key in reversed(error.absolute_path) if isinstance(key, str)), "")
    return SchemaRefused(
        path, f"is not valid JSON Schema: {error.message}.",
        _SPELLING.get(keyword, "Correct it, or remove it."),
    )  # fmt: skip


def _pointed(schema: Schema, tokens: tuple[str | int, ...]) -> Schema:
    found: Any = schema
    for token in tokens:
        found = found[token]
    return found  # type: ignore[no-any-return]


class _Reader:
    """One walk through the schema as it was given."""

    def __init__(self, plain: dict[str, Any], old: bool, dialect: Specification[Any]) -> None:
        self.old, self.dialect = old, dialect
        resource = dialect.create_resource(plain)
        registry = Registry().with_resource(ROOT, resource).crawl()
        self.resolver = registry.resolver(resource.id() or ROOT)
        self.places: dict[int, tuple[tuple[str | int, ...], str]] = {}
        self.targets: dict[str, tuple[tuple[str | int, ...], str]] = {}
        _place(plain, (), "$", self.places)

    def read(self, schema: object, path: str, resolver: Any) -> Schema:
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise SchemaRefused(path, "is no schema.", "Write an object, or true or false.")
        if path != "$" and "$id" in schema:
            resolver = resolver.in_subresource(self.dialect.create_resource(schema))
        self._refuse(schema, path)
        found: dict[str, Any] = {}
        for keyword, value in schema.items():
            at = step(path, keyword)
            if keyword == "$ref":
                self._refer(value, at, resolver, found)
            elif keyword in ("$id", "$anchor", "$dynamicAnchor", "$schema"):
                continue
            else:
                for name, read in _renamed(keyword, value):
                    found[name] = _mapped(name, read, lambda part, *keys: self.read(part, step(at, *keys), resolver))  # noqa: B023
        if isinstance(found.get("$ref"), bool):
            found["allOf"] = [*found.get("allOf", []), found.pop("$ref")]
        return found

    def _refuse(self, schema: dict[str, Any], path: str) -> None:
        for keyword in schema:
            if keyword in ("dependencies", "additionalItems") and (
                keyword == "dependencies" or isinstance(schema.get("items"), list)
            ):
                continue
            if keyword not in vocabulary.KNOWN:
                raise SchemaRefused(
                    step(path, keyword), "is a keyword that a grammar cannot enforce.",
                    vocabulary.ADVICE.get(keyword, f"Remove {keyword!r}, or move what it says to a description."),
                )  # fmt: skip
            partner = vocabulary.USELESS.get(keyword)
            if partner is not None and partner not in schema:
                raise SchemaRefused(
                    step(path, keyword), f"does nothing without {partner}.", f"Add {partner}, or remove {keyword}."
                )
        name = schema.get("format")
        if isinstance(name, str) and name not in FORMATS:
            raise SchemaRefused(
                step(path, "format"),
                f"is {name!r}, which is not enforced.",
                f"Use one of {', '.join(sorted(FORMATS))}, or write a pattern.",
            )
        if self.old and "$ref" in schema and schema.keys() - vocabulary.HARMLESS - {"$ref", "$defs", "definitions"}:
            raise SchemaRefused(
                step(path, "$ref"), "stands beside other keywords, which its draft ignores.",
                "Declare draft 2020-12, or move the $ref into an allOf.",
            )  # fmt: skip

    def _refer(self, ref: str, at: str, resolver: Any, found: dict[str, Any]) -> None:
        try:
            contents = resolver.lookup(ref).contents
        except (Unresolvable, ValueError):
            raise SchemaRefused(
                at, f"refers to {ref!r}, which is not in this schema.", "Copy what it refers to into $defs."
            ) from None
        if isinstance(contents, bool):
            found["$ref"] = contents
            return
        place = self.places.get(id(contents))
        if place is None:
            raise SchemaRefused(at, f"refers to {ref!r}, which is no schema.", "Refer to a schema below $defs.")
        tokens, _ = place
        escaped = (str(token).replace("~", "~0").replace("/", "~1") for token in tokens)
        absolute = ROOT + "#" + "".join(f"/{quote(token, safe='')}" for token in escaped)
        self.targets[absolute] = place
        found["$ref"] = absolute


def _renamed(keyword: str, value: Any) -> list[tuple[str, Any]]:
    """The keyword and its value as draft 2020-12 writes it."""
    if keyword == "items" and isinstance(value, list):
        return [("prefixItems", value)] if value else []
    if keyword == "additionalItems":
        return [("items", value)]
    if keyword == "dependencies" and isinstance(value, dict):
        lists = {name: part for name, part in value.items() if isinstance(part, list)}
        schemas = {name: part for name, part in value.items() if not isinstance(part, list)}
        return [("dependentRequired", lists), ("dependentSchemas", schemas)]
    return [(keyword, value)]


def _mapped(name: str, value: Any, inside: Any) -> Any:
    """`value` with every schema in it read by `inside(schema, *keys)`."""
    if name in vocabulary.ONE:
        return inside(value)
    if name in vocabulary.MANY and isinstance(value, list):
        return [inside(part, number) for number, part in enumerate(value)]
    if name in vocabulary.NAMED and isinstance(value, dict):
        return {key: inside(part, key) for key, part in value.items()}
    return value


def _place(schema: Any, tokens: tuple[str | int, ...], path: str, places: dict[int, Any]) -> None:
    """Where each schema will stand in the document, by its identity."""
    if not isinstance(schema, dict):
        return
    places[id(schema)] = (tokens, path)
    for keyword, value in schema.items():
        at = step(path, keyword)
        for name, read in _renamed(keyword, value) if keyword != "dependencies" or isinstance(value, dict) else ():
            here = (*tokens, name)
            if name in vocabulary.ONE:
                _place(read, here, at, places)
            elif name in vocabulary.MANY and isinstance(read, list):
                for number, part in enumerate(read):
                    _place(part, (*here, number), step(at, number), places)
            elif name in vocabulary.NAMED and isinstance(read, dict):
                for key, part in read.items():
                    _place(part, (*here, key), step(at, key), places)
