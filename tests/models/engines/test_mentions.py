"""Which fields a conversation has a value for, from what a model would write in words of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from models.contract import Contract
from models.engines.claims import Claims, share_said, told_apart
from models.engines.engine import Completion, Decoding, Engine, Message, Sampling, Usage
from models.engines.mentions import Beginning, mentions
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

    return share_said((await mentions(ask, [], [field], True)).begun[field], [said])


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

    (found,) = (await mentions(ask, [], ["city"], True)).begun.values()
    assert share_said(found, ["to Paris"]) == 1.0
    assert share_said(found, ["to Rome"]) == 0.0


async def test_of_the_likeliest_beginning_the_whole_word_is_known() -> None:
    first = token("Pa", ("Pa", 0.5), ("Lon", 0.2))

    async def ask(messages: object, grammar: Grammar, sampling: Sampling) -> Completion:
        tokens = [token('{"city":'), token(' "'), first, token("ris")]
        return Completion("".join(one["token"] for one in tokens), "stop", Usage(1, 1), 0.1, logprobs=tokens)

    found = (await mentions(ask, [], ["city"], True)).begun["city"]
    assert [(one.token, one.word) for one in found] == [("Pa", "Paris"), ("Lon", "")]


def test_words_begin_at_their_beginning() -> None:
    said = ["Two people, 7:30 p.m. (late)"]
    assert [share_said([Beginning(text, 0.5)], said) for text in ("tw", "7", "p.", "people,")] == [0.5] * 4
    assert [share_said([Beginning(text, 0.5)], said) for text in ("", " ", "wo", "eople", "8", "(")] == [0.0] * 6


class Trip(Contract):
    city: Said[str] | None
    phone: Said[str] | None


async def test_a_real_model_tells_what_was_said_from_what_it_makes_up(smollm2: str) -> None:
    turns = [Turn("customer", "I would like to travel to Lisbon, please.")]
    async with open_engine(smollm2) as engine:
        messages = Prompts().laid_out(engine.profile).fill(Trip, turns)
        found = await _told_apart(engine, messages, turns[0].text)
        again = await _told_apart(engine, [Message("user", "?")], turns[0].text)
    assert found.copies["city"][0] == "Lisbon"
    assert found.unsaid.keys() == {"phone"}
    assert again.unsaid.keys() == {"city", "phone"}


async def _told_apart(engine: Engine, messages: Sequence[Message], said: str) -> Claims:
    known = await mentions(engine.generate, messages, ["city", "phone"], True)
    return told_apart(known.begun, [said], Trip.questions(), engine.profile.sure)
