"""JSON where tags were asked for: the same values as elements. Knows JSON; leaves what fits to the grammar."""

from __future__ import annotations

import json
import re

from models.engines.prompted.xml.element import DEEPEST, Element
from models.engines.prompted.xml.markup import fold
from models.engines.prompted.xml.place import ENTRY, ITEM, Entries, Items, Place
from models.engines.prompted.xml.refused import ReplyRefused

_FENCED = re.compile(r"```[a-zA-Z]*\s*+(.*?)```", re.S)


class _Number(str):
    """A number as it was written: no digit is lost on the way."""


def unfenced(text: str) -> str:
    """What stands in the last code fence, or the whole text where there is none."""
    fenced = _FENCED.findall(text)
    return str(fenced[-1] if fenced else text).strip()


def from_text(text: str, place: Place) -> Element:
    """The element that a JSON text is, if it is one object or list and nothing else. Raises ReplyRefused."""
    body = unfenced(text)
    if body[:1] not in ("{", "["):
        raise ReplyRefused(f"{place.where}: there are no tags inside.")
    try:
        value = json.loads(body, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
        return _element(value, place, "", 0)
    except (ValueError, RecursionError) as error:
        raise ReplyRefused(f"{place.where}: what stands there is no JSON.") from error


def _element(value: object, place: Place, tag: str, depth: int) -> Element:
    if depth > DEEPEST:
        raise ReplyRefused(f"{place.where}: it is nested too deep.")
    if isinstance(value, dict):
        found = [_pair(str(key), inner, place, depth + 1) for key, inner in value.items()]
        return Element(place, parts=[element for element in found if element is not None], tag=tag)
    if isinstance(value, list):
        inner = (place.inside(ITEM, number) or place for number in range(len(value)))
        return Element(
            place, parts=[_element(one, at, ITEM, depth + 1) for one, at in zip(value, inner, strict=True)], tag=tag
        )
    if value is None:
        return Element(place, {"null": "true"}, tag=tag)
    if isinstance(value, bool):
        return Element(place, parts=["true" if value else "false"], tag=tag)
    text = isinstance(value, str) and not isinstance(value, _Number)
    kind = {"null": "false", **({"type": "text"} if place.leaf is not None and place.leaf.ambiguous else {})}
    return Element(place, kind if text else {}, [str(value)], tag)


def _pair(key: str, value: object, place: Place, depth: int) -> Element | None:
    for shape in place.shapes:
        if isinstance(shape, Entries):
            return _keyed(key, _element(value, shape.value, ENTRY, depth))
        if isinstance(shape, Items):
            continue
        for field in shape.places:
            if key == field.key or fold(key) == fold(field.tag):
                return _element(value, place.inside(fold(field.tag)) or field, fold(field.tag), depth)
    return None


def _keyed(key: str, element: Element) -> Element:
    element.attributes = {**element.attributes, "key": key}
    return element
