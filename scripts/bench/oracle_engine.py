"""OracleEngine: an engine whose choices are those of a person's labels, so that two ways of asking do the same work.

The choice costs what it costs anyone: prompt, mask, a token that is drawn. Knows letters; knows no intent's meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from models.engines.engine import Completion, Engine, Message, Sampling
from models.engines.profiles import Profile
from models.engines.wrapper import Wrapper
from models.grammar.grammar import Grammar


class Deciding(Wrapper):
    """Stands in front of an engine that belongs to somebody else. `labels`: what a customer says to its option's name.

    A grammar of letters is narrowed to the label's letter in two cases, "B" or "b": one would be forced, and free.
    """

    def __init__(self, engine: Engine, labels: Mapping[str, str]) -> None:
        super().__init__(engine)
        self.calls = 0
        self._labels = dict(labels)

    @property
    def profile(self) -> Profile:
        """That of the other engine, trusted with decisions."""
        return replace(self.inner.profile, decides=True)

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        """As the other engine, with the label's letter where there is a choice."""
        self.calls += 1
        if grammar is None or not grammar.weighs:
            return await self.inner.generate(messages, grammar, sampling, max_tokens)
        letter = self._letter(messages)
        start, newline, rest = grammar.lark.partition("\n")
        options = start.removeprefix("start: ").removeprefix("(").removesuffix(")").split(" | ")
        after = next(option for option in options if option.startswith(f'"{letter}"'))[3:]
        narrowed = f'start: ("{letter}" | "{letter.lower()}"){after}'
        drawn = await self.inner.generate(messages, replace(grammar, lark=narrowed + newline + rest), sampling)
        return replace(drawn, text=letter + drawn.text[1:], first={letter: 1.0})

    async def close(self) -> None:
        """It belongs to somebody else."""

    def _letter(self, messages: Sequence[Message]) -> str:
        asked = messages[-1].content
        label = next(label for text, label in self._labels.items() if f"customer: {text}\n".lower() in asked.lower())
        found = re.search(rf"^([A-Z]): {re.escape(label)}: ", messages[0].content, re.MULTILINE)
        assert found is not None, f"{label} is not among the options"
        return found[1]
