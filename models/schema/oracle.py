"""Oracle: the `jsonschema` package's word on a value, formats included. It decides nothing about grammars.

Where the package departs from the standard it is told better: patterns are ECMA-262's, multiples those of decimals.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from math import isfinite
from typing import Any
from weakref import WeakKeyDictionary

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from models.schema.document import Document, Schema
from models.schema.formats import FORMATS, fits
from models.schema.pattern import occurs
from models.schema.places import ROOT


def oracle(document: Document, schema: Schema | None = None) -> Validator:
    """A validator of the whole document, or of `schema`, one of its parts."""
    registry = _REGISTRIES.get(document)
    if registry is None:
        whole = document.schema if isinstance(document.schema, dict) else {}
        registry = _REGISTRIES[document] = Registry().with_resource(ROOT, DRAFT202012.create_resource(whole))
    chosen = document.schema if schema is None else schema
    return _JUDGE(chosen, registry=registry, format_checker=_checker())


_REGISTRIES: WeakKeyDictionary[Document, Any] = WeakKeyDictionary()


@cache
def _checker() -> FormatChecker:
    found = FormatChecker(formats=())
    for name in FORMATS:
        whole = fits(name)
        found.checkers[name] = (lambda text, whole=whole: not isinstance(text, str) or bool(whole(text)), ())
    return found


def _pattern(_: Any, pattern: str, text: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(text, str) and not occurs(pattern, text):
        yield ValidationError(f"{text!r} does not match {pattern!r}")


def _multiple(_: Any, step: float, value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, int | float) and not isinstance(value, bool) and not is_multiple(value, [step]):
        yield ValidationError(f"{value!r} is not a multiple of {step}")


def is_multiple(value: float, steps: list[Any]) -> bool:
    """Whether `value` is a multiple of each of `steps`, all of them as people write them; infinity is of none."""
    # Fractions, since a decimal has 28 digits: it cannot say whether 1e300 is a multiple of 3.
    return isfinite(value) and all(Fraction(str(value)) % Fraction(str(step)) == 0 for step in steps)


def _patterns(judge: Any, patterns: dict[str, Any], value: Any, _: Any) -> Iterator[ValidationError]:
    if isinstance(value, dict):
        for pattern, schema in patterns.items():
            for name, inner in value.items():
                if occurs(pattern, name):
                    yield from judge.descend(inner, schema, path=name, schema_path=pattern)


def _others(judge: Any, others: Any, value: Any, schema: dict[str, Any]) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, inner in value.items():
        if name not in named and not any(occurs(pattern, name) for pattern in patterns):
            if others is False:
                yield ValidationError(f"Additional properties are not allowed ({name!r} was unexpected)")
            else:
                yield from judge.descend(inner, others, path=name)


_JUDGE: Any = validators.extend(
    Draft202012Validator,
    {"pattern": _pattern, "multipleOf": _multiple, "patternProperties": _patterns, "additionalProperties": _others},
)
