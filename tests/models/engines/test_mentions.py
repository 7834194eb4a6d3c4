"""Which fields a conversation has a value for, from what a model would write in words of its own."""

from __future__ import annotations

import math
from typing import Any

import pytest

from models.contract import Contract
from models.engines.engine import Completion, Decoding, Message, Sampling, Usage
from models.engines.mentions import begins, mentioned
from models.engines.open_engine import open_engine
from models.grammar.grammar import Grammar
from models.grammar.membership import admits
from models.said import Said
from pipeline.prompts.prompts import Prompts
from pipeline.record import Turn


def token(text: str, *alternatives: tuple[str, float], share: float = 1.0) -> dict[str, Any]:
    told = [{"token": one, "bytes": list(one.encode()), "logprob": math.log(likely)} for one, likely in alternatives]
    return {"token": text, "bytes": list(text.encode()), "logprob": math.log(share), "top_logprobs": told}


async def share(said: str, *tokens: dict[str, Any], field: str = "city") -> float:
    text = "".join(one["token"] for one in tokens)

    async def ask(messages: object, grammar: Grammar, sampling: Sampling) -> Completion:
        assert admits(grammar, text)
        assert isinstance(sampling, Decoding)
        return Completion(text, "stop", Usage(1, 1), 0.1, logprobs=tokens)

    return (await mentioned(ask, [], [field], [said], True)).shares[field]


async def test_what_begins_as_something_said_counts_and_nothing_else() -> None:
    first = token("Pa", ("Pa", 0.5), ("Lon", 0.2), ("paris", 0.1), ("ar", 0.1), (" ", 0.05))
    said = "From Paris, please"
    assert await share(said, token('{"city":'), token(' "', share=0.8), first) == pytest.approx(0.8 * 0.6)
    assert await share("From Berlin", token('{"city":'), token(' "', share=0.8), first) == 0.0


async def test_a_token_may_hold_the_quotation_mark_and_a_letter_and_bytes_of_a_character() -> None:
    merged = token(' "Ä', (' "Ä', 0.4), (' "A', 0.3), (" null", 0.3))
    assert await share("Ähren und Korn", token('{"größe":'), merged, field="größe") == pytest.approx(0.4)
    half = {"token": "�", "bytes": [0xC3], "logprob": math.log(0.5)}
    whole = {**token("Ä"), "top_logprobs": [half, *token("Ä", ("Ä", 0.4))["top_logprobs"]]}
    assert await share("Ähren", token('{"city": "'), whole) == pytest.approx(0.4)


async def test_null_is_none_and_an_engine_without_alternatives_is_taken_at_its_word() -> None:
    assert await share("Paris", token('{"city":'), token(" null", (" null", 0.6), (' "', 0.4))) == 0.0

    async def ask(messages: object, grammar: Grammar, sampling: Sampling) -> Completion:
        return Completion('{"city": "Paris', "stop", Usage(1, 1), 0.1)

    for said, wanted in (("to Paris", 1.0), ("to Rome", 0.0)):
        assert (await mentioned(ask, [], ["city"], [said], True)).shares == {"city": wanted}


def test_words_begin_at_their_beginning() -> None:
    said = ["Two people, 7:30 p.m. (late)"]
    assert [begins(text, said) for text in ("tw", "7", "p.", "(", "people,")] == [True] * 5
    assert [begins(text, said) for text in ("", " ", "wo", "eople", "8", "Two people and")] == [False] * 6


class Trip(Contract):
    city: Said[str] | None
    phone: Said[str] | None


async def test_a_real_model_tells_what_was_said_from_what_it_makes_up(smollm2: str) -> None:
    turns = [Turn("customer", "I would like to travel to Lisbon, please.")]
    async with open_engine(smollm2) as engine:
        messages = Prompts().laid_out(engine.profile).fill(Trip, turns)
        found = await mentioned(engine.generate, messages, ["city", "phone"], [turns[0].text], True)
        again = await mentioned(engine.generate, [Message("user", "?")], ["city"], [turns[0].text], True)
    assert found.shares["city"] > engine.profile.sure > found.shares["phone"]
    assert again.shares["city"] < found.shares["city"]
