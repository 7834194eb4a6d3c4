"""Document: a JSON Schema in one spelling, whichever draft or tool wrote it, with every reference resolved.

Knows drafts 3 to 2020-12, OpenAPI's `nullable`, and tools that wrap their schemas. Where things stand: places.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from models.schema import vocabulary
from models.schema.collection import collected, describes_api
from models.schema.faults import fault_of
from models.schema.formats import FORMATS
from models.schema.library import Library
from models.schema.notes import Notes
from models.schema.places import ROOT, Place, Places
from models.schema.refusal import SchemaRefused, step
from models.schema.schema_folder import SchemaFile
from models.schema.spelling import OLD, spelled, with_null

_WRAPPERS = (
    ("function", "parameters"), ("parameters",), ("input_schema",), ("inputSchema",), ("json_schema", "schema"),
    ("schema",),
)  # fmt: skip
"""Where tools of OpenAI, Anthropic and MCP, and OpenAI's response formats, have the schema of what is written."""

Schema = dict[str, Any] | bool


@dataclass(frozen=True, eq=False)
class Located:
    """A schema, and where it stands in the document: `$.properties.name`."""

    schema: Schema
    path: str


@dataclass(frozen=True, eq=False)
class Document:
    """`schema`: in the spelling of 2020-12, each `$ref` a pointer below `ROOT`, nothing in it that constrains nothing.
    `targets`: what each `$ref` means. `notes`: what was ignored, and what the grammar will not follow. `path`: where
    the schema stood in what was given. `files`: the names of other files that it leads to."""

    schema: Schema
    targets: dict[str, Located] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)
    path: str = "$"
    files: tuple[str, ...] = ()

    @property
    def root(self) -> Located:
        return Located(self.schema, self.path)

    def alone(self) -> Schema:
        """The schema with references that begin with #, as a file of its own has them."""
        found: Schema = _local(self.schema)
        return found

    def direct(self, located: Located) -> Located:
        """What a schema means that is nothing but a reference; any other itself."""
        for _ in range(_DEEP):
            schema = located.schema
            if (
                not isinstance(schema, dict)
                or "$ref" not in schema
                or schema.keys() - vocabulary.TOLD - {"$ref", "$defs"}
            ):
                break
            located = self.targets[schema["$ref"]]
        return located


def _local(part: Any) -> Any:
    if isinstance(part, list):
        return [_local(one) for one in part]
    if not isinstance(part, dict):
        return part
    found = {name: _local(one) for name, one in part.items()}
    if isinstance(ref := part.get("$ref"), str):
        found["$ref"] = ref.removeprefix(ROOT)
    return found


_SHOWN = 40  # characters of a wrong value that its refusal repeats
_DEEP = 8  # references that lead to references
_SUFFIX = re.compile(r'\.(json|ya?ml)"\]$')  # of a file that a reference means as a whole


def document(schema: object, strict: bool = False, file: SchemaFile | None = None) -> Document:
    """Read `schema`, a bool or a dict of JSON values. `strict`: an unknown format is refused, not ignored. `file`: what
    it was read from, so that references may lead to other files of that folder.

    SchemaRefused for a schema that is none, a keyword whose value means nothing, and a reference to elsewhere.
    """
    try:
        plain = json.loads(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaRefused("$", f"is no JSON: {error}.", "Give the schema as json.loads returns it.") from None
    if not isinstance(plain, dict | bool):
        raise SchemaRefused("$", "is neither an object nor a truth value.", "Give the schema itself.")
    if isinstance(plain, bool):
        return Document(plain)
    if describes_api(plain):
        schemas = collected(plain) or ()
        raise SchemaRefused(
            "$", f"describes an API, with {len(schemas)} schemas, and is none.",
            f'Give one of them: {{"$ref": "{next(iter(schemas), "#/…")}"}}, and beside it what it leads to.',
        )  # fmt: skip
    plain, path = unwrapped(plain)
    reader = _Reader(plain, path, strict, file)
    whole = reader.whole()
    schema = _with_definitions(whole, reader.targets)
    return Document(schema, reader.targets, reader.notes, path, reader.library.files)


def _with_definitions(whole: Schema, targets: dict[str, Located]) -> Schema:
    if isinstance(whole, bool):
        return whole
    found = {ref.rpartition("/")[2]: target.schema for ref, target in targets.items() if ref != ROOT + "#"}
    if found:
        whole["$defs"] = found  # in place: a reference to the whole means this very dict
    return whole


def unwrapped(plain: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The schema that a tool's definition wraps, and its path; `plain` itself where it says anything as a schema.
    SchemaRefused for a tool that has none."""
    kind = plain.get("type", "function")
    if not plain.keys() & (vocabulary.ENFORCED - {"type"}) and kind in ("function", "json_schema", "custom"):
        for keys in _WRAPPERS:
            found: Any = plain
            for key in keys:
                found = found.get(key) if isinstance(found, dict) else None
            if isinstance(found, dict):
                return found, step("$", *keys)
        if "type" in plain:
            raise SchemaRefused("$", f"is of type {kind}, and has no schema in it.", "Give its parameters a schema.")
    return plain, "$"


def without_keywords(plain: dict[str, Any]) -> tuple[str, ...]:
    """The names of an object that has no keyword of JSON Schema and wraps no schema: it was meant for something else,
    and as a schema it would admit everything. () for a schema, `{}` among them."""
    if plain.keys() & (vocabulary.ENFORCED | vocabulary.SILENT | OLD) or unwrapped(plain)[0] is not plain:
        return ()
    return tuple(map(str, plain))


class _Reader:
    """One walk through the schema as it was given, and through what its references mean. `places`: of the document that
    is being read."""

    def __init__(self, plain: dict[str, Any], path: str, strict: bool, file: SchemaFile | None) -> None:
        self.plain, self.strict, self.notes = plain, strict, Notes()
        self.places = Places(plain, path, ROOT if file is None else file.address)
        self.library = Library(self.places, file)
        if self.places.declared is not None and self.places.draft is None:
            self.notes.ignore(f"$schema {json.dumps(self.places.declared)}")
        self.targets: dict[str, Located] = {}
        self.names: dict[int, str] = {id(plain): ROOT + "#"}
        self._pending: list[tuple[dict[str, Any], Place]] = []
        self._dynamic: dict[str, str] = {}  # dynamic anchors that are referred to, and where

    def whole(self) -> Schema:
        """The schema in one spelling, and into `targets` what each of its references means."""
        root = self.places.root
        found = self.read(self.plain, root.path, self.places.address)
        while self._pending:
            shell, place = self._pending.pop()
            self.places = place.document
            whole = place.node is self.places.plain  # whose own id is joined while it is read
            read = self.read(place.node, place.path, self.places.address if whole else place.base)
            assert isinstance(read, dict)
            shell.update(read)
        if ROOT + "#" in self.targets:
            self.targets[ROOT + "#"] = Located(found, root.path)
        for anchor, at in self._dynamic.items():  # any of them may be meant, by whoever refers to what refers to it
            if self.library.dynamic(anchor) > 1:
                raise SchemaRefused(at, "may mean several schemas of one dynamic anchor.", "Refer to one with $ref.")
        return found

    @property
    def draft(self) -> int | None:
        return self.places.draft

    def read(self, schema: object, path: str, base: str) -> Schema:
        """`schema` in one spelling. `base`: the id that references start from where it stands."""
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise SchemaRefused(path, "is no schema.", "Write an object, or true or false.")
        base = self.places.inside(schema, base)
        if "$ref" in schema and self.draft is not None and self.draft <= 7:
            for keyword in schema.keys() & vocabulary.ENFORCED - {"$ref"}:
                self.notes.ignore(f"{keyword} beside $ref")
            schema = {name: value for name, value in schema.items() if name in vocabulary.TOLD | {"$ref"}}
        found: dict[str, Any] = {}
        for keyword, value in schema.items():
            if keyword in vocabulary.TOLD:
                found[keyword] = value
                continue
            at = step(path, keyword)
            if keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
                self._refer(value, at, base, found)
                continue
            for name, read in spelled(keyword, value, schema) if keyword in OLD else [(keyword, value)]:
                if self._said(name, read, keyword, schema, at):
                    self._add(found, name, self._mapped(name, read, at, base))
        return with_null(found, schema, self.draft)

    def _said(self, name: str, value: Any, keyword: str, schema: dict[str, Any], at: str) -> bool:
        """Whether a keyword constrains anything. SchemaRefused where its value is none that it may have."""
        if name not in vocabulary.ENFORCED or (self.draft or 9) < vocabulary.SINCE.get(keyword, 0):
            if keyword == "nullable" and self.draft is None:  # see with_null
                if value is True and "type" not in schema:
                    self.notes.ignore("nullable without type")
            elif keyword not in vocabulary.SILENT:
                self.notes.ignore(keyword)
            return False
        if value is None and name != "const":
            self.notes.ignore(f"{keyword} null")
            return False
        if name in vocabulary.USELESS and vocabulary.USELESS[name] not in schema:
            self.notes.ignore(f"{keyword} without {vocabulary.USELESS[name]}")
            return False
        if name == "format" and value not in FORMATS:
            if self.strict and isinstance(value, str):
                raise SchemaRefused(
                    at, f"is {value!r}, which is not known.", f"Use one of {', '.join(sorted(FORMATS))}, or a pattern."
                )
            self.notes.ignore(f"format {json.dumps(value)}")
            return False
        fault = fault_of(name, value)
        if fault:
            given = json.dumps(value, ensure_ascii=False)
            told = f"is {given}, not" if len(given) <= _SHOWN else "is not"
            raise SchemaRefused(at, f"{told} {fault[0]}.", fault[1])
        return True

    def _add(self, found: dict[str, Any], name: str, value: Any) -> None:
        """Take a keyword in; one that came from an old spelling may be there already."""
        if name not in found:
            found[name] = value
        elif name == "required":
            found[name] = list(dict.fromkeys([*found[name], *value]))
        elif name in ("dependentRequired", "dependentSchemas"):
            found[name] = {**value, **found[name]}
        else:
            found["allOf"] = [*found.get("allOf", ()), *(value if name == "allOf" else [{name: value}])]

    def _mapped(self, name: str, value: Any, at: str, base: str) -> Any:
        """`value` with every schema in it read."""
        inside: Callable[..., Schema] = lambda part, *keys: self.read(part, step(at, *keys), base)  # noqa: E731
        if name in vocabulary.ONE:
            return inside(value)
        if name in vocabulary.MANY:
            return [inside(part, number) for number, part in enumerate(value)]
        if name in vocabulary.NAMED:
            return {key: inside(part, key) for key, part in value.items()}
        return value

    def _refer(self, ref: object, at: str, base: str, found: dict[str, Any]) -> None:
        place = self.library.find(ref, base, self.places) if isinstance(ref, str) else None
        if not isinstance(place, Place):
            told, hint = place or ("which is not in this schema", "Copy what it refers to into $defs.")
            raise SchemaRefused(at, f"refers to {json.dumps(ref)}, {told}.", hint)
        if not at.endswith("$ref") and isinstance(ref, str):
            self._dynamic.setdefault(ref.partition("#")[2], at)
        if isinstance(place.node, bool):
            self._add(found, "allOf", [place.node])
            return
        if not isinstance(place.node, dict):
            raise SchemaRefused(at, f"refers to {ref!r}, which is no schema.", "Refer to a schema below $defs.")
        name = self.names.get(id(place.node))
        if name is None:
            last = re.findall(r"[\w-]+", _SUFFIX.sub("", place.path))[-1:] or ["schema"]
            name = f"{ROOT}#/$defs/{last[0]}"
            name = self.names[id(place.node)] = name if name not in self.targets else f"{name}-{len(self.names)}"
            shell: dict[str, Any] = {}  # read later, into the dict that its own references may already mean
            self._pending.append((shell, place))
            self.targets[name] = Located(shell, place.path)
        if name == ROOT + "#" and name not in self.targets:
            self.targets[name] = Located({}, "$")  # filled in once the whole is read
        self._add(found, "$ref", name)
