"""City names: which city a customer means, however it is spelled. Knows spellings, no flights.

`known` is each city by every name that it has, these in plain letters: names, airport codes, older names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_WORDS = {"del", "maa", "sin"}  # airport codes that are words of everyday language
_FILLERS = {"to", "from", "the", "in", "for", "near", "please", "city"}


def meant(text: str, known: Mapping[str, str]) -> str | None:
    """Name of the one city meant by a text; None if none or several."""
    typed = " ".join(word for word in plain(text).split() if word not in _FILLERS)
    if typed in known:
        return known[typed]
    within = {name for alias, name in known.items() if len(alias) > 3 and f" {alias} " in f" {typed} "}
    within |= {known[word] for word in typed.split() if len(word) <= 3 and word not in _WORDS and word in known}
    if not within:
        within = {name for alias, name in known.items() if len(alias) >= 5 and _one_slip(typed, alias)}
    return within.pop() if len(within) == 1 else None


def mentioned(text: str, known: Mapping[str, str]) -> list[str]:
    """Names of all cities that a text mentions by a name of at least three letters, sorted."""
    words = f" {plain(text)} "
    return sorted({name for alias, name in known.items() if len(alias) > 2 and f" {alias} " in words})


def plain(text: str) -> str:
    """Words in small letters without accents, one blank between them."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"[^\W_]+", "".join(mark for mark in letters if not unicodedata.combining(mark))))


def _one_slip(typed: str, meant: str) -> bool:
    """One letter missing, extra, wrong, or two neighbours swapped."""
    if abs(len(typed) - len(meant)) > 1 or typed == meant:
        return False
    start = next((at for at, pair in enumerate(zip(typed, meant, strict=False)) if pair[0] != pair[1]), None)
    if start is None:
        return True
    left, right = typed[start:], meant[start:]
    swapped = left[1::-1] + left[2:] if len(left) > 1 else left
    return left[1:] == right[1:] or left == right[1:] or left[1:] == right or swapped == right
