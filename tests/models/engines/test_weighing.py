"""A model's opinion of a few options: it sums to one, and does not depend on the order in which they are named."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path

import pytest
from scripted_server import Reply, ScriptedServer, says

from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Message
from models.engines.vllm.engine import VllmEngine
from models.engines.weighing import weigh

OPTIONS = ("cancel_booking", "book_trip", "out_of_scope", "ambiguous")


def prompt(order: Mapping[str, str]) -> Sequence[Message]:
    lines = [f"{letter}: {name}" for letter, name in order.items()]
    return [Message("system", "\n".join(["Choose.", *lines])), Message("user", "book me a trip to Goa")]


async def test_the_order_of_options_does_not_matter(random_model: Path) -> None:
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    try:
        seen = [await weigh(engine.generate, prompt, order) for order in list(permutations(OPTIONS))[::6]]
    finally:
        await engine.close()
    assert len(seen) == 4
    for weighed in seen:
        assert list(weighed.shares) == sorted(OPTIONS)
        assert sum(weighed.shares.values()) == pytest.approx(1)
        assert weighed.shares == pytest.approx(seen[0].shares, rel=1e-4)
        assert len(weighed.calls) == 2
        assert set("".join(weighed.calls[0].first)) <= set("ABCD")
    assert len({round(share, 6) for share in seen[0].shares.values()}) > 1


async def test_one_option_costs_no_call() -> None:
    async def nobody(*asked: object) -> object:
        raise AssertionError("a forced choice was asked about")

    assert (await weigh(nobody, prompt, ["book_trip"])).shares == {"book_trip": 1.0}  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="0 options"):
        await weigh(nobody, prompt, [])  # type: ignore[arg-type]


def likes_first(body: dict[str, object]) -> Reply:
    """Nine tenths for the letter A whatever it stands for, and some for tokens that no option has."""
    reply = says("A")
    told = [("A", 0.45), ("B", 0.05), ("The", 0.5)]
    alternatives = [{"token": token, "logprob": math.log(share), "bytes": None} for token, share in told]
    content = [{"token": "A", "logprob": math.log(0.45), "bytes": None, "top_logprobs": alternatives}]
    choice = {**reply.body["choices"][0], "logprobs": {"content": content}}
    return Reply(200, {**reply.body, "choices": [choice]})


async def test_a_server_that_prefers_the_first_letter_has_said_nothing() -> None:
    with ScriptedServer(likes_first) as server:
        engine = await VllmEngine.open(server.url)
        try:
            weighed = await weigh(engine.generate, prompt, ["book_trip", "cancel_booking"])
        finally:
            await engine.close()
        assert all(body["logprobs"] is True and body["top_logprobs"] == 20 for body in server.requests)
    assert weighed.shares == pytest.approx({"book_trip": 0.5, "cancel_booking": 0.5})


async def test_a_real_server_tells_its_probabilities(vllm_url: str) -> None:
    engine = await VllmEngine.open(vllm_url)
    try:
        forward = await weigh(engine.generate, prompt, OPTIONS)
        backward = await weigh(engine.generate, prompt, OPTIONS[::-1])
    finally:
        await engine.close()
    assert sum(forward.shares.values()) == pytest.approx(1)
    assert forward.shares == pytest.approx(backward.shares, abs=1e-3)
    assert forward.calls[0].first
