"""Preferences: which of a few texts a model chooses for a field, less what it prefers whatever it is told.

A small model has a favourite among the choices of a field, and takes it for most of what it reads. So its shares are
divided by those that it has for sentences which say nothing of the matter: contextual calibration (Zhao et al.,
"Calibrate Before Use", 2021), over several sentences, since each leans somewhere by itself. They are then weighed by
how likely what was said is behind each choice (likelihoods.py), where the model gains by that (docs/prompts.md).

Knows grammars and the probabilities of tokens; knows no contract.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.engines.engine import Completion, Decoding, Message
from models.engines.likelihoods import likelihoods
from models.engines.mentions import beginnings
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

KEPT = 1024
"""Prompts whose favourites are kept, the latest: an app has few, unless it words its instructions anew each time."""

Choices = Mapping[str, tuple[str, ...]]
"""Texts that a field may have, by key: two or more."""


@dataclass(frozen=True)
class Matter:
    """`text`: what the fields are about, as it was written. `labels`: what each field is, by key, in a few words.
    `weight`: of the logarithm of its likelihood beside that of a choice's share; 0: it is not asked for."""

    text: str
    labels: Mapping[str, str]
    weight: float


@dataclass(frozen=True)
class _Asked:
    """Which of the `texts` a `field` has, in an object that begins with the texts of those `before` it."""

    messages: tuple[Message, ...]
    before: tuple[tuple[str, str], ...]
    field: str
    texts: tuple[str, ...]
    spaced: bool

    @property
    def head(self) -> str:
        """What is forced, as far as the text's quotation mark, which a model writes with the blank before it."""
        marks = separators(self.spaced)
        keys = [f"{_json(name)}{marks.colon}{_json(text)}{marks.comma}" for name, text in self.before]
        return f"{{{''.join(keys)}{_json(self.field)}{marks.colon}"

    @property
    def grammar(self) -> Grammar:
        """The object as far as the end of one of the texts. Its literals are cut as in `compile_grammar`."""
        marks = separators(self.spaced)
        pieces = ["{"]
        for name, text in self.before:
            pieces += [_json(name), marks.colon, _json(text), marks.comma]
        parts = [text_fragment(piece) for piece in (*pieces, _json(self.field), marks.colon)]
        parts.append(either(text_fragment(_json(text)) for text in self.texts))
        rule, longest = " ".join(part.rule for part in parts), sum(part.longest for part in parts)
        return Grammar(f"start: {rule}", int(longest) + 2, spaced=self.spaced)


@dataclass(frozen=True)
class Preferred:
    """`texts`: the likeliest of each field's, by key; several where an engine tells nothing of prompts, and the first
    token does not tell them apart. `calls`: the completions that this was read from."""

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
        leading: int = 0,
        *,
        matter: Matter,
    ) -> Preferred:
        """The likeliest texts of each field, from one call for each field, one for each of its texts if the `matter` is
        weighed, and one for each neutral prompt that was not asked before.

        `messages` ask for the whole form, `neutral` the same of `NEUTRAL`, in place of
        `matter`. `spaced` as in `compile_grammar`. `leading`:
        so many of `choices` are the form's first fields, in their order; each is asked for behind those before it, and
        every other one as if it were the first. Raises what `ask` raises.
        """
        calls: list[Completion] = []

        async def leaning(asked: _Asked) -> dict[str, float]:
            task = self._leanings.get(asked)
            if task is not None and not (task.done() and (task.cancelled() or task.exception())):
                return (await asyncio.shield(task))[0]  # whoever waits for it too may be cancelled
            if len(self._leanings) >= KEPT:
                del self._leanings[next(iter(self._leanings))]
            task = self._leanings[asked] = asyncio.create_task(_shares(ask, asked))
            shares, call = await asyncio.shield(task)
            calls.append(call)
            return shares

        async def likeliest(field: str, before: tuple[tuple[str, str], ...] = ()) -> tuple[str, ...]:
            texts = choices[field]
            leanings = await asyncio.gather(
                *[leaning(_Asked(tuple(one), before, field, texts, spaced)) for one in neutral]
            )
            (shares, call), behind = await asyncio.gather(
                _shares(ask, _Asked(tuple(messages), before, field, texts, spaced)),
                likelihoods(ask, matter.text, matter.labels[field], texts if matter.weight else ()),
            )
            calls.extend((call, *behind.calls))
            worth = {
                text: math.log(shares[text] * len(leanings) / sum(one[text] for one in leanings))
                + matter.weight * behind.logs.get(text, 0.0)
                for text in texts
            }
            best = max(worth.values()) - 1e-9
            return tuple(text for text in texts if worth[text] >= best)

        found: dict[str, tuple[str, ...]] = {}
        before: list[tuple[str, str]] = []
        for field in list(choices)[:leading]:
            found[field] = await likeliest(field, tuple(before))
            if len(found[field]) > 1:
                break
            before.append((field, found[field][0]))
        others = [field for field in choices if field not in found]
        found |= zip(others, await asyncio.gather(*map(likeliest, others)), strict=True)
        return Preferred(found, tuple(calls))


async def _shares(ask: Ask, asked: _Asked) -> tuple[dict[str, float], Completion]:
    """How likely each text is, from the first token in which they differ; LEAST at least."""
    call = await ask(asked.messages, asked.grammar, Decoding(logprobs=LIKELIEST))
    written = {text: _json(text)[1:] for text in asked.texts}
    shares = dict.fromkeys(asked.texts, 0.0)
    for begun in beginnings(call, len(asked.head.encode()) + 1):
        fitting = [text for text in asked.texts if written[text].startswith(begun.token)]
        for text in fitting:
            shares[text] += begun.share / len(fitting)
    return {text: max(share, LEAST) for text, share in shares.items()}, call


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
