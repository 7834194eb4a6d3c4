"""Reading: words of a customer as a value of a type, or None where they do not clearly say one.

Knows which types can be read. The conventions are in number.py, money.py and day.py; a class may bring its own
`read(text, today)`.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import TypeVar

from models.values.day import read_day
from models.values.money import Money
from models.values.number import read_count, read_number

T = TypeVar("T")

SHIPPED = (int, float, Decimal, bool, date, Money)
"""The types beside str that are read here, none of which guesses."""
_EDGES = " \t\n,;:!?"
_QUOTES = ('""', "''", "“”", "‘’", "«»", "()")
_YES = re.compile(
    r"(?:yes|y|yeah|yep|yup|ya|sure|ok|okay|correct|right|true|definitely|absolutely|certainly|agreed|confirm(?:ed)?|"
    r"indeed|of course|go ahead|do it|please do|sounds good|no problem|that'?s (?:right|correct|fine)|fine|perfect|"
    r"go for it)\b"
)
_NO = re.compile(
    r"(?:no|n|nope|nah|never|not|don'?t|do not|false|cancel|stop|wrong|incorrect|negative|(?:i'?d )?rather not)\b"
)
_HEDGE = re.compile(r"\b(?:but|maybe|unless|if|not sure|don'?t know|depends|however|instead|or)\b")


MOST_CHARACTERS = 256
"""Of words that say one number, day or amount, or yes or no: longer ones say none, and would take long to read."""


def readable(kind: object) -> bool:
    """Whether `read` knows `kind`: str, int, float, Decimal, bool, date, or a class with a callable `read`."""
    return isinstance(kind, type) and (kind in (str, *SHIPPED) or callable(getattr(kind, "read", None)))


def read(kind: type[T], text: str, today: date) -> T | None:
    """`text` as a `kind`, said on `today`; None if it does not clearly say one, which then becomes a question.

    A class of yours is asked itself: `kind.read(text, today) -> Self | None`; `kind.read(str(value), today)` must give
    `value` back. More than `MOST_CHARACTERS` say nothing of another type than these and str. TypeError for a type that
    is not `readable`.
    """
    result: object
    if kind is str:
        result = _read_words(text)
    elif len(text) > MOST_CHARACTERS and kind in SHIPPED:
        result = None
    elif (own := getattr(kind, "read", None)) is not None and callable(own):
        result = own(text, today)
    elif kind is bool:
        result = _read_answer(text)
    elif kind is int:
        result = read_count(text)
    elif kind is Decimal:
        result = read_number(text)
    elif kind is float:
        result = None if (number := read_number(text)) is None else float(number)
    elif kind is date:
        result = read_day(text, today)
    else:
        raise TypeError(f"{kind!r} cannot be read from words. Give it a classmethod read(text, today).")
    return result  # type: ignore[return-value]  # kind is compared, not narrowed


def _read_words(text: str) -> str | None:
    """`text` without the punctuation and quotation marks around it."""
    before, text = None, text.strip(_EDGES)
    if len(text) > MOST_CHARACTERS:  # no name: not taken apart mark by mark
        return text if any(c.isalnum() for c in text) else None
    while before != text:
        before, text = text, text.strip(_EDGES)
        if len(text) > 1 and text[0] + text[-1] in _QUOTES:
            text = text[1:-1]
        if text.endswith(".") and "." not in text.split(" ")[-1][:-1] and len(text.split(" ")[-1]) > 4:
            text = text[:-1]  # a sentence ends here; "D.C." and "St." keep their points
    return text if any(c.isalnum() for c in text) else None


def _read_answer(text: str) -> bool | None:
    words = " ".join(text.casefold().replace("’", "'").split()).strip(" .,;!?\"'")
    yes, no = _YES.match(words), _NO.match(words)
    if yes and no:  # "no problem"
        no = None
    if not (yes or no) or _HEDGE.search(words) or (yes and _NO.search(words, yes.end())):
        return None
    return yes is not None
