"""Formats: what each enforced `format` looks like, as an expression. Knows RFC 3339, 5321, 3986, 4122, 4291, 6901.

The expressions are this file's own reading of the standards, in the syntax that Python's re and llguidance share. Each
admits nothing that its standard does not, and what people write of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_LEAP = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][48]|[13579][26]|[2468]0)00)"
_DATE = (
    f"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    f"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP}-02-29)"
)
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_LEAP_SECOND = _TIME.replace(":[0-5][0-9](?:[.]", ":(?:[0-5][0-9]|60)(?:[.]")
_CLOCK = "(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
_DAY = "(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:[.]{_LABEL})*"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_BYTE}(?:[.]{_BYTE}){{3}}"
_GROUP = "[0-9A-Fa-f]{1,4}"
_IPV6 = "|".join(
    [rf"{_GROUP}(?::{_GROUP}){{7}}", rf"::(?:{_GROUP}(?::{_GROUP}){{0,6}})?"]
    + [rf"{_GROUP}(?::{_GROUP}){{{n}}}::(?:{_GROUP}(?::{_GROUP}){{0,{5 - n}}})?" for n in range(6)]
    + [rf"{_GROUP}(?::{_GROUP}){{6}}::"]
)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_CHARACTER = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_NAME = r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})"
_AFTER = rf"(?:[?](?:{_CHARACTER}|[/?])*)?(?:#(?:{_CHARACTER}|[/?])*)?"
_AUTHORITY = rf"//(?:(?:{_NAME}|:)*@)?(?:{_NAME}*|\[(?:{_IPV6})\])(?::[0-9]*)?(?:/{_CHARACTER}*)*"
_URI = rf"[A-Za-z][A-Za-z0-9+.-]*:(?:{_AUTHORITY}|/?(?:{_CHARACTER}+(?:/{_CHARACTER}*)*)?){_AFTER}"
_FIRST = r"(?:[A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})"
_REFERENCE = rf"(?:{_AUTHORITY}|/(?:{_CHARACTER}+(?:/{_CHARACTER}*)*)?|{_FIRST}+(?:/{_CHARACTER}*)*)?{_AFTER}"
_POINTER = r"(?:/(?:[^~/\x00-\x1f\x7f]|~[01])*)*"
_UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"

FORMATS: dict[str, str] = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f"{_DATE}[Tt]{_TIME}",
    "duration": f"P(?:{_DAY}(?:T{_CLOCK})?|T{_CLOCK}|[0-9]+W)",
    "uuid": _UUID,
    "email": rf"{_ATOM}(?:[.]{_ATOM})*@{_HOST}",
    "idn-email": rf"{_ATOM}(?:[.]{_ATOM})*@{_HOST}",
    "hostname": _HOST,
    "idn-hostname": "[A-Za-z0-9](?:-?[A-Za-z0-9]){0,30}(?:[.][A-Za-z0-9](?:-?[A-Za-z0-9]){0,30})*",
    "host-name": _HOST,
    "ipv4": _IPV4,
    "ip-address": _IPV4,
    "ipv6": _IPV6,
    "uri": _URI,
    "iri": _URI,
    "uri-reference": f"(?:{_URI}|{_REFERENCE})",
    "iri-reference": f"(?:{_URI}|{_REFERENCE})",
    "json-pointer": _POINTER,
    "relative-json-pointer": rf"(?:0|[1-9][0-9]*)(?:#|{_POINTER})",
}
"""The formats that are enforced; host-name and ip-address are draft 3's names."""

_WIDER = {  # what is admitted of a value beside what is written
    "idn-email": r"[^\s@]+@[^\s@]+",
    "idn-hostname": r"(?!-|[^.]{2}--)[^\s.]{1,63}(?:[.](?!-|[^.]{2}--)[^\s.]{1,63})*",
    "iri": r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\"<>\\^`{|}]*",
    "iri-reference": r"[^\s\"<>\\^`{|}]*",
    "email": r'(?:[^\s@"]+|"[^"]*")@[^\s@]+',
    "ipv6": rf"{_IPV6}|[0-9A-Fa-f:]*:{_IPV4}",
    "time": _LEAP_SECOND,
    "date-time": f"{_DATE}[Tt]{_LEAP_SECOND}",
}


@cache
def fits(name: str) -> Callable[[str], object]:
    """A function that tells a text of format `name`: not None, or true, where it is one."""
    return re.compile(f"(?:{_WIDER.get(name, FORMATS[name])})", re.DOTALL).fullmatch
