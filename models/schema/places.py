"""Places: where each schema of a document stands, by ids, anchors and JSON pointers. Knows drafts 3 to 2020-12.

Which document an address means is told in library.py.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urljoin

from models.schema import vocabulary
from models.schema.refusal import step

ROOT = "urn:interlock:schema"

_DRAFT = re.compile(r"json-schema\.org/draft(?:-0([1-7])|/(2019-09|2020-12))/(?:hyper-)?schema")
_YEARS = {"2019-09": 8, "2020-12": 9}

_SCHEMAS = vocabulary.ONE | vocabulary.MANY | {"additionalItems", "extends"}
_NAMED = vocabulary.NAMED | {"$defs", "definitions", "dependencies"}


@dataclass(frozen=True, eq=False)
class Place:
    """Something in a document: the JSON there, its path, the id that references inside it start from, and the document
    that it is in."""

    node: Any
    path: str
    base: str
    document: Places


@dataclass(frozen=True)
class _Index:
    """The places of a document by id, by id and anchor, and by the identity of the JSON there. `dynamic`: how many
    schemas have a dynamic anchor, by its name; "": those of `$recursiveAnchor`."""

    ids: dict[str, Place] = field(default_factory=dict)
    anchors: dict[tuple[str, str], Place] = field(default_factory=dict)
    known: dict[int, Place] = field(default_factory=dict)
    dynamic: Counter[str] = field(default_factory=Counter)


class Places:
    """Of the document `plain`, any JSON. `path`: of its root; `address`: where it was read from. `draft`: the one that
    it declares, from 1 to 7, 8 for 2019-09, 9 for 2020-12, None where it declares none that is known."""

    def __init__(self, plain: Any, path: str, address: str = ROOT) -> None:
        self.plain, self.address = plain, address
        self.declared = plain.get("$schema") if isinstance(plain, dict) else None
        known = _DRAFT.search(self.declared) if isinstance(self.declared, str) else None
        self.draft = (int(known[1]) if known[1] else _YEARS[known[2]]) if known else None
        self.root = Place(plain, path, self.inside(plain, address), self)

    @cached_property
    def _index(self) -> _Index:
        """One walk through the whole document, once a reference is met."""
        index = _Index()
        doubtful: list[tuple[str, Place]] = []  # ids where no schema is known to be: they count where nothing else does
        stack: list[tuple[Any, str, str, str]] = [(self.plain, self.root.path, self.address, "schema")]
        while stack:
            node, at, base, kind = stack.pop()
            if isinstance(node, list):
                stack += [(part, step(at, number), base, kind) for number, part in enumerate(node)]
            if not isinstance(node, dict):
                continue
            index.known[id(node)] = Place(node, at, base, self)
            if kind != "names":
                inside = self.inside(node, base)
                place = Place(node, at, inside, self)
                if inside != base and kind == "unknown":
                    doubtful.append((inside, place))
                elif inside != base:
                    index.ids.setdefault(inside, place)
                base = inside
                for name in self._names(node) if kind == "schema" else ():
                    index.anchors.setdefault((base, name), place)
                if kind == "schema" and isinstance(named := node.get("$dynamicAnchor"), str):
                    index.dynamic[named] += 1
                index.dynamic[""] += kind == "schema" and node.get("$recursiveAnchor") is True
            stack += [(part, step(at, key), base, _below(kind, key)) for key, part in node.items()]
        for base, place in doubtful:
            index.ids.setdefault(base, place)
        index.ids[self.address] = index.ids[self.root.base] = self.root
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

    def inside(self, node: Any, base: str) -> str:
        """The id that references inside `node` start from, which stands where they start from `base`."""
        named = (self._id(node) or "").partition("#")[0] if isinstance(node, dict) else ""
        return joined(base, named)

    def find(self, whole: str, fragment: str) -> Place | None:
        """What stands at `fragment`, an anchor or a pointer, of the schema whose id is `whole`; None where that is not
        in this document."""
        if whole in (self.address, self.root.base) and (not fragment or fragment.startswith("/")):
            return self._pointed(self.root, fragment)  # without a walk through what may be megabytes
        start = self._index.ids.get(whole)
        if start is None:
            return None
        if fragment and not fragment.startswith("/"):
            return self._index.anchors.get((start.base, fragment))
        found = self._pointed(start, fragment)
        known = None if found is None else self._index.known.get(id(found.node))
        return known if known is not None else found

    def dynamic(self, anchor: str) -> int:
        """How many schemas have this dynamic anchor; "": are recursive anchors."""
        return self._index.dynamic[anchor]

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
        return Place(node, path, base, self)


def _below(kind: str, key: str) -> str:
    """What stands under `key` of an object that is a schema, the names of schemas, or unknown."""
    if kind == "schema" and key in _NAMED:
        return "names"
    return "schema" if kind == "names" or (kind == "schema" and key in _SCHEMAS) else "unknown"


def joined(base: str, address: str) -> str:
    """What `address`, "" or an id, means where addresses start from `base`; one that is none names itself."""
    if not address or base.startswith("urn:"):
        return address or base
    try:
        return urljoin(base, address)
    except ValueError:  # "http://[bad"
        return address
