"""Characters: sets of code points, and how a set of them is written inside a JSON string. Knows no patterns."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from functools import cache

Ranges = tuple[tuple[int, int], ...]
"""Code points from each first to each last, in order, apart from each other."""

_LAST = sys.maxunicode
_SURROGATES = (0xD800, 0xDFFF)
_ESCAPED = (ord('"'), ord("\\"))


def union(ranges: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    found, start = [], 0
    for first, last in union(ranges):
        if first > start:
            found.append((start, first - 1))
        start = last + 1
    return tuple([*found, (start, _LAST)] if start <= _LAST else found)


def text_of(ranges: Iterable[tuple[int, int]]) -> str:
    """An expression for one character of `ranges` as JSON writes it; control characters are left out. "" for none."""
    unwanted = union([(0, 0x1F), (0x7F, 0x7F), _SURROGATES, *((code, code) for code in _ESCAPED)])
    plain = complement(union([*complement(union(ranges)), *unwanted]))
    escapes = [code for code in _ESCAPED if any(first <= code <= last for first, last in ranges)]
    parts = [f"[{''.join(_span(first, last) for first, last in plain)}]"] if plain else []
    parts += ["\\\\[" + "".join(_code(code) for code in escapes) + "]"] if escapes else []
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})" if parts else ""


def _span(first: int, last: int) -> str:
    return _code(first) if first == last else f"{_code(first)}-{_code(last)}"


def _code(code: int) -> str:
    return rf"\u{{{code:x}}}" if code > 0x7F else (chr(code) if chr(code).isalnum() else rf"\x{code:02x}")


DIGITS: Ranges = ((ord("0"), ord("9")),)
WORD: Ranges = union([*DIGITS, (ord("A"), ord("Z")), (ord("a"), ord("z")), (ord("_"), ord("_"))])
SPACE: Ranges = ((ord(" "), ord(" ")),)
LINE: Ranges = union([(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)])


@cache
def any_digit() -> Ranges:
    """What either ECMA-262 or Python takes for a digit."""
    return union((code, code) for code in range(_LAST + 1) if unicodedata.category(chr(code)) == "Nd")


@cache
def any_space() -> Ranges:
    """What either ECMA-262 or Python takes for white space."""
    codes = [0xFEFF, *(code for code in range(0x3001) if chr(code).isspace())]
    return union((code, code) for code in codes)
