"""Which of a few texts a model chooses, less what it prefers whatever it is told."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pytest

from models.contract import Contract
from models.engines.engine import Completion, Decoding, Message, Sampling, Usage
from models.engines.open_engine import open_engine
from models.engines.preferences import NEUTRAL, Matter, Preferences
from models.errors import EngineUnavailable
from models.grammar.grammar import Grammar
from models.grammar.membership import admits
from pipeline.prompts.prompts import Prompts

KINDS = {"kind": ("lamp", "chair", "chest")}
LABELS = {"kind": "What it is", "colour": "What it is"}


def told(text: str, shares: Mapping[str, float]) -> dict[str, Any]:
    others = [{"token": one, "bytes": list(one.encode()), "logprob": math.log(share)} for one, share in shares.items()]
    return {**next(one for one in others if one["token"] == text), "top_logprobs": others}


def unlike(messages: Sequence[Message], **scores: float) -> Completion:
    """What an engine tells of a prompt: each of its words 2 below certainty, or as `scores` has it for a kind."""
    kind, said = messages[0].content.removeprefix("What it is: ").split("\n")
    return Completion("A", "stop", Usage(9, 1), 0.1, prompt_logprobs=[("\n", -1.0), (said, scores.get(kind, -2.0))])


class Leaning:
    """Chooses by the shares that are written for a request; others get those of `bias`. `behind`: how likely each
    request is behind each kind."""

    def __init__(self, bias: Mapping[str, float], **shares: Mapping[str, float]) -> None:
        self.bias, self.shares, self.asked = bias, shares, list[str]()
        self.behind, self.weight = dict[str, float](), 0.0
        self.away = False

    async def __call__(self, messages: Sequence[Message], grammar: Grammar, sampling: Sampling) -> Completion:
        if messages[0].role == "prompt":
            assert self.weight
            return unlike(messages, **self.behind)
        self.asked.append(messages[0].content)
        await asyncio.sleep(0)
        if self.away:
            raise EngineUnavailable("Gone.")
        assert isinstance(sampling, Decoding)
        shares = self.shares.get(messages[0].content, self.bias)
        first = max(shares, key=lambda one: shares[one])
        rest = next(text for text in KINDS["kind"] if text.startswith(first)).removeprefix(first)
        pieces = [told('{"kind":', {'{"kind":': 1.0}), told(' "', {' "': 1.0}), told(first, shares)]
        text = f'{{"kind": "{first}{rest}"'
        assert admits(grammar, text)
        return Completion(text, "stop", Usage(5, 2), 0.1, logprobs=[*pieces, told(f'{rest}"', {f'{rest}"': 1.0})])

    async def prefers(self, request: str, preferences: Preferences) -> tuple[str, ...]:
        neutral = [[Message("user", sentence)] for sentence in NEUTRAL]
        matter = Matter(request, LABELS, self.weight)
        found = await preferences.prefer(self, [Message("user", request)], neutral, KINDS, True, matter=matter)
        return found.texts["kind"]


async def test_a_favourite_counts_for_as_little_as_it_is_chosen_always() -> None:
    ask = Leaning({"lamp": 0.9, "chair": 0.08, "chest": 0.02}, seat={"lamp": 0.7, "chair": 0.28, "chest": 0.02})
    preferences = Preferences()
    assert await ask.prefers("seat", preferences) == ("chair",)
    assert len(ask.asked) == 1 + len(NEUTRAL)
    assert await ask.prefers("seat", preferences) == ("chair",)
    assert len(ask.asked) == 2 + len(NEUTRAL)  # what it prefers always is known by now


async def test_what_was_said_is_weighed_behind_each_choice_besides() -> None:
    ask = Leaning({"lamp": 0.9, "chair": 0.08, "chest": 0.02}, seat={"lamp": 0.7, "chair": 0.28, "chest": 0.02})
    ask.behind, ask.weight = {"lamp": -0.5}, 0.5  # 3.0 for the chair, by shares, and half of 1.5 for the lamp
    assert await ask.prefers("seat", Preferences()) == ("chair",)
    ask.behind = {"lamp": 3.0}
    assert await ask.prefers("seat", Preferences()) == ("lamp",)


async def test_texts_that_nothing_tells_apart_stay_a_choice() -> None:
    ask = Leaning({"la": 0.9, "ch": 0.1}, box={"la": 0.5, "ch": 0.5})
    assert await ask.prefers("box", Preferences()) == ("chair", "chest")
    ask.behind, ask.weight = {"chest": -1.0}, 0.5  # which the first token does not
    assert await ask.prefers("box", Preferences()) == ("chest",)


async def test_the_first_fields_of_a_form_are_asked_for_in_their_order_and_others_by_themselves() -> None:
    asked = list[str]()

    async def ask(messages: Sequence[Message], grammar: Grammar, sampling: Sampling) -> Completion:
        if messages[0].role == "prompt":
            return unlike(messages)
        heads = ('{"kind":', '{"colour":', '{"kind":"chair","colour":')
        (head,) = [one for one in heads if admits(grammar, f'{one}"{"chair" if one == heads[0] else "blue"}"')]
        asked.append(head)
        text, other = ("chair", "lamp") if head == heads[0] else ("blue", "red")
        likely = 0.9 if messages[0].content == "x" else 0.5
        pieces = [told(f'{head}"', {f'{head}"': 1.0}), told(text, {text: likely, other: 1 - likely})]
        return Completion(f'{head}"{text}"', "stop", Usage(5, 2), 0.1, logprobs=pieces)

    choices = {"kind": ("lamp", "chair"), "colour": ("red", "blue")}
    request, neutral = [Message("user", "x")], [[Message("user", "y")]]
    for leading, second in ((2, '{"kind":"chair","colour":'), (1, '{"colour":'), (0, '{"colour":')):
        asked.clear()
        matter = Matter("x", LABELS, 0.5)
        found = await Preferences().prefer(ask, request, neutral, choices, False, leading, matter=matter)
        assert found.texts == {"kind": ("chair",), "colour": ("blue",)}
        assert sorted(asked) == sorted(['{"kind":', '{"kind":', second, second])
        assert len(found.calls) == 4 + 2 * 2


async def test_one_that_is_called_off_or_meets_an_absent_server_spoils_nothing_for_the_next() -> None:
    ask = Leaning({"lamp": 0.9, "chair": 0.1}, seat={"lamp": 0.6, "chair": 0.4})
    preferences = Preferences()
    first = asyncio.create_task(ask.prefers("seat", preferences))
    second = asyncio.create_task(ask.prefers("seat", preferences))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == ("chair",)
    assert len(ask.asked) == 1 + len(NEUTRAL)
    ask.away, preferences = True, Preferences()
    with pytest.raises(EngineUnavailable):
        await ask.prefers("seat", preferences)
    ask.away = False
    assert await ask.prefers("seat", preferences) == ("chair",)


class Ticket(Contract):
    """What somebody needs from the help desk."""

    device: Literal["laptop", "phone", "printer", "account"]


async def test_a_real_model_gets_over_its_favourite(smollm2: str) -> None:
    said = {
        "When I plug my phone in, it no longer charges.": "phone",
        "paper jam in the printer of the accounts office!!": "printer",
        "My laptop does not turn on since this morning.": "laptop",
    }
    layout, preferences = Prompts().laid_out, Preferences()
    choices = {"device": ("laptop", "phone", "printer", "account")}
    async with open_engine(smollm2) as engine:
        assert engine.profile.calibrates
        neutral = [layout(engine.profile).answer(Ticket, text, []) for text in NEUTRAL]
        for text, device in said.items():
            messages = layout(engine.profile).answer(Ticket, f"What does this message say? {text}", [])
            matter = Matter(text, {"device": "What it is about"}, engine.profile.likelihood)
            found = await preferences.prefer(
                engine.generate, messages, neutral, choices, engine.profile.spaced, matter=matter
            )
            assert found.texts["device"] == (device,)
