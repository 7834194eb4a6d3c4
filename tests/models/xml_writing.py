"""A model that writes correct XML: any JSON text of a grammar, as the tags that its form asks for."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from models.engines.prompted.xml.form import place_of
from models.engines.prompted.xml.place import Entries, Items, Place, Record, Shape
from models.grammar.grammar import Grammar

_LOOKS_EMPTY = {"null", "none", "nil", "n/a", ""}


class _Number(str):
    """As it was written."""


def as_xml(text: str, grammar: Grammar) -> str:
    """`text`, a text of `grammar`, between the tags of its contract."""
    assert grammar.contract is not None
    value = json.loads(text, parse_int=_Number, parse_float=_Number)
    return _written(value, place_of(grammar.contract), "")


def _written(value: Any, place: Place, attributes: str) -> str:
    tag = place.tag
    if value is None:
        return f'<{tag}{attributes} null="true"/>'
    if isinstance(value, dict | list):
        inside = _inside(value, place)
    elif isinstance(value, bool):
        inside = json.dumps(value)
    elif isinstance(value, _Number):
        inside = value
    else:
        inside = escaped(value)
        if place.leaf is not None and place.leaf.ambiguous:
            attributes += ' type="text"'
        if value.strip().casefold() in _LOOKS_EMPTY:
            attributes += ' null="false"'
    return f"<{tag}{attributes}>{inside}</{tag}>"


def _inside(value: Any, place: Place) -> str:
    fitting = [shape for shape in place.shapes if _fits(value, shape)]
    shape = next((shape for shape in fitting if isinstance(shape, Record)), fitting[0])
    if isinstance(shape, Record):
        return "".join(
            _written(value[field.key], place.inside(field.tag.casefold()) or field, "")
            for field in shape.places
            if field.key in value
        )
    if isinstance(shape, Items):
        return "".join(_written(one, shape.at(number), "") for number, one in enumerate(value))
    return "".join(_written(one, shape.value, f' key="{escaped(key)}"') for key, one in value.items())


def _fits(value: Any, shape: Shape) -> bool:
    if isinstance(shape, Record):
        return isinstance(value, dict) and _has_keys(shape, list(value))
    return isinstance(value, dict if isinstance(shape, Entries) else list)


def _has_keys(shape: Record, keys: list[str]) -> bool:
    return [place.key for place in shape.places if place.key in keys or place.key not in shape.optional] == keys


def escaped(text: str) -> str:
    """`text` as it may stand in a tag or an attribute."""
    return re.sub(r"[\x00-\x1f]", lambda match: f"&#{ord(match.group())};", html.escape(text))
