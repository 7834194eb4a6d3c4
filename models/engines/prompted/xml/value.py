"""Value: an element as the JSON that a grammar admits, field by field. Knows what may be missing and which spelling
fits; asks the writer, and thereby the grammar, for leave. Does not know how the element was found."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial

from models.engines.prompted.xml.element import Element
from models.engines.prompted.xml.form import expected
from models.engines.prompted.xml.json_body import from_text
from models.engines.prompted.xml.leaf import proposals
from models.engines.prompted.xml.markup import fold
from models.engines.prompted.xml.place import ITEM, Entries, Items, Leaf, Place, Record, Shape, inside
from models.engines.prompted.xml.refused import ReplyRefused
from models.engines.prompted.xml.writer import XmlWriter
from models.grammar.grammar import Grammar
from models.grammar.separators import separators

_TELLING = {"null", "nil", "xsi:nil"}
_NO_FIELDS = {"null", "nil", "xsi:nil", "type", "key", "name", "value"}


def json_of(element: Element, grammar: Grammar) -> str:
    """The JSON of an answer, a text of the grammar. Raises ReplyRefused."""
    writer = XmlWriter(grammar)
    _Values(writer, grammar).write(element.place, element)
    text = writer.finished()
    if text is None:
        raise ReplyRefused(f"{element.place.where}: something is missing.", incomplete=True)
    return text


class _Absent(ReplyRefused):
    """A field has no tag, and nothing to take its place."""


class _Values:
    def __init__(self, writer: XmlWriter, grammar: Grammar) -> None:
        self._writer = writer
        self._grammar = grammar
        self._separators = separators(grammar.spaced)
        self._bounds = {bound.field: bound.text for bound in reversed(grammar.bounds)}

    def write(self, place: Place, element: Element) -> None:
        """The element as a value of the place; nothing is written where ReplyRefused is raised."""
        leaf = [partial(self._leaf, place, place.leaf, element)] if place.leaf and not element.elements else []
        empty = not element.elements and not element.text.strip() and not element.attributes.keys() & _TELLING
        given = bool(element.attributes.keys() - _NO_FIELDS)
        shapes = sorted(place.shapes, key=lambda shape: _strangers(shape, element))
        first = [empty and (given or not _has_fields(shape)) for shape in shapes]  # nothing may be an empty list
        shaped = [partial(self._shape, place, shape, element) for shape in shapes]
        ways: list[Callable[[], None]] = [way for way, now in zip(shaped, first, strict=True) if now]
        ways += leaf
        ways += [way for way, now in zip(shaped, first, strict=True) if not now]
        self._first(ways, place)

    def _first(self, ways: Sequence[Callable[[], None]], place: Place) -> None:
        """The first of several ways that leads anywhere; else the refusal of the one that led furthest."""
        start = self._writer.length
        furthest: tuple[int, ReplyRefused] | None = None
        for way in ways:
            try:
                return way()
            except ReplyRefused as error:
                if furthest is None or self._writer.length > furthest[0]:
                    furthest = self._writer.length, error
                self._writer.back(start)
        raise furthest[1] if furthest else self._unfit(place, "")

    def _leaf(self, place: Place, leaf: Leaf, element: Element) -> None:
        text = element.text
        if element.open:
            raise ReplyRefused(f"{place.where}: the reply ends inside this tag.", incomplete=True)
        if not text.strip() and "value" in element.attributes:
            text = element.attributes["value"]
        if not any(map(self._writer.put_value, proposals(text, leaf, self._grammar, element.attributes))):
            raise self._unfit(place, text)

    def _shape(self, place: Place, shape: Shape, element: Element) -> None:
        if not element.elements and element.text.strip():
            element = from_text(element.text, place)
        if isinstance(shape, Record):
            return self._record(shape, element)
        if element.open:
            raise ReplyRefused(f"{place.where}: the reply ends inside this tag.", incomplete=True)
        named = [inner for inner in element.elements if inner.tag == ITEM]
        many = named or element.elements
        orders = [many]
        inner = shape.key if isinstance(shape, Entries) else shape.rest
        if inner.leaf is not None and inner.leaf.choices:  # a set of choices has one order only
            ranks = {str(choice): rank for rank, choice in enumerate(inner.leaf.choices)}
            ordered = sorted(many, key=lambda one: ranks.get(_label(one, shape), len(ranks)))
            orders += [ordered] if ordered != many else []
        return self._first([partial(self._many, place, shape, order) for order in orders], place)

    def _record(self, shape: Record, element: Element) -> None:
        opening = "{"
        for place in shape.places:
            before = self._writer.length
            self._must(f"{opening}{self._json(place.key)}{self._separators.colon}", place, "it has no place here")
            try:
                self._field(place, element)
                opening = self._separators.comma
            except _Absent:
                if place.key not in shape.optional or element.open:
                    raise
                self._writer.back(before)
        self._must("{}" if opening == "{" else "}", element.place, "something is missing in it")

    def _field(self, place: Place, parent: Element) -> None:
        tag = fold(place.tag)
        found = [element for element in parent.elements if element.tag == tag]
        whole = [element for element in found if not element.open]
        if not found and tag in parent.attributes:
            whole = [Element(place, parts=[parent.attributes[tag]], tag=tag)]
        if not whole and not found:
            return self._absent(place, implied=not parent.open)
        if len(whole) > 1 and _is_list(place) and not any(element.elements for element in whole):
            # <tag>a</tag><tag>b</tag>
            whole = [Element(place, parts=[_as_item(element) for element in whole], tag=tag)]
        return self.write(place, (whole or found)[-1])

    def _absent(self, place: Place, implied: bool) -> None:
        """A field without a tag: notes are empty; in an answer that was ended, null or its default."""
        leaf = place.leaf
        fillers = ['""'] if leaf is not None and leaf.private else []
        if implied and leaf is not None and ("null" in leaf.types or None in leaf.choices):
            fillers.append("null")
        if implied and "default" in place.schema:
            fillers.append(self._json(place.schema["default"]))
        if not any(map(self._writer.put_value, fillers)):
            raise _Absent(f"{place.where}: the tag <{place.tag}> is missing.", incomplete=True)

    def _many(self, place: Place, shape: Items | Entries, elements: Sequence[Element]) -> None:
        marks = "{}" if isinstance(shape, Entries) else "[]"
        if not elements:
            return self._must(marks, place, "it must not be empty")
        for number, element in enumerate(elements):
            before = self._separators.comma if number else marks[0]
            self._must(before, place, f"it holds more than the {number} that fit")
            if isinstance(shape, Entries):
                name = Element(shape.key, parts=[element.attributes.get("key", element.attributes.get("name", ""))])
                self.write(shape.key, name)
                self._must(self._separators.colon, place, "it has an entry too many")
                self.write(shape.value, element)
            else:
                self.write(shape.at(number), element)
        return self._must(marks[1], place, f"it needs more than {len(elements)}")

    def _must(self, text: str, place: Place, why: str) -> None:
        if not self._writer.put(text):
            raise ReplyRefused(f"{place.where}: {why}.")

    def _json(self, value: object) -> str:
        return json.dumps(value, ensure_ascii=False, separators=self._separators)

    def _unfit(self, place: Place, text: str) -> ReplyRefused:
        said = " ".join(text.split())
        said = f"{said[:60]}…" if len(said) > 60 else said
        bound = self._bounds.get(str(place.schema.get("x-bound")), "")
        words = expected(place, {str(place.schema.get("x-bound")): bound})
        return ReplyRefused(f"{place.where}: {f'“{said}”' if said else 'what stands there'} does not fit ({words}).")


def _has_fields(shape: Shape) -> bool:
    return isinstance(shape, Record) and bool(shape.places)


def _strangers(shape: Shape, element: Element) -> int:
    """How many tags of the element would be left out."""
    return sum(inside(shape, inner.tag) is None for inner in element.elements)


def _is_list(place: Place) -> bool:
    return any(isinstance(shape, Items) for shape in place.shapes)


def _as_item(element: Element) -> Element:
    return Element(element.place.inside(ITEM) or element.place, element.attributes, element.parts, ITEM)


def _label(element: Element, shape: Shape) -> str:
    return element.attributes.get("key", "") if isinstance(shape, Entries) else element.text.strip()
