"""Pattern: a `pattern` of JSON Schema, which ECMA-262 reads, for Python's re and for llguidance.

Knows where the three read the same text differently. Does not know lengths, nor how JSON writes a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from llguidance import LLMatcher

from models.grammar.matchers import BYTES

_TOKEN = re.compile(
    r"\\(?:u\{[0-9A-Fa-f]+\}|u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}"
    r"|c[A-Za-z]|[pP]\{[^}]*\}|k<\w+>|[1-9][0-9]*|.)"
    r"|\[\^?|\]|\(\?(?:[:=!>]|<[=!]|P?<\w+>|[a-zA-Z-]+[:)]|#[^)]*\))|[()]|\{[0-9]*,?[0-9]*\}|.",
    re.DOTALL,
)
_SPACE = r"\t\n\x0b\f\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_OTHER_SPACE = (
    r"\x00-\x08\x0e-\x1f!-\x9f\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff"
    r"\u3001-\ufefe\uff00-\U0010ffff"
)
_MEMBERS = {
    "d": "0-9", "D": r"\x00-/:-\U0010ffff", "w": "A-Za-z0-9_", "W": r"\x00-/:-@\[-\^`{-\U0010ffff",
    "s": _SPACE, "S": _OTHER_SPACE,
}  # fmt: skip
"""What ECMA-262 means by a class, in the syntax that Python and llguidance share."""
_UNWRITTEN = r"\x00-\x07\x0b\x0e-\x1f"
"""Control characters that JSON has no letter for, so that none is written. They must be in no class that llguidance
gets: one with them takes in a quotation mark or a backslash that it leaves out, once either is written as JSON does."""
_META = frozenset(r".^$*+?()[]{}|\\/-&~#")
_QUANTIFIER = re.compile(r"\{[0-9]+(?:,[0-9]*)?\}")


@dataclass(frozen=True)
class Pattern:
    """`python`: for re, None where it has no such thing; `lark`: for llguidance, None where it is beyond it; `loose`:
    what was left out of `lark`, so that it admits too much ("" where nothing was)."""

    python: re.Pattern[str] | None
    lark: str | None
    loose: str = ""


@lru_cache(4096)
def read(pattern: str) -> Pattern:
    """Both forms of `pattern`."""
    tokens = _TOKEN.findall(pattern)
    try:
        python = re.compile(_written(tokens, for_python=True)[0])
    except (re.error, OverflowError, RecursionError, _Beyond):
        python = None
    try:
        return Pattern(python, *_written(tokens, for_python=False))
    except _Beyond as beyond:
        return Pattern(python, None, str(beyond))


def readable(pattern: str) -> bool:
    """Whether either of the two reads it."""
    found = read(pattern)
    if found.python is not None or found.lark is None:
        return found.python is not None
    grammar = LLMatcher.grammar_from_json_schema(json.dumps({"type": "string", "pattern": found.lark}))
    return not LLMatcher(BYTES, grammar, log_level=0).is_error()


def occurs(pattern: str, text: str) -> bool:
    """Whether `pattern` is found in `text`; what Python cannot read is taken to be."""
    found = read(pattern).python
    return found is None or found.search(text) is not None


class _Beyond(Exception):
    """Something that one of the two cannot say at all."""


def _written(tokens: list[str], for_python: bool) -> tuple[str, str]:
    out: list[str] = []
    loose = ""
    inside, skipped = False, 0  # inside a class; within how many groups of a look-around that is left out
    begun = 0
    for number, token in enumerate(tokens):
        if skipped:
            inside = _class(token, inside)
            skipped += (not inside) * (token.startswith("(") and not token.endswith(")")) - (
                not inside and token == ")"
            )
            continue
        if inside:
            if token == "]" and number == begun + 1:
                raise _Beyond("an empty class")
            inside = token != "]"
            out.append(
                (f"]&&[^{_UNWRITTEN}]]"[: 1 if for_python else None])
                if not inside
                else _member(
                    token, for_python, tokens[number - 1], tokens[number + 1] if number + 1 < len(tokens) else "]"
                )
            )
        elif token in ("[", "[^"):
            inside, begun = True, number
            out.append(token if for_python else f"[{token}")
        elif token[0] == "\\":
            text = _escaped(token, for_python)
            loose = loose or ("" if text else "a word boundary")
            out.append(text)
        elif token in ("(?=", "(?!", "(?<=", "(?<!") and not for_python:
            loose, skipped = "a look-around", 1
        elif token.startswith("(?") and token[2] in "P<" and token[-1] == ">":
            out.append("(")
        elif token.startswith("(?#"):
            continue
        elif token == "(?>":
            raise _Beyond("an atomic group")
        elif token[0] == "{" and not _QUANTIFIER.fullmatch(token):
            out.append(re.sub(r"([{}])", r"\\\1", token))
        elif token == "$":
            out.append(r"\Z" if for_python else "$")
        elif token == ".":
            out.append(r"[^\n\r\u2028\u2029" + ("]" if for_python else f"{_UNWRITTEN}]"))
        else:
            out.append(token)
    return "".join(out), loose


def _class(token: str, inside: bool) -> bool:
    """Whether a class goes on behind `token`."""
    return token != "]" if inside else token in ("[", "[^")


def _code(token: str) -> int | None:
    """The code point that an escape gives by number."""
    if token.startswith("\\u{"):
        return int(token[3:-1], 16)
    if len(token) == 12:
        return (int(token[2:6], 16) - 0xD800) * 0x400 + int(token[8:], 16) - 0xDC00 + 0x10000
    if token[1] in "xu" and len(token) > 2:
        return int(token[2:], 16)
    if token[1] == "c" and len(token) == 3:
        return ord(token[2]) % 32
    return 0 if token == "\\0" else None


def _plain(token: str, for_python: bool) -> str:
    """An escape that is one character or a property, in a class or not; "" for any other."""
    if token[1] in "pP" and len(token) > 2:
        if for_python:
            raise _Beyond("a Unicode property")
        return token
    code = _code(token)
    if code is not None:
        if code > 0x10FFFF:
            raise _Beyond("a code point that does not exist")
        return f"\\U{code:08x}"
    if token[1] in "nrtf":
        return token
    if token[1] == "v":
        return r"\x0b"
    if len(token) == 2:
        return f"\\{token[1]}" if token[1] in _META else token[1]
    return ""


def _escaped(token: str, for_python: bool) -> str:
    letter = token[1]
    if letter in _MEMBERS:
        return f"[{_MEMBERS[letter]}]" if for_python else f"[[{_MEMBERS[letter]}]&&[^{_UNWRITTEN}]]"
    if letter in "bB":
        return token if for_python else ""
    if letter in "AZz" and len(token) == 2:
        return "^" if letter == "A" else r"\Z" if for_python else "$"
    if (letter.isdecimal() and letter != "0") or (letter == "k" and len(token) > 2):
        if for_python and letter != "k":
            return token
        raise _Beyond("a reference back")
    return _plain(token, for_python)


def _member(token: str, for_python: bool, before: str, after: str) -> str:
    """What a token is inside a class. `before`: the token before it, with which it may look like a set operation;
    `after`: the one behind it. Beside a class a hyphen is no range, but a hyphen."""
    if token == "-" and (before == "-" or (after != "]" and before[0] != "[" and any(map(_is_class, (before, after))))):
        return r"\-"
    if token[0] != "\\":
        return "".join(f"\\{c}" if c in "[&~|" else c for c in token)
    letter = token[1]
    if letter in _MEMBERS:
        return _MEMBERS[letter]
    if letter == "b":
        return r"\x08"
    return _plain(token, for_python)


def _is_class(token: str) -> bool:
    return token[0] == "\\" and (token[1] in _MEMBERS or (token[1] in "pP" and len(token) > 2))


def without(texts: Iterable[str], prefixes: Iterable[str] = ()) -> str:
    """A pattern for every text that is none of `texts` and begins with none of `prefixes`."""
    root: dict[str, object] = {}
    for text in texts:
        _grow(root, text, "end")
    for text in prefixes:
        _grow(root, text, "all")
    return f"^(?:{_complement(root)})$"


def _grow(node: dict[str, object], text: str, mark: str) -> None:
    for character in text:
        below = node.setdefault(character, {})
        assert isinstance(below, dict)
        node = below
    node[mark] = True


def _complement(node: dict[str, object]) -> str:
    below = {key: value for key, value in node.items() if isinstance(value, dict)}
    if not below:
        return r"[\x00-\U0010ffff]+" if "end" in node else r"[\x00-\U0010ffff]*"
    members = "".join(map(_literal, below))
    found = [rf"[^{members}{_UNWRITTEN}][\x00-\U0010ffff]*"]
    for character, value in below.items():
        if "all" not in value:
            found.append(f"{_literal(character)}(?:{_complement(value)})")
    return "|".join(found) + ("|" if "end" not in node else "")


def _literal(character: str) -> str:
    return character if character.isascii() and character.isalnum() else f"\\U{ord(character):08x}"
