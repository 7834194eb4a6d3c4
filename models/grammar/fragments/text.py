"""Text: free texts as fragments. Knows how a text is written in JSON, its lengths in characters and in bytes.

Leaves what a pattern means to pattern.py, and characters to characters.py.
"""

from __future__ import annotations

import re
from dataclasses import replace
from math import inf
from typing import Any

from models.errors import ContractError
from models.grammar.fragments.builder import GrammarBuilder, closed, ordered
from models.grammar.fragments.characters import any_character
from models.grammar.fragments.fragment import Fragment, text_fragment
from models.grammar.fragments.part import Part, repeated, together
from models.grammar.fragments.pattern import Reading, alternatives
from models.grammar.fragments.probe import probed

MOST = 256
"""Characters of a text that does not say how long it may be."""

# How a text is written decides what its mask costs: llguidance skips most of the vocabulary where what may follow is a
# repetition of every character that JSON shows as it is. Measured, 131,072 tokens, 80 to 1000 characters, median mask:
# 50 µs so, with or without the escapes \" and \\; 58 µs as %json; 90 µs with the quotes as terminals of their own;
# 950 µs without four-byte characters, or any other; 2,400 µs intersected with a second expression. The last nine
# characters of every text cost up to 1,000 µs, however it is written.


def scratchpad(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A free text on one line, shorter than it declares where there is less room: a note that nobody is shown needs no
    lines, and the shipped model was trained on notes without."""
    if builder.scratchpad is not None:
        limits["max_length"] = min(limits["max_length"], builder.scratchpad)
    return closed(string(limits, where, replace(builder, one_line=True)), limits, where)


def string(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """A text of at most `MOST` characters unless it says otherwise, as Pydantic keeps it: it may be trimmed only where
    no length or pattern depends on it, and what Pydantic would write in the other case is left out."""
    if "base64" in limits:
        return _encoded(limits, where, builder, True)
    for name, limit in builder.texts.items():
        limits.setdefault(name, limit)
    least, most = limits.pop("min_length", 0), limits.pop("max_length", None)
    pattern = limits.pop("pattern", None)
    if limits.pop("python", False) and isinstance(pattern, str):
        pattern = re.compile(pattern)
    besides = r"\p{Changes_When_Lowercased}" * bool(limits.pop("to_lower", False))
    besides += r"\p{Changes_When_Uppercased}" * bool(limits.pop("to_upper", False))
    besides += r"\x{80}-\x{10FFFF}" * bool(limits.pop("ascii_only", False))
    strip = bool(limits.pop("strip_whitespace", False))
    if most is not None:
        ordered(least, most, where)
    if pattern is not None:
        return _matching(pattern, least, most, besides, strip, where, builder)
    most = builder.end(where, max(MOST, least), "characters") if most is None else most
    if most == 0:
        return text_fragment('""')
    written = _trimmed if strip and least else _free
    body = written(least, most, besides, builder.controls)
    widest = 2 if r"\x{80}" in besides else 4
    many = f"{least} or more" if most == inf else f"{least}–{most}"
    return Fragment(builder.terminal("TEXT", f'/"{body}"/'), most * widest + 2, f"{many} characters")


def octets(limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """Bytes, as a text of characters that are a byte each where their number is limited; base64 or hexadecimal where
    the configuration says so."""
    if "base64" in limits:
        return _encoded(limits, where, builder, False)
    written = builder.config.get("val_json_bytes", "utf8")
    least, most = limits.pop("min_length", 0), limits.pop("max_length", None)
    if written == "utf8":
        given = {"min_length": least} if most is None else {"min_length": least, "max_length": most, "ascii_only": True}
        return string(given, where, replace(builder, texts={}))
    most = builder.end(where, max(MOST, least), "bytes") if most is None else most
    ordered(least, most, where)
    if written == "hex":
        many = f"{{{least},{'' if most == inf else most}}}"
        return Fragment(builder.terminal("HEX", f'/"(?:[0-9a-f]{{2}}){many}"/'), 2 * most + 2, f"{least}–{most} bytes")
    longest = inf if most == inf else 4 * -(-most // 3)
    body = _base64(least, most, "[A-Za-z0-9_-]{4}", "[A-Za-z0-9_-]", "[A-Za-z0-9_-]{2}")
    return Fragment(builder.terminal("BASE64", f'/"(?:{body})"/'), longest + 2, f"{least}–{most} bytes")


def _encoded(limits: dict[str, Any], where: str, builder: GrammarBuilder, ascii: bool) -> Fragment:
    """Base64 of bytes, or of a text of ASCII characters, whose first bit is 0: of others not all are UTF-8."""
    if builder.texts if ascii else builder.config.get("val_json_bytes", "utf8") != "utf8":
        raise ContractError(
            f"{where} is base64, and its class's configuration changes texts or bytes before that is read.",
            "Remove those options from model_config.",
        )
    last, shortest, longest = limits.pop("base64")
    least, most = limits.pop("min_length", 0), limits.pop("max_length", None)
    least = max(least, 3 * (-(-shortest // 4)) - 2) if shortest else least
    most = min(most if most is not None else inf, inf if longest is None else longest // 4 * 3)
    most = builder.end(where, max(MOST, least), "bytes") if most == inf else most
    ordered(least, most, where)
    any_ = f"[A-Za-z0-9{last}]"
    # Of the 64 values those whose bits are 0 in which a byte begins: the first, the third and the fifth of six.
    whole, one, two = f"{any_}{{4}}", any_, f"{any_}{{2}}"
    if ascii:
        one, two = "[A-Za-f]", "[A-Za-f][A-HQ-Xg-nw-z0-3]"
        whole = f"{two}[ABEFIJMNQRUVYZcdghklopstwx014589]{any_}"
    body, characters = _base64(least, most, whole, one, two), inf if most == inf else 4 * -(-most // 3)
    many = f"{least} or more" if most == inf else f"{least}–{most}"
    return Fragment(
        builder.terminal("BASE64", f'/"(?:{body})"/'),
        characters + 2,
        f"{many} {'ASCII characters' if ascii else 'bytes'} in base64",
    )


def _base64(least: int, most: float, whole: str, one: str, two: str) -> str:
    """`least` to `most` bytes, three in four characters, the last one or two of them padded. `whole`: those four; `one`
    and `two`: what the first and the first two of one and of two bytes may be."""
    one, two = f"{one}[AQgw]==", f"{two}[AEIMQUYcgkosw048]="
    forms = []
    for rest, tail in ((0, ""), (1, one), (2, two)):
        low, high = max(-(-(least - rest) // 3), 0), inf if most == inf else (most - rest) // 3
        if low <= high:
            forms.append(f"(?:{whole}){{{low},{'' if high == inf else int(high)}}}{tail}")
    return "|".join(forms)


def _free(least: int, most: float, besides: str, controls: str) -> str:
    return f"{any_character(besides, controls).text}{{{least},{'' if most == inf else most}}}"


def _edge(besides: str) -> str:
    return any_character(r"\s" + besides).text


def _trimmed(least: int, most: float, besides: str, controls: str) -> str:
    """At least `least` characters are left when white space is trimmed: the first is none, and the last of these or
    the one after it is none. Either way the rest is a plain repetition, which keeps the mask cheap."""
    edge = _edge(besides)
    if least == 1:
        return edge + _free(0, most - 1, besides, controls)
    ends = f"{edge}{_free(0, most - least, besides, controls)}"
    if most > least:
        space = _space(rf"[\s&&[^\x00-\x1F{besides}]]", controls)
        ends += f"|{space}{edge}{_free(0, most - least - 1, besides, controls)}"
    return f"{edge}{_free(least - 2, least - 2, besides, controls)}(?:{ends})"


def _space(shown: str, controls: str) -> str:
    """White space that JSON shows as it is, or writes with an escape."""
    return rf"(?:{shown}|\\[{controls}])" if controls else shown


def _matching(
    pattern: str | re.Pattern[str],
    least: int,
    most: int | None,
    besides: str,
    strip: bool,
    where: str,
    builder: GrammarBuilder,
) -> Fragment:
    """A text that matches `pattern`, of `MOST` characters at most where neither says otherwise."""
    controls = builder.controls
    reading = alternatives(pattern, where, controls)
    choices = reading.choices
    endless = most is None and any(part.most == inf for one in choices for part in one.parts)
    usual = builder.end(where, MOST, "characters") if endless else MOST
    counted = [_counted(one.parts, least, most, usual) for one in choices]
    rows = [together(parts) for parts in counted]
    ends = [row.most if row.most < inf else max(usual, least, row.least) for row in rows]
    limit = max(ends) if most is None else most
    body = _body(rows, reading, least, limit, besides, strip, controls)
    outcome, shared = probed(body), ""
    if outcome == "too complex" and any(row.most > limit for row in rows):
        rows = [together(_shared(parts, limit)) for parts in counted]
        body = _body(rows, reading, least, limit, besides, strip, controls)
        outcome, shared = probed(body), ", a like number in each part"
    if outcome == "empty":
        raise ContractError(
            f"{where} has no text that matches its pattern and the rest of what it asks for.",
            "Check its lengths; quotes and backslashes match only where a class or a literal names them, "
            "control characters other than \\n, \\t, \\r, \\f and \\b never.",
        )
    if outcome == "too complex":
        raise ContractError(
            f"{where} has a pattern that takes llguidance too long to follow.",
            "Anchor it with ^ and $, let fewer of its parts match any character, or lower max_length.",
        )
    longest = max(min(row.longest, row.widest * limit) for row in rows)
    shown = f"/{pattern if isinstance(pattern, str) else pattern.pattern}/"
    bound = shown if limit == inf else f"{shown}, at most {limit} characters{shared}"
    if shared:
        builder.tightened[where] = f"{limit} characters{shared}"
    return Fragment(builder.terminal("PATTERN", body), longest + 2, bound)


def _body(
    rows: list[Part], reading: Reading, least: int, limit: float, besides: str, strip: bool, controls: str
) -> str:
    """The terminal of a text that is one of `rows`, and all else that is asked of it."""
    body = '/"(?:' + "|".join(row.text for row in rows) + ')"/'
    for choice in reading.ahead:
        body += ' & /"(?:' + "|".join(together(one.parts).text for one in choice) + ')"/'
    if any(row.most > limit or row.least < least for row in rows):
        body += f' & /"{_free(least, limit, "", controls)}"/'
    inner, edge, space = any_character(besides, controls).text, _edge(besides), _space(r"\s", controls)
    edged = (rf'{body} & /"{space}(?s:.*)/', rf'{body} & /(?s:.*){space}"/')
    if strip and any(probed(spaced) != "empty" for spaced in edged):
        body += f' & /"(?:{edge}(?:{inner}*{edge})?)?"/'
    elif besides:
        body += f' & /"{inner}*"/'
    return body


def _shared(parts: tuple[Part, ...], limit: float) -> tuple[Part, ...]:
    """`parts` with the room that `limit` leaves in even shares: to count across several parts of which each may hold
    the same characters takes llguidance a state for every way to divide it. As they are where one has no unit."""
    loose = [part for part in parts if part.least != part.most]
    room = limit - sum(part.least for part in parts)
    if room < 0 or not loose or not all(part.unit for part in loose):
        return parts
    share = room // len(loose)
    return tuple(
        repeated(part.unit, part.least, min(part.most, part.least + share)) if part in loose and part.unit else part
        for part in parts
    )


def _counted(parts: tuple[Part, ...], least: int, most: int | None, usual: float) -> tuple[Part, ...]:
    """`parts` with the lengths counted in those that repeat one character, where that says it all: an intersection
    with the texts of these lengths costs far more. `usual`: the most characters where nothing says so."""
    loose = [part for part in parts if part.least != part.most]
    fixed = sum(part.least for part in parts)
    if len(loose) == 1 and loose[0].unit:
        low = max(loose[0].least, least - (fixed - loose[0].least))
        room = (max(usual, least, fixed) if most is None else most) - (fixed - loose[0].least)
        high = loose[0].most if most is None and loose[0].most < inf else min(loose[0].most, room)
        if low > high:
            return parts
        return tuple(repeated(part.unit, low, high) if part in loose and part.unit else part for part in parts)
    return parts
