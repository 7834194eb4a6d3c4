"""Oracle: the `jsonschema` package's word on a value, formats included. It decides nothing about grammars."""

from __future__ import annotations

import re
from datetime import date
from functools import cache

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from models.schema.document import ROOT, Document, Schema
from models.schema.formats import FORMATS


def oracle(document: Document, schema: Schema | None = None) -> Validator:
    """A validator of the whole document, or of `schema`, one of its parts."""
    registry = Registry().with_resource(ROOT, DRAFT202012.create_resource(document.schema))
    chosen = document.schema if schema is None else schema
    return Draft202012Validator(chosen, registry=registry, format_checker=checker())


@cache
def checker() -> FormatChecker:
    """What each enforced format is: what jsonschema knows of it, and else the format's own expression."""
    found = FormatChecker(formats=())
    known = Draft202012Validator.FORMAT_CHECKER.checkers
    for name, kind in FORMATS.items():
        whole = re.compile(f"(?:{kind.check})" if kind.check else ".*", re.S)
        given = known.get(name)
        days = name == "date-time"
        found.checkers[name] = (
            lambda text, whole=whole, given=given, days=days: _fits(text, whole, given, days),
            (ValueError,),
        )
    return found


def _fits(text: object, whole: re.Pattern[str], given: object, days: bool) -> bool:
    if not isinstance(text, str):
        return True
    if not whole.fullmatch(text):
        return False
    if days:
        date.fromisoformat(text[:10])  # the expression does not know how long the months are
    if isinstance(given, tuple):
        function, _ = given
        return bool(function(text))
    return True
