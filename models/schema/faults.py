"""Faults: what is wrong with the value of a keyword, whatever it stands beside."""

from __future__ import annotations

from typing import Any

from models.schema import vocabulary
from models.schema.pattern import readable

_HINTS = {
    "type": ("a type", "Use null, boolean, integer, number, string, array or object."),
    "required": ("a list of names", "List the required properties beside `properties`: {required: [name]}."),
    "pattern": ("a regular expression", "Write one that ECMA-262 reads."),
    "enum": ("a list of values", "Write {enum: [value, value]}."),
}


def fault_of(name: str, value: Any) -> tuple[str, str] | None:
    """What the value of a keyword should have been, and what to do; None where it is that."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in vocabulary.COUNTS:
        good, what = number and value >= 0 and value == int(value), "a number of things"
    elif name in vocabulary.KINDS["number"]:
        good, what = number and (name != "multipleOf" or value != 0), "a number" + " but 0" * (name == "multipleOf")
    elif name in vocabulary.MANY:
        good, what = isinstance(value, list) and bool(value), "a list of schemas"
    elif name in vocabulary.NAMED:
        good, what = isinstance(value, dict), "an object of schemas"
    elif name == "type":
        types = value if isinstance(value, list) else [value]
        good, what = bool(types) and all(isinstance(one, str) and one in vocabulary.TYPES for one in types), "a type"
    elif name == "required":
        good, what = _names(value), "a list of names"
    elif name == "dependentRequired":
        good, what = isinstance(value, dict) and all(map(_names, value.values())), "an object of lists of names"
    elif name == "pattern":
        good, what = isinstance(value, str) and readable(value), "a regular expression"
    elif name == "uniqueItems":
        good, what = isinstance(value, bool), "true or false"
    elif name == "enum":
        good, what = isinstance(value, list), "a list of values"
    else:
        return None
    if good and name == "patternProperties":
        good, what = all(map(readable, value)), "an object of schemas by regular expressions"
    return None if good else _HINTS.get(name, (what, "Correct it, or remove it."))


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
