"""Numbers as customers write them: "3", "1,500", "5k", "1.5 lakh", "twenty five", "me and my wife".

Knows English number words (through text2num), the usual separators and scales, and how people count themselves. Does
not know currencies (money.py) or days (day.py). What is not clearly one number is None: the code asks, never guesses.
"""

from __future__ import annotations

import re
from decimal import Decimal

from text_to_num import alpha2digit  # type: ignore[import-untyped, unused-ignore]  # ships no py.typed

_SCALES = {
    "k": 10**3, "thousand": 10**3, "grand": 10**3, "hundred": 10**2, "lakh": 10**5, "lac": 10**5, "crore": 10**7,
    "million": 10**6, "mn": 10**6, "billion": 10**9, "bn": 10**9, "dozen": 12,
}  # fmt: skip
_DIGITS = r"(?<![\w.,:/-])(\d+(?:[.,]\d+)*)"
_SCALED = re.compile(rf"{_DIGITS}\s?({'|'.join(_SCALES)})s?(?!\w)", re.I)
NUMBER = re.compile(rf"{_DIGITS}(?![\w:/%-]|[.,]\w)")
_PLAIN = re.compile(r"[+-]?\d{1,28}(?:\.\d{1,28})?(?:[eE][+-]?\d{1,2})?")
_COUPLE = re.compile(r"\b(?:a|the) (?:couple|pair)(?: of)?\b", re.I)
_DOZEN = re.compile(r"\b(?:(half )a|a|one) dozen\b", re.I)
# Two ends, a choice or a denial: not one number.
_VAGUE = re.compile(r"\b(?:between|or|than|least|not|per|each|\w+n't)\b|\d\s*(?:-|–|\bto\b)\s*\d", re.I)
# Words that show that the number counts something else: money, a day, a time.
_OTHER = re.compile(
    r"[$€£¥₹%@]|\b(?:dollars?|euros?|rupees?|bucks|pounds?|usd|eur|inr|gbp|rs)\b"
    r"|\b(?:(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)(?:uary|ruary|ch|il|e|y|ust|tember|ober|ember)?|may)\b"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\d\s?[ap]\.?m\b|o'clock",
    re.I,
)

_SINGLE = (
    "person|adult|child|kid|baby|infant|toddler|friend|wife|husband|partner|spouse|girlfriend|boyfriend|fianc[eé]e?|mother|mum|"
    "mom|father|dad|son|daughter|brother|sister|boss|colleague|cousin|aunt|uncle|grandma|grandmother|grandpa|grandfather|guest|"
    "traveller|traveler|passenger|senior|student|man|woman|boy|girl|teenager|roommate|neighbou?r|niece|nephew|bestie"
)
_PLURAL = rf"(?:{_SINGLE})s|people|persons|children|babies|wives|men|women|pax"
_FILLER = r"(?:(?:just|only|it's|it is|for|all|there|will|would|be|we|are|we're|there's|us|the|both|total|of) )*"
_PEOPLE = re.compile(
    rf"{_FILLER}(?:(?P<self>me|myself|i|by myself|alone|solo|on my own)"
    rf"|(?P<two>both of us|both|(?:my |our )?(?:grand)?parents)"
    rf"|(?:(?:my|a|an|1|the|our|his|her|another) (?:\w+ )?)(?P<one>{_SINGLE})"
    r"|(?:(?:my|our|a) )?(?:(?:family|party|group) of )?"
    rf"(?P<count>\d+)(?P<noun> (?:of us|(?:\w+ )?(?:{_SINGLE}|{_PLURAL})))?)"
    r"(?: only| total| in total| travell?ing| please)*"
)
_AND = re.compile(r"\s*(?:,(?!\d)|(?<!\d),|&|\+|\band\b|\bplus\b|\bwith\b)\s*")


def figures(text: str) -> str:
    """`text` with number words and scales written as digits: "two lakh rupees" becomes "200000 rupees"."""
    text = _COUPLE.sub("2", text)
    text = _DOZEN.sub(lambda match: "6" if match[1] else "12", text)
    text = alpha2digit(_SCALED.sub(_scale, text), "en", threshold=0)
    return _SCALED.sub(_scale, text)


def value(digits: str, *, money: bool = False) -> Decimal | None:
    """The number written as `digits`; the last separator is a point unless it groups thousands (or lakhs).

    "1,500" is 1500, "12,5" is 12.5, "1.200,50" is 1200.50. One point before three digits groups them in `money` only.
    None for groups of odd sizes and for more than 28 characters, which is Decimal's precision.
    """
    head, mark, tail = digits, "", ""
    if (last := max(digits.rfind("."), digits.rfind(","))) >= 0:
        head, mark, tail = digits[:last], digits[last], digits[last + 1 :]
    alone = mark != "" and digits.count(mark) == 1
    three = len(tail) == 3 and head != "0" and "." not in head and "," not in head
    groups = mark != "" and (not alone or (three and (mark == "," or money)))
    if groups:
        head, tail = digits, ""
    parts = re.split(r"[.,]", head)
    if len(digits) > 28 or (
        len(parts) > 1 and (len(parts[-1]) != 3 or any(len(part) not in (2, 3) for part in parts[1:-1]))
    ):
        return None
    return Decimal("".join(parts) + (f".{tail}" if tail else ""))


def read_number(text: str) -> Decimal | None:
    """The one number that `text` contains, whatever it counts; None if there are none, several, or a range."""
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    text = figures(text)
    found = NUMBER.findall(text)
    return value(found[0]) if len(found) == 1 and not _VAGUE.search(text) else None


def read_count(text: str) -> int | None:
    """How many: "3 people", "a couple", "family of 4", and people listed, "me, my wife and two kids" (4)."""
    text = text.strip().casefold().replace("’", "'").rstrip(".!?")
    if _OTHER.search(text) or _VAGUE.search(written := figures(text)):
        return None
    parts = [part for part in _AND.split(written) if part]
    people = [_PEOPLE.fullmatch(part) for part in parts]
    if sum(match is not None and match["count"] is not None and match["noun"] is None for match in people) > 1:
        return None  # "4711, and only 4": two numbers that count nothing are no sum
    if parts and all(people) and not written.startswith("with "):
        return sum(int(match["count"] or (2 if match["two"] else 1)) for match in people if match)
    if re.search(r"\b(?:me|myself|i)\b|^with\b", written):
        return None  # "with 2 friends" may mean two or three
    number = read_number(text)
    return int(number) if number is not None and number == number.to_integral_value() else None


def _scale(match: re.Match[str]) -> str:
    number = value(match[1], money=True)
    return match[0] if number is None else f"{(number * _SCALES[match[2].casefold()]).normalize():f}"
