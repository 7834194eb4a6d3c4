"""Pattern: a `pattern` of JSON Schema as an expression for the JSON string that holds the text.

Knows the part of ECMA-262 that Python reads in the same way; where the two differ, only what both match is admitted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from models.schema import characters as chars
from models.schema.refusal import SchemaRefused
from models.schema.states import MOST, count_states
from models.schema.syntax import characters, op, parse

_ANY = r'(?:[^"\\\x00-\x1F\x7F]|\\["\\])*'
_NONE = r"\x01"  # no JSON string holds it as it is
_REPEATS = 1000

# Characters of a class on which both languages agree, and those that either takes for one.
_CLASSES: dict[Any, tuple[Any, Any]] = {
    op.CATEGORY_DIGIT: (lambda: chars.DIGITS, chars.any_digit),
    op.CATEGORY_NOT_DIGIT: (lambda: chars.complement(chars.any_digit()), lambda: chars.complement(chars.DIGITS)),
    op.CATEGORY_SPACE: (lambda: chars.SPACE, chars.any_space),
    op.CATEGORY_NOT_SPACE: (lambda: chars.complement(chars.any_space()), lambda: chars.complement(chars.SPACE)),
    op.CATEGORY_WORD: (lambda: chars.WORD, lambda: chars.union([*chars.WORD, (0x80, 0x10FFFF)])),
    op.CATEGORY_NOT_WORD: (
        lambda: chars.complement(chars.union([*chars.WORD, (0x80, 0x10FFFF)])),
        lambda: chars.complement(chars.WORD),
    ),
}


@dataclass(frozen=True)
class Expression:
    """`text`: an expression for a whole quoted JSON string, in the syntax that Python's re and llguidance share;
    `shortest` and `longest`: characters inside, the latter only if the expression has an end; `width`: bytes of its
    widest character; `states`: of the automaton that follows it."""

    text: str
    shortest: int
    longest: int | None
    width: int
    states: int


def searched(pattern: str, path: str) -> Expression:
    """Every text in which `pattern` occurs somewhere.

    SchemaRefused for what no regular expression can say: look-around, back-references, word boundaries.
    """
    try:
        parsed = parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise _refused(path, f"is not a regular expression: {error}") from None
    if parsed.state.flags != re.UNICODE:
        raise _refused(path, "has a flag")
    found = _open(list(parsed), path)
    whole = "|".join(found)
    width = 4 if r"\u{" in whole or "[^" in whole else 2 if "\\\\[" in whole else 1
    states = count_states(pattern)
    if states > MOST:
        raise _refused(path, f"needs more than {MOST} states to follow")
    shortest, longest = parsed.getwidth()
    return Expression(f'"(?:{whole})"', shortest, None if _ANY in whole else int(longest), width, states)


def _open(parsed: list[Any], path: str) -> list[str]:
    """Alternatives for texts that hold what is parsed; what has no anchor at an end may have anything there."""
    if len(parsed) == 1:
        kind, value = parsed[0]
        if kind is op.BRANCH:
            return [one for branch in value[1] for one in _open(list(branch), path)]
        if kind is op.SUBPATTERN and not value[1] and not value[2]:
            return _open(list(value[3]), path)
    before, after = _ANY, _ANY
    while parsed and parsed[0] == (op.AT, op.AT_BEGINNING):
        before, parsed = "", parsed[1:]
    while parsed and parsed[-1] == (op.AT, op.AT_END):
        after, parsed = "", parsed[:-1]
    if before == after == "" or not any(kind is op.BRANCH and _anchored(value) for kind, value in parsed):
        return [before + _sequence(parsed, path) + after]
    # `^` or `$` inside a choice, as in `^a|b$`: write the choice out
    place = next(number for number, (kind, value) in enumerate(parsed) if kind is op.BRANCH and _anchored(value))
    first = [(op.AT, op.AT_BEGINNING)] if not before else []
    last = [(op.AT, op.AT_END)] if not after else []
    found = []
    for branch in parsed[place][1][1]:
        found += _open([*first, *parsed[:place], *branch, *parsed[place + 1 :], *last], path)
    return found


def _anchored(value: Any) -> bool:
    return any((op.AT, where) in list(branch) for branch in value[1] for where in (op.AT_BEGINNING, op.AT_END))


def _sequence(parsed: Any, path: str) -> str:
    return "".join(_one(kind, value, path) for kind, value in parsed)


def _one(kind: Any, value: Any, path: str) -> str:
    some = characters(kind, value, lambda category, negated: _CLASSES[category][negated]())
    if some is not None:
        return chars.text_of(some) or _NONE
    if kind is op.BRANCH:
        return f"(?:{'|'.join(_sequence(branch, path) for branch in value[1])})"
    if kind is op.SUBPATTERN and not value[1] and not value[2]:
        return f"(?:{_sequence(value[3], path)})"
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
        least, most, inner = value
        if least > _REPEATS or (most is not op.MAXREPEAT and most > _REPEATS):
            raise _refused(path, f"repeats something more than {_REPEATS} times")
        return f"(?:{_sequence(inner, path)}){{{least},{'' if most is op.MAXREPEAT else most}}}"
    name = {op.AT: "an anchor or a word boundary inside", op.ASSERT: "a look-ahead", op.ASSERT_NOT: "a look-ahead"}
    raise _refused(path, f"has {name.get(kind, 'a back-reference, a flag or another form')}")


def _refused(path: str, what: str) -> SchemaRefused:
    return SchemaRefused(
        path, f"{what}, which no grammar can enforce.",
        "Write it with characters, classes, groups, repetitions, and ^ and $ at the ends only.",
    )  # fmt: skip
