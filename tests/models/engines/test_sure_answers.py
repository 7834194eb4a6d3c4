"""Yes, no or null, from how sure a model is of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from models.engines.answers import CERTAIN, Answers, answers
from models.engines.engine import Completion, Decoding, Message, Sampling, Usage
from models.engines.open_engine import open_engine
from models.grammar.grammar import Grammar
from models.grammar.membership import admits
from pipeline.prompts.prompts import Prompts
from scripts.evaluate.model_figures import SHOWN, Review


def told(text: str, shares: dict[str, float]) -> dict[str, Any]:
    others = [{"token": one, "bytes": list(one.encode()), "logprob": math.log(share)} for one, share in shares.items()]
    return {**next(one for one in others if one["token"] == text), "top_logprobs": others}


async def answer(spaced: bool = True, **shares: float) -> Answers:
    blank = " " if spaced else ""
    likely = {f"{blank}{word}": share for word, share in shares.items()}
    words = {begun: word for begun in likely for word in ("true", "false", "null") if word.startswith(begun.strip())}
    first = max(words, key=lambda begun: likely[begun])
    word = words[first]
    rest = [told(rest, {rest: 1.0})] if (rest := word.removeprefix(first.strip())) else []

    async def ask(messages: Sequence[Message], grammar: Grammar, sampling: Sampling) -> Completion:
        assert isinstance(sampling, Decoding)
        text = f'{{"gift":{blank}{word}'
        assert admits(grammar, text)
        pieces = [told('{"gift":', {'{"gift":': 1.0}), told(first, likely), *rest]
        return Completion(text, "stop", Usage(5, 2), 0.1, logprobs=pieces)

    return await answers(ask, [], ["gift"], spaced)


@pytest.mark.parametrize("spaced", [True, False])
async def test_an_answer_stands_where_the_model_is_all_but_certain_of_it(spaced: bool) -> None:
    assert (await answer(spaced, true=0.95, false=0.03, null=0.02)).values == {"gift": True}
    assert (await answer(spaced, true=0.02, false=0.93, null=0.05)).values == {"gift": False}
    found = await answer(spaced, true=0.2, false=0.75, null=0.05)
    assert found.values == {"gift": None}
    assert found.doubted == pytest.approx({"gift": 0.75})
    assert len(found.calls) == 1


async def test_what_counts_is_its_share_of_yes_no_and_null() -> None:
    found = await answer(tr=0.46, fa=0.01, nu=0.01, oh=0.5)
    assert found.values == {"gift": True}
    assert (await answer(t=0.5, f=0.4, n=0.1)).doubted == pytest.approx({"gift": 0.5})


async def test_an_engine_that_tells_no_alternatives_is_taken_at_its_word() -> None:
    for word, value in (("true", True), ("null", None)):

        async def ask(messages: object, grammar: Grammar, sampling: Sampling, word: str = word) -> Completion:
            return Completion(f'{{"gift":{word}', "stop", Usage(1, 1), 0.1)

        assert (await answers(ask, [], ["gift"], False)).values == {"gift": value}


async def test_a_real_model_answers_yes_or_no_to_what_says_nothing_of_it_and_is_not_sure(smollm2: str) -> None:
    async with open_engine(smollm2) as engine:
        layout = Prompts().laid_out(engine.profile)
        asked = layout.answer(Review, "What does this review say? The lamp is bright.", [], SHOWN)
        found = await answers(engine.generate, asked, ["recommends"], engine.profile.spaced)
    assert found.values == {"recommends": None}
    assert 1 / 3 < found.doubted["recommends"] < CERTAIN
    assert '{"recommends": null' not in [call.text for call in found.calls]
