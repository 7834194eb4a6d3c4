"""Dialogue acts: what an answer is beside a value: taken back ("never mind"), corrected ("no, I meant …"), about more.

Knows English phrases and where a value stands in a text; asks nobody. The phrases are closed sets, matched as a whole:
"cancel my booking" takes nothing back.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from models.values.reading import read

LONGEST = 7
"""Words of a value inside an answer: "the first Saturday of next month" has six."""
MOST_WORDS = 100
"""Of an answer in which values are looked for word by word: what is longer is a story, which a model has to read."""
MOST_CHARACTERS = 200
"""Of an answer that takes a request back: longer than any of the phrases with what may stand around them."""

_SOFT = r"oh|ok|okay|well|actually|sorry|please|thanks|thank you|hm+|ah|then|just|you know what|um+|uh"
_END = r"then|please|thanks|thank you|anyway|any ?more|for now|sorry|ok|okay|after all|it'?s (?:fine|ok(?:ay)?)"
_BEFORE, _AFTER = rf"(?:(?:{_SOFT}|no|nah)[\s,.!]+)*", rf"(?:[\s,.!]+(?:{_END}))*"
_DROPPED = re.compile(
    rf"{_BEFORE}(?:never ?mind(?: (?:that|it|about (?:it|that)))?|nvm"
    r"|forget (?:it|that|this|about (?:it|that|this)|the whole thing)|drop it|leave it(?: (?:be|at that|alone))?"
    r"|let it (?:be|go)|scrap (?:it|that)|skip it|don'?t (?:bother|worry about it)|do not bother|no need"
    r"|not (?:needed|necessary)|i(?:'ve| have)? changed my mind"
    rf"|stop(?: (?:it|this|here))?|abort|quit|exit){_AFTER}"
)
_WITHDRAWN = re.compile(
    rf"{_BEFORE}(?:(?:please|(?:can|could|would|will) you(?: please)?|(?:let'?s|let us|just)"
    r"|i(?:'d| would)? (?:want|like|need|prefer) (?:you )?to|i'?d rather)\s+)*"
    r"(?:cancel|stop|drop|withdraw|end|abort|call off|take back)"
    r"(?: (?:it|this|that|everything|all(?: of (?:it|this|that))?|the whole thing"
    r"|(?:my|the|this|that|our)(?: [\w'-]+){1,3}?))?"
    rf"{_AFTER}"
)
_DECLINED = re.compile(rf"(?:(?:{_SOFT})[\s,.!]+)*(?:no|nope|nah|no,? (?:thanks|thank you)|neither|none){_AFTER}")
_CORRECTED = re.compile(
    r"(?:oh|sorry|well|wait|hm+)?[\s,]*(?:no+|nope|nah|not that|wrong)\b[\s,.!;:-]*(?:sorry[\s,]*)?"
    r"(?:(?:what )?i (?:meant|mean|want(?:ed)?|said|asked|need(?:ed)?|was asking|was talking)"
    r"(?: (?:to say|for|about|that))?|i'?d (?:rather|like)|actually|rather|instead)\b[\s,:]*(?P<rest>\S.*)",
    re.I | re.S,
)
_CHANGE = re.compile(
    r"\b(?:and|but|also|make (?:it|that|this)|change|instead|rather|actually|switch|move|no,|not|wait|sorry)\b", re.I
)


def drops(answer: str) -> bool:
    """Whether an answer takes the whole request back."""
    return len(answer) <= MOST_CHARACTERS and _DROPPED.fullmatch(_plain(answer)) is not None


def withdraws(answer: str) -> bool:
    """Whether an answer may take the request back: "cancel my order" is also what one asks for, or tells."""
    return len(answer) <= MOST_CHARACTERS and _WITHDRAWN.fullmatch(_plain(answer)) is not None


def declines(answer: str) -> bool:
    """Whether an answer is a bare no, which only a question with another kind of answer takes for taking it back."""
    return len(answer) <= MOST_CHARACTERS and _DECLINED.fullmatch(_plain(answer)) is not None


def corrected(answer: str) -> str | None:
    """What follows "no, I meant"; None where nothing is corrected."""
    match = _CORRECTED.fullmatch(answer.strip().replace("’", "'"))
    return None if match is None else match["rest"].strip(" ,.")


def changes(answer: str) -> bool:
    """Whether an answer has a word of changing or adding something in it: without one, it is about one thing."""
    return _CHANGE.search(answer.replace("’", "'")) is not None


def mentioned(kind: type[Any], text: str, today: date, most: int | None = None) -> list[tuple[object, str]]:
    """The values of a type that a text names, each with its words: the longest that read as one, without overlap.

    At most so many; none in a text of more than `MOST_WORDS`.
    """
    words = list(re.finditer(r"\S+", text))
    found: list[tuple[object, str]] = []
    spans: dict[str, object] = {}
    at = 0
    while at < len(words) <= MOST_WORDS and (most is None or len(found) < most):
        for length in range(min(LONGEST, len(words) - at), 0, -1):
            span = text[words[at].start() : words[at + length - 1].end()].strip(" ,;.!?")
            if span not in spans:
                spans[span] = read(kind, span, today)
            value = spans[span]
            if value is not None:
                if value not in [known for known, _ in found]:
                    found.append((value, span))
                at += length
                break
        else:
            at += 1
    return found


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("’", "'").split()).strip(" .,;!?\"'")
