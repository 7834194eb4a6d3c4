"""Lesson: a prompt as an engine sends it, the text that should follow, and the grammar that it is written under.

Which of its tokens a model has to write by itself is read from the grammar, as an engine reads it: what the grammar
forces is never learned. Knows nothing of where lessons come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from llguidance.hf import from_tokenizer

from models.engines.chat_template import ChatTemplate
from models.engines.engine import Message
from models.engines.profiles import Profile
from models.grammar.grammar import Grammar
from models.grammar.matchers import Matchers


@dataclass(frozen=True)
class Lesson:
    """`target` is what a careful model answers to `messages` under `grammar`."""

    messages: tuple[Message, ...]
    target: str
    grammar: Grammar


class Row(NamedTuple):
    """Token ids of prompt and answer, and which of them the model writes by itself."""

    ids: list[int]
    own: list[bool]


class Pack(NamedTuple):
    """Rows that begin alike: the tokens that all begin with, and what each goes on with."""

    shared: list[int]
    rows: list[Row]

    @property
    def tokens(self) -> int:
        """Positions that are computed for it."""
        return len(self.shared) + sum(len(row.ids) for row in self.rows)


class Packer:
    """Lessons as packs of tokens, for one model. `refused` counts those whose grammar does not admit their target.

    `longest`: tokens of a lesson; longer ones are left out. `room`: tokens of a pack.
    """

    def __init__(self, tokenizer: Any, profile: Profile, longest: int = 720, room: int = 1400) -> None:
        self._tokenizer = tokenizer
        self._template = ChatTemplate(tokenizer, profile)
        self._matchers = Matchers(from_tokenizer(tokenizer))
        self._longest, self._room = longest, room
        self.refused = 0

    def packs(self, lessons: Sequence[Lesson]) -> list[Pack]:
        """As many packs as these lessons need, which should begin alike; rows of like length beside each other."""
        found = [self.row(lesson) for lesson in lessons]
        self.refused += found.count(None)
        rows = [row for row in found if row is not None and len(row.ids) <= self._longest]
        packs, waiting = list[Pack](), list[Row]()
        for row in sorted(rows, key=lambda row: len(row.ids)):
            if waiting and pack([*waiting, row]).tokens > self._room:
                packs.append(pack(waiting))
                waiting = []
            waiting.append(row)
        return [*packs, pack(waiting)] if waiting else packs

    def row(self, lesson: Lesson) -> Row | None:
        """The lesson in tokens, forced ones as an engine takes them; None where its grammar does not admit it."""
        prompt = self._template.tokens(self._template.text(lesson.messages, self._template.profile.template))
        matcher = self._matchers.start(lesson.grammar)
        answer: list[int] = []
        own: list[bool] = []
        rest, natural = lesson.target, list[int]()
        while rest:
            if forced := matcher.compute_ff_tokens():
                taken = forced
            else:
                natural = natural or self._tokenizer(rest, add_special_tokens=False)["input_ids"]
                taken = natural[:1]
            text = self._tokenizer.decode(taken)
            if not text or not rest.startswith(text) or not matcher.consume_tokens(taken):
                return None
            natural = natural[len(taken) :] if natural[: len(taken)] == taken else []
            answer += taken
            own += [not forced] * len(taken)
            rest = rest[len(text) :]
        if not matcher.is_accepting():
            return None
        if not matcher.is_stopped():  # that this is the end is the model's to say
            answer.append(int(self._tokenizer.eos_token_id))
            own.append(True)
        return Row(prompt + answer, [False] * len(prompt) + own) if any(own) else None


def pack(rows: Sequence[Row]) -> Pack:
    """Rows with what they begin with taken out: what is computed for it is computed once. ValueError for no rows.

    The last token before an answer's first own one stays in each row, since it is where that one is predicted.
    """
    if not rows:
        raise ValueError("there are no rows to pack")
    most = min(row.own.index(True) - 1 for row in rows)
    first = rows[0].ids
    same = next((n for n in range(most) if any(row.ids[n] != first[n] for row in rows)), most)
    return Pack(first[:same], [Row(row.ids[same:], row.own[same:]) for row in rows])
