"""Aside: what a model thinks aloud around its answer, taken out of the reply. Knows the tags that models think in.

A field may be called thinking too: what stands inside an answer is part of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_THOUGHT = "think|thinking|thought|reasoning"
_ENDED = re.compile(rf"</\s*+(?:{_THOUGHT})\s*+>", re.I)


def without_asides(reply: str, answers: Iterable[str]) -> tuple[str, str]:
    """The reply without thoughts, and the thoughts. `answers`: the folded tags that an answer may stand in.

    A thought whose opening tag is missing (the chat template wrote it) begins with the reply; one that is never closed
    ends with the next answer.
    """
    names = "|".join(map(re.escape, answers))
    answer_tag = rf"<({names})\b[^<>]*+>(?=\s*+[<{{`\[])"  # an answer, and not a word about one
    answer_begins = re.compile(rf"(?={answer_tag})", re.I)
    marks = re.compile(rf"<(/?)(?:{_THOUGHT})\b[^<>]*+>|{answer_tag}", re.I)
    kept: list[str] = []
    thoughts: list[str] = []
    position = 0
    while (mark := marks.search(reply, position)) is not None:
        closing, answer = mark.groups()
        if answer is not None:
            end = _after(reply, f"</\\s*{re.escape(answer)}\\s*>", mark.end())
            kept.append(reply[position:end])
            position = end
        elif closing:  # never opened: all so far was thought
            thoughts += [*kept, reply[position : mark.start()]]
            kept = []
            position = mark.end()
        else:
            kept.append(reply[position : mark.start()])
            ended = _ENDED.search(reply, mark.end())
            if ended is None:
                ended = answer_begins.search(reply, mark.end())
            thoughts.append(reply[mark.end() : ended.start() if ended else len(reply)])
            position = ended.end() if ended else len(reply)
    kept.append(reply[position:])
    return "".join(kept), "\n".join(text for thought in thoughts if (text := thought.strip()))


def _after(reply: str, pattern: str, start: int) -> int:
    found = re.compile(pattern, re.I).search(reply, start)
    return found.end() if found else len(reply)
