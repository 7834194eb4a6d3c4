"""Leaf: the JSON texts that the text of a tag may stand for, likeliest first. Knows how models write values.

Proposes; the grammar disposes. Nothing here guesses: "1,234" is no proposal where it could be 1.234 as well.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import chain

from models.engines.prompted.xml.copied import from_source
from models.engines.prompted.xml.form import shown
from models.engines.prompted.xml.place import Leaf
from models.grammar.grammar import Grammar
from models.grammar.source import normalise

LARGEST = 40
"""Digits that a number may have on either side of the point, so that "1e999999999" stays short."""

_NULL = {"null", "none", "nil", "n/a"}
_TRUE, _FALSE = {"true", "yes"}, {"false", "no"}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WRITTEN = re.compile(r"[+-]?(?:[0-9]{1,60}(?:\.[0-9]{0,60})?|\.[0-9]{1,60})(?:[eE][+-]?[0-9]{1,3})?")
_GROUPS = re.compile(  # 12,345,678 · 12'345.50 · 12 345 · 1,23,456.78
    r"([+-]?)([0-9]{1,3}(?:([,'_ \u00a0\u2009\u202f])[0-9]{2,3})(?:\3[0-9]{2,3})*)(\.[0-9]+)?"
)
_POINTS = re.compile(r"([+-]?)([0-9]{1,3}(?:\.[0-9]{3})+),([0-9]{1,2})")  # 12.345,50
_CURRENCY = re.compile(r"\b(?:USD|EUR|GBP|INR|JPY|CHF|CNY|CAD|AUD|SGD)\b|^Rs\.?(?![A-Za-z])")
_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»", "„": "“", "*": "*", "_": "_", "[": "]", "(": ")"}
_NUMBERS = {"integer", "number"}
_INLINE = re.compile(r"</?[^\W\d][^<>]*>")


def proposals(text: str, leaf: Leaf, grammar: Grammar, attributes: dict[str, str]) -> list[str]:
    """JSON texts for the decoded `text` of a tag. An attribute null="true" or type="text" leaves no other reading."""
    nothing = attributes.get("null", attributes.get("xsi:nil", attributes.get("nil")))
    if nothing is not None and nothing.strip().casefold() in _TRUE | {"null", ""} and not text.strip():
        return ["null"]
    found: Iterator[str] = chain(_written(text, leaf, nothing is None), _meant(text, leaf, grammar))
    if attributes.get("type", "").strip().casefold() in ("text", "string"):
        found = (proposal for proposal in found if proposal.startswith('"'))
    return list(dict.fromkeys(found))


def _written(text: str, leaf: Leaf, nullable: bool) -> Iterator[str]:
    """Values of the leaf that are written just so."""
    bare = text.strip()
    if nullable and "null" in leaf.types and bare.casefold() in _NULL:
        yield "null"
    yield from _chosen(text, leaf, nullable)
    if leaf.types & _NUMBERS and _NUMBER.fullmatch(bare):
        yield bare
    if "boolean" in leaf.types and bare in ("true", "false"):
        yield bare
    if "string" in leaf.types:
        yield _json(_outdented(text))
    if nullable and not bare and ("null" in leaf.types or None in leaf.choices):
        yield "null"


def _outdented(text: str) -> str:
    """A text of several lines without the indentation of the tags around it; one of a single line as it is.

    Only line feeds part lines: a form feed, say, is a character like others.
    """
    return "\n".join(line.strip(" \t") for line in text.split("\n")).strip() if "\n" in text else text


def _meant(text: str, leaf: Leaf, grammar: Grammar) -> Iterator[str]:
    """Values of the leaf that a model may mean which writes them otherwise, the nearest first."""
    bare, texts = text.strip(), "string" in leaf.types
    if texts:
        yield from map(_json, _tidied(text))
    if leaf.choices:
        for tidied in _tidied(text):
            yield from _alike(tidied, leaf)
    if "boolean" in leaf.types and _word(bare) in _TRUE | _FALSE:
        yield "true" if _word(bare) in _TRUE else "false"
    if leaf.types & _NUMBERS:
        for number in _numbers(bare, "number" not in leaf.types):
            yield number
            if texts:  # a Decimal is written in quotes
                yield f'"{number}"'
    if (leaf.copied or leaf.choices or leaf.formats) and "<" in text:
        plain = normalise(_INLINE.sub("", text))  # <b>…</b>, where nothing but a known text may stand
        yield from [_json(plain), *_alike(plain, leaf)]
    if leaf.private:  # notes may end anywhere
        tidy = "".join(c for c in normalise(text) if c <= "\uffff")
        yield from (_json(tidy[: leaf.longest >> halvings]) for halvings in range(leaf.longest.bit_length() + 1))
    if leaf.copied:
        yield from (_json(copy) for tidied in _tidied(text) for copy in from_source(tidied, leaf.copied, grammar))


def _tidied(text: str) -> Iterator[str]:
    """The text without what models put around a value."""
    yield text.strip()
    tidy = normalise(text)
    yield tidy
    while len(tidy) > 1 and _QUOTES.get(tidy[0]) == tidy[-1]:
        tidy = tidy[1:-1].strip()
        yield tidy


def _chosen(text: str, leaf: Leaf, nullable: bool) -> Iterator[str]:
    for exact in (text, text.strip()):
        same = [value for value in leaf.choices if shown(value) == exact and (value is not None or nullable)]
        yield from map(_json, sorted(same, key=lambda value: isinstance(value, str)))


def _alike(text: str, leaf: Leaf) -> Iterator[str]:
    """The one choice that differs in nothing but case, hyphens and space."""
    word = _word(text)
    alike = {_json(value) for value in leaf.choices if _word(shown(value)) == word}
    alike |= {
        _json(value) for value in leaf.choices if isinstance(value, bool) and word in (_TRUE if value else _FALSE)
    }
    if len(alike) == 1:
        yield from alike


def _word(text: str) -> str:
    return " ".join(re.sub(r"[\s_\-]+", " ", text).split()).casefold().rstrip(".")


def _numbers(text: str, whole: bool) -> Iterator[str]:
    """Ways to write the number that `text` is, if it is one and only one. `whole`: it has no fraction."""
    text = _CURRENCY.sub("", unicodedata.normalize("NFKC", text).replace("−", "-")).strip()
    text = "".join(c for c in text if unicodedata.category(c) != "Sc").strip()
    plain = text if _WRITTEN.fullmatch(text) else ""
    if match := _GROUPS.fullmatch(text):
        sign, digits, mark, fraction = match[1], match[2], match[3], match[4] or ""
        groups = digits.split(mark)
        regular = len(groups[-1]) == 3 and (all(len(group) == 3 for group in groups[1:]) or _is_indian(groups, mark))
        if regular and (whole or fraction or len(groups) > 2 or mark != ","):
            plain = f"{sign}{''.join(groups)}{fraction}"
    elif match := _POINTS.fullmatch(text):
        plain = f"{match[1]}{match[2].replace('.', '')}.{match[3]}"
    if not plain:
        return
    try:
        number = Decimal(plain)
    except InvalidOperation:
        return
    if abs(number.adjusted()) > LARGEST:
        return
    exact = f"{number:f}"
    yield exact
    if "." in exact:
        exact = exact.rstrip("0").rstrip(".")
        yield exact
    if number == 0:
        exact = "0"
        yield exact
    if "." not in exact:
        yield f"{exact}.0"


def _is_indian(groups: list[str], mark: str) -> bool:
    return mark == "," and len(groups) > 2 and len(groups[0]) < 3 and all(len(group) == 2 for group in groups[1:-1])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
