"""Places: where each schema of a document stands, by ids, anchors and JSON pointers. Knows drafts 3 to 2020-12."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urljoin

from jsonschema import Draft4Validator, Draft6Validator, Draft7Validator

from models.schema import vocabulary
from models.schema.refusal import step

ROOT = "urn:interlock:schema"

METASCHEMAS = {
    f"{scheme}://json-schema.org/draft-0{draft}/schema": kind.META_SCHEMA
    for draft, kind in ((4, Draft4Validator), (6, Draft6Validator), (7, Draft7Validator))
    for scheme in ("http", "https")
}
"""What a schema is, which schemas refer to that hold one: those drafts that are one document each."""

_SCHEMAS = vocabulary.ONE | vocabulary.MANY | {"additionalItems", "extends"}
_NAMED = vocabulary.NAMED | {"$defs", "definitions", "dependencies"}


@dataclass(frozen=True)
class Place:
    """Something in a document: the JSON there, its path, and the id that references inside it start from."""

    node: Any
    path: str
    base: str


@dataclass(frozen=True)
class _Index:
    """The places of a document by id, by id and anchor, and by the identity of the JSON there."""

    ids: dict[str, Place] = field(default_factory=dict)
    anchors: dict[tuple[str, str], Place] = field(default_factory=dict)
    known: dict[int, Place] = field(default_factory=dict)


class Places:
    """Of the document `plain`, which declares `draft` if it says any; `path`: of its root."""

    def __init__(self, plain: dict[str, Any], draft: int | None, path: str) -> None:
        self.plain, self.draft = plain, draft
        self.root = Place(plain, path, self.inside(plain, ROOT))

    @cached_property
    def _index(self) -> _Index:
        """One walk through the whole document, once a reference is met."""
        index = _Index()
        doubtful: list[tuple[str, Place]] = []  # ids where no schema is known to be: they count where nothing else does
        stack: list[tuple[Any, str, str, str]] = [(self.plain, self.root.path, ROOT, "schema")]
        while stack:
            node, at, base, kind = stack.pop()
            if isinstance(node, list):
                stack += [(part, step(at, number), base, kind) for number, part in enumerate(node)]
            if not isinstance(node, dict):
                continue
            index.known[id(node)] = Place(node, at, base)
            if kind != "names":
                inside = self.inside(node, base)
                place = Place(node, at, inside)
                if inside != base and kind == "unknown":
                    doubtful.append((inside, place))
                elif inside != base:
                    index.ids.setdefault(inside, place)
                base = inside
                for name in self._names(node) if kind == "schema" else ():
                    index.anchors.setdefault((base, name), place)
            stack += [(part, step(at, key), base, _below(kind, key)) for key, part in node.items()]
        for base, place in doubtful:
            index.ids.setdefault(base, place)
        index.ids[ROOT] = index.ids[self.root.base] = self.root
        return index

    def _id(self, node: dict[str, Any]) -> str | None:
        """The id of a schema; drafts 3 and 4 call it `id`, which is a property's name in all others."""
        if "$ref" in node and self.draft is not None and self.draft <= 7:
            return None
        found = node.get("$id", node.get("id") if self.draft is None or self.draft <= 4 else None)
        return found if isinstance(found, str) else None

    def _names(self, node: dict[str, Any]) -> list[str]:
        """The anchors of a schema; in older drafts an id may be one."""
        found = [node.get("$anchor"), node.get("$dynamicAnchor"), (self._id(node) or "").partition("#")[2]]
        return [name for name in found if isinstance(name, str) and name]

    def inside(self, node: dict[str, Any], base: str) -> str:
        """The id that references inside `node` start from, which stands where they start from `base`."""
        named = (self._id(node) or "").partition("#")[0]
        return _joined(base, named)

    def find(self, ref: str, base: str, dynamic: bool = False) -> Place | None:
        """What `ref` means where references start from `base`, None where it is not in the document. `dynamic`: it may
        mean any schema of that anchor, so that there must be one only."""
        address, _, fragment = ref.partition("#")
        whole, fragment = _joined(base, address), unquote(fragment)
        if whole in (ROOT, self.root.base) and (not fragment or fragment.startswith("/")):
            return self._pointed(self.root, fragment)  # without a walk through what may be megabytes
        start = self._index.ids.get(whole)
        if start is None and whole in METASCHEMAS:
            start = Place(METASCHEMAS[whole], step("$", whole), whole)
        if start is None:
            return None
        if fragment and not fragment.startswith("/"):
            if dynamic and sum(name == fragment for _, name in self._index.anchors) > 1:
                return None
            return self._index.anchors.get((start.base, fragment))
        found = self._pointed(start, fragment)
        known = None if found is None else self._index.known.get(id(found.node))
        return known if known is not None else found

    def _pointed(self, start: Place, pointer: str) -> Place | None:
        """What a JSON pointer leads to from `start`, with the base that it has where `start` is the root."""
        node, path, base, kind = start.node, start.path, start.base, "schema"
        for key in pointer.split("/")[1:]:
            key = key.replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and key.isdecimal() and int(key) < len(node):
                node, path = node[int(key)], step(path, int(key))
            elif isinstance(node, dict) and key in node:
                if node is not start.node and kind != "names":
                    base = self.inside(node, base)
                kind = _below(kind, key)
                node, path = node[key], step(path, key)
            else:
                return None
        return Place(node, path, base)


def _below(kind: str, key: str) -> str:
    """What stands under `key` of an object that is a schema, the names of schemas, or unknown."""
    if kind == "schema" and key in _NAMED:
        return "names"
    return "schema" if kind == "names" or (kind == "schema" and key in _SCHEMAS) else "unknown"


def _joined(base: str, address: str) -> str:
    """What `address`, "" or an id, means where addresses start from `base`; one that is none names itself."""
    if not address or base.startswith("urn:"):
        return address or base
    try:
        return urljoin(base, address)
    except ValueError:  # "http://[bad"
        return address
