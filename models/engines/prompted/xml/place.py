"""Place: what may stand at one place of an answer, and what its tag is called. Knows JSON Schema as Pydantic writes
it.

A Contract's JSON Schema names every kind of field in one language, whatever annotation it came from. It is only a hint
for reading: what may really stand there is the grammar's to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from models.engines.prompted.xml.markup import fold
from models.engines.prompted.xml.options import Schema, choices, is_plain, options, types, xml_name

ITEM, ENTRY = "item", "entry"


@dataclass(frozen=True)
class Leaf:
    """Text: the JSON types it may have, the values to choose from, its format, where it must be copied from, whether it
    is private, and its characters at most, where it says so."""

    types: frozenset[str]
    choices: tuple[object, ...] = ()
    formats: frozenset[str] = frozenset()
    copied: str = ""  # "said" or "evidence"
    private: bool = False
    longest: int = 0

    @property
    def ambiguous(self) -> bool:
        """Whether "12" may be text as well as a number here."""
        others = {type(value).__name__ for value in self.choices if not isinstance(value, str)} - {"NoneType"}
        texts = "string" in self.types or any(isinstance(value, str) for value in self.choices)
        return texts and bool(others or self.types & {"integer", "number", "boolean"})


@dataclass(frozen=True)
class Record:
    """A tag for each place, in order; the keys of those that JSON may leave out, if the grammar agrees."""

    places: tuple[Place, ...]
    optional: frozenset[str] = frozenset()

    @cached_property
    def by_tag(self) -> dict[str, Place]:
        return {fold(place.tag): place for place in self.places}


@dataclass(frozen=True)
class Items:
    """Some tags <item>; the first places are `first`, those after them `rest`."""

    first: tuple[Place, ...]
    rest: Place

    def at(self, number: int) -> Place:
        return self.first[number] if number < len(self.first) else self.rest


@dataclass(frozen=True)
class Entries:
    """Some tags <entry key="…">."""

    key: Place
    value: Place


Shape: TypeAlias = Record | Items | Entries


class Place:
    """One field, item or entry. `where` is its path of tags, for people."""

    def __init__(self, schema: Schema, defs: Schema, tag: str, key: str = "", where: str = "") -> None:
        self.schema = schema
        self.tag = tag
        self.key = key
        self.where = where or tag
        self._defs = defs
        self._merged: dict[str, Place] = {}

    @cached_property
    def leaf(self) -> Leaf | None:
        """What it may be as text; null is text too."""
        plain = [option for option in self._options if is_plain(option)]
        offered = tuple(value for option in plain for value in choices(option))
        return (
            Leaf(
                frozenset(kind for option in plain for kind in types(option)),
                offered,
                frozenset(option["format"] for option in plain if "format" in option),
                next((option["x-copied"] for option in plain if "x-copied" in option), ""),
                any("x-private" in option for option in plain),
                max(option.get("maxLength", 0) for option in plain),
            )
            if plain
            else None
        )

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """What it may be as tags."""
        return tuple(self._shape(option) for option in self._options if not is_plain(option))

    @cached_property
    def title(self) -> str:
        return next((str(option["title"]) for option in self._options if "title" in option), "")

    def inside(self, tag: str, number: int = 0) -> Place | None:
        """The place of a folded tag inside this one, where `number` items stand already."""
        found = [place for shape in self.shapes if (place := inside(shape, tag, number)) is not None]
        if len(found) < 2:
            return found[0] if found else None
        if tag not in self._merged:
            schemas = [place.schema for place in found]
            self._merged[tag] = Place({"anyOf": schemas}, self._defs, found[0].tag, found[0].key, found[0].where)
        return self._merged[tag]

    @cached_property
    def every_tag(self) -> frozenset[str]:
        """The folded tags of all fields, however deep inside."""
        records = [self.schema, *self._defs.values()]
        return frozenset(fold(xml_name(key)) for record in records for key in record.get("properties", ()))

    @cached_property
    def _options(self) -> tuple[Schema, ...]:
        return tuple(options(self.schema, self._defs, frozenset()))

    def _shape(self, option: Schema) -> Shape:
        if "properties" in option or option.get("additionalProperties") is False:
            properties = option.get("properties", {})
            return Record(tuple(self._fields(properties)), frozenset(properties) - set(option.get("required", ())))
        if option["type"] == "object":
            names, values = option.get("propertyNames", {"type": "string"}), option.get("additionalProperties")
            patterns = option.get("patternProperties", {})
            value = values if isinstance(values, Mapping) else next(iter(patterns.values()), {})
            return Entries(self._place(names, "key"), self._place(value, ENTRY))
        rest = option.get("items")
        return Items(
            tuple(self._place(one, ITEM) for one in option.get("prefixItems", ())),
            self._place(rest if isinstance(rest, Mapping) else {}, ITEM),
        )

    def _fields(self, properties: Mapping[str, Schema]) -> Iterator[Place]:
        taken: set[str] = set()
        for key, schema in properties.items():
            tag = name = xml_name(key)
            number = 1
            while fold(tag) in taken:
                number += 1
                tag = f"{name}_{number}"
            taken.add(fold(tag))
            yield self._place(schema, tag, key)

    def _place(self, schema: Schema, tag: str, key: str = "") -> Place:
        return Place(schema, self._defs, tag, key, f"{self.where}/{tag}" if self.key or self.tag == ITEM else tag)


def inside(shape: Shape, tag: str, number: int = 0) -> Place | None:
    """The place of a folded tag inside one of the shapes that a place may have."""
    if isinstance(shape, Record):
        return shape.by_tag.get(tag)
    if isinstance(shape, Items):
        return shape.at(number) if tag == ITEM else None
    return shape.value if tag == ENTRY else None
