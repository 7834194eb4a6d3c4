"""Formats: what each enforced `format` looks like, as a bounded expression. Knows RFC 3339, 5321, 3986, 4122, 4291.

An expression admits a part of its format: the usual form, of bounded length, without characters that JSON escapes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from models.grammar.fragments.calendar import days


@dataclass(frozen=True)
class Format:
    """`body`: an expression for the texts to write, in the syntax that Python and llguidance share, without anchors;
    `longest`: characters of the longest; `check`: an expression that no text of the format fails, where the
    jsonschema package knows nothing better ("" accepts what it accepts)."""

    body: str
    longest: int
    check: str = ""


_DAYS = days(date(1900, 1, 1), date(2099, 12, 31))
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_ANY_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_ANY_DATE = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LABEL = "[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?"
_HOST = rf"{_LABEL}(?:[.]{_LABEL}){{0,3}}"
_ANY_HOST = (
    r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:[.][A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_DOMAIN = rf"{_LABEL}(?:[.]{_LABEL}){{0,2}}[.][a-z]{{2,10}}"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_BYTE}(?:[.]{_BYTE}){{3}}"
_GROUP = "(?:0|[1-9a-f][0-9a-f]{0,3})"
_IPV6 = "|".join(
    [rf"{_GROUP}(?::{_GROUP}){{7}}", rf"::(?:{_GROUP}(?::{_GROUP}){{0,5}})?"]
    + [rf"{_GROUP}(?::{_GROUP}){{{n}}}::(?:{_GROUP}(?::{_GROUP}){{0,{5 - n - 1}}})?" for n in range(5)]
)
_SEGMENT = "(?:/[A-Za-z0-9._~-]{0,24})"
_URI = rf"https?://{_HOST}(?::[1-9][0-9]{{0,3}})?{_SEGMENT}{{0,6}}(?:[?][A-Za-z0-9._~=&-]{{0,48}})?(?:#[A-Za-z0-9._~-]{{0,24}})?"
_URI_LONGEST = 8 + 83 + 5 + 6 * 25 + 49 + 25
_ANY_URI = r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*"
_ANY_IRI = r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\"<>\\^`{|}]*"
_REFERENCE = r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*"
_CLOCK = "[0-9]{1,3}(?:H(?:[0-9]{1,3}M(?:[0-9]{1,3}S)?)?|M(?:[0-9]{1,3}S)?|S)"
_DAY = "[0-9]{1,3}(?:Y(?:[0-9]{1,3}M(?:[0-9]{1,3}D)?)?|M(?:[0-9]{1,3}D)?|D)"
_DURATION = f"P(?:{_DAY}(?:T{_CLOCK})?|T{_CLOCK}|[0-9]{{1,3}}W)"
_ANY_DURATION = _DURATION.replace("{1,3}", "+")
_POINTER = "(?:/[A-Za-z0-9_.-]{0,24}){0,8}"
_ANY_POINTER = "(?:/(?:[^~/]|~[01])*)*"

FORMATS: dict[str, Format] = {
    "date": Format(_DAYS, 10, r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "time": Format(_TIME, 21, _ANY_TIME),
    "date-time": Format(f"(?:{_DAYS})T{_TIME}", 32, f"{_ANY_DATE}[Tt]{_ANY_TIME}"),
    "duration": Format(_DURATION, 26, _ANY_DURATION),
    "uuid": Format(_UUID, 36, _UUID.replace("a-f", "A-Fa-f")),
    "email": Format(rf"[a-z0-9]{{1,20}}(?:[._+-][a-z0-9]{{1,20}}){{0,2}}@{_DOMAIN}", 137, r"[^\s@]+@[^\s@]+"),
    "idn-email": Format(rf"[a-z0-9]{{1,20}}(?:[._+-][a-z0-9]{{1,20}}){{0,2}}@{_DOMAIN}", 137, r"[^\s@]+@[^\s@]+"),
    "hostname": Format(_HOST, 83, _ANY_HOST),
    "idn-hostname": Format(_HOST, 83, r"[^\s]{1,253}"),
    "ipv4": Format(_IPV4, 15, r"[0-9.]+"),
    "ipv6": Format(_IPV6, 39, r"[0-9A-Fa-f:.]+"),
    "uri": Format(_URI, _URI_LONGEST, _ANY_URI),
    "uri-reference": Format(_URI, _URI_LONGEST, _REFERENCE),
    "iri": Format(_URI, _URI_LONGEST, _ANY_IRI),
    "iri-reference": Format(_URI, _URI_LONGEST, r"[^\s\"<>\\^`{|}]*"),
    "json-pointer": Format(_POINTER, 200, _ANY_POINTER),
    "relative-json-pointer": Format(f"(?:0|[1-9][0-9]?){_POINTER}", 202, f"(?:0|[1-9][0-9]*)(?:#|{_ANY_POINTER})"),
}  # fmt: skip
"""The formats that are enforced. The expressions are this file's own reading of the standards."""
