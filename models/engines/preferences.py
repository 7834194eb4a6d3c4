"""Preferences: which of a few texts a model chooses for a field, less what it prefers whatever it is told.

A small model has a favourite among the choices of a field, and takes it for most of what it reads. So its shares are
divided by those that it has for sentences which say nothing of the matter: contextual calibration (Zhao et al.,
"Calibrate Before Use", 2021), over several sentences, since each leans somewhere by itself (docs/prompts.md).

Knows grammars and the probabilities of tokens; knows no contract.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.engines.engine import Completion, Decoding, Message
from models.engines.mentions import beginnings, head
from models.engines.weighing import LEAST, LIKELIEST, Ask
from models.grammar.fragments.fragment import either, text_fragment
from models.grammar.grammar import Grammar
from models.grammar.separators import separators

NEUTRAL = (
    "It arrived on Monday.",
    "The weather was fine and we went for a walk.",
    "I have a question.",
    "They told us about it last year.",
    "There is one on the table.",
    "My brother has two of them.",
    "It is as it is.",
    "Please see the attachment.",
)
"""Sentences that say nothing of most matters, to be read in place of a request."""

Choices = Mapping[str, tuple[str, ...]]
"""Texts that a field may have, by key: two or more."""
_Asked = tuple[tuple[Message, ...], str, tuple[str, ...], bool]


@dataclass(frozen=True)
class Preferred:
    """`texts`: the likeliest of each field's, by key; one, unless the first token tells some not apart. `calls`: the
    completions that this was read from."""

    texts: Choices
    calls: tuple[Completion, ...] = ()


class Preferences:
    """What the model of an engine prefers: asked once for each field and prompt, and kept."""

    def __init__(self) -> None:
        self._leanings: dict[_Asked, asyncio.Task[tuple[dict[str, float], Completion]]] = {}

    async def prefer(
        self,
        ask: Ask,
        messages: Sequence[Message],
        neutral: Sequence[Sequence[Message]],
        choices: Choices,
        spaced: bool,
    ) -> Preferred:
        """The likeliest texts of each field, from one call for each, and one for each that was not asked before.

        `messages` ask for the whole form, `neutral` the same of `NEUTRAL`. `spaced` as in `compile_grammar`. Raises
        what `ask` raises.
        """
        calls: list[Completion] = []

        async def leaning(asked: _Asked) -> dict[str, float]:
            task = self._leanings.get(asked)
            if task is not None and not (task.done() and (task.cancelled() or task.exception())):
                return (await asyncio.shield(task))[0]  # whoever waits for it too may be cancelled
            task = self._leanings[asked] = asyncio.create_task(_shares(ask, asked))
            shares, call = await asyncio.shield(task)
            calls.append(call)
            return shares

        async def likeliest(field: str, texts: tuple[str, ...]) -> tuple[str, ...]:
            leanings = await asyncio.gather(*[leaning((tuple(one), field, texts, spaced)) for one in neutral])
            shares, call = await _shares(ask, (tuple(messages), field, texts, spaced))
            calls.append(call)
            worth = {text: shares[text] * len(leanings) / sum(one[text] for one in leanings) for text in texts}
            best = max(worth.values()) * (1 - 1e-9)
            return tuple(text for text in texts if worth[text] >= best)

        found = await asyncio.gather(*[likeliest(field, texts) for field, texts in choices.items()])
        return Preferred(dict(zip(choices, found, strict=True)), tuple(calls))


async def _shares(ask: Ask, asked: _Asked) -> tuple[dict[str, float], Completion]:
    """How likely each text is for a field, from the first token in which they differ from it; LEAST at least."""
    messages, field, texts, spaced = asked
    call = await ask(messages, _one_of(field, texts, spaced), Decoding(logprobs=LIKELIEST))
    written = {text: json.dumps(text, ensure_ascii=False)[1:] for text in texts}
    shares = dict.fromkeys(texts, 0.0)
    for begun in beginnings(call, len(head(field, spaced).encode()) + 1):
        fitting = [text for text in texts if written[text].startswith(begun.token)]
        for text in fitting:
            shares[text] += begun.share / len(fitting)
    return {text: max(share, LEAST) for text, share in shares.items()}, call


def _one_of(field: str, texts: Sequence[str], spaced: bool) -> Grammar:
    """An object with this key alone, as far as the end of one of the texts."""
    parts = [text_fragment("{"), text_fragment(json.dumps(field, ensure_ascii=False))]
    parts.append(text_fragment(separators(spaced).colon))
    parts.append(either(text_fragment(json.dumps(text, ensure_ascii=False)) for text in texts))
    return Grammar(
        "start: " + " ".join(part.rule for part in parts), int(sum(part.longest for part in parts)) + 2, spaced=spaced
    )
