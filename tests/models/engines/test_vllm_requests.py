"""What goes over the wire to a vLLM server for each option of a draw, and how its answers are understood."""

from __future__ import annotations

import math

import pytest
from scripted_server import Body, Reply, ScriptedServer, says

from models.engines.answers import answers
from models.engines.engine import Decoding, Message, Sampling
from models.engines.likelihoods import likelihoods
from models.engines.preferences import Matter, Preferences
from models.engines.vllm.engine import VllmEngine
from models.engines.weighing import LIKELIEST
from models.errors import ConstraintBroken
from models.grammar.plain import regex_grammar

ASKED = [Message("user", "Tell me about trains.")]
ALL = Decoding(0.5, 0.9, 7, 40, 0.1, 1.0, 0.5, ((5, -100.0),), ("end",), 3)


async def test_every_option_of_a_draw_is_asked_for_and_none_that_is_not_given() -> None:
    with ScriptedServer([says("a"), says("a"), says("ab/12")]) as server:
        engine = await VllmEngine.open(server.url)
        await engine.generate(ASKED, None, ALL, 9)
        await engine.generate(ASKED, None, Sampling(), 9)
        await engine.generate(ASKED, regex_grammar("[a-z]{2}/[0-9]{2}").within(50), ALL)
        await engine.close()
    asked, plain, formed = server.requests
    options = {
        "top_k": 40,
        "min_p": 0.1,
        "presence_penalty": 1.0,
        "frequency_penalty": 0.5,
        "logit_bias": {"5": -100.0},
    }
    options |= {"logprobs": True, "top_logprobs": 3, "temperature": 0.5, "top_p": 0.9, "seed": 7}
    assert {name: asked[name] for name in options} == options
    assert asked["stop"] == ["end"]
    assert not plain.keys() & (options.keys() - {"temperature", "top_p", "seed"} | {"stop"})
    assert formed["max_completion_tokens"] == 50
    assert "grammar" in formed["structured_outputs"]
    assert "stop" not in formed  # which would end it inside its format


async def test_a_text_that_its_budget_cut_is_told_from_one_that_breaks_its_grammar() -> None:
    grammar = regex_grammar("[a-z]{9}").within(4)
    with ScriptedServer([says("abcd", finish_reason="length", tokens=4), says("1", finish_reason="stop")]) as server:
        engine = await VllmEngine.open(server.url)
        for cut in (True, False):
            with pytest.raises(ConstraintBroken) as broken:
                await engine.generate(ASKED, grammar, Sampling())
            assert broken.value.cut is cut
        await engine.close()


async def test_a_plain_text_has_its_own_route_and_is_understood_like_a_chat() -> None:
    scores = {
        "tokens": ["a", "b"],
        "token_logprobs": [-0.5, -1.0],
        "top_logprobs": [{"a": -0.5}, {"b": -1.0, "c": -2.0}],
    }
    choice = {"index": 0, "text": "ab", "finish_reason": "length", "logprobs": scores}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    head = {"id": "x", "object": "text_completion", "created": 0, "model": "scripted"}
    with ScriptedServer([Reply(200, {**head, "choices": [choice], "usage": usage})]) as server:
        engine = await VllmEngine.open(server.url)
        answer = await engine.generate([Message("prompt", "Once")], None, Decoding(logprobs=2), 2)
        await engine.close()
    (body,) = server.requests
    assert (body["prompt"], body["max_tokens"], body["logprobs"]) == ("Once", 2, 2)
    assert "messages" not in body
    assert (answer.text, answer.finish_reason, answer.usage.prompt_tokens) == ("ab", "length", 3)
    assert [(token["token"], token["logprob"]) for token in answer.logprobs] == [("a", -0.5), ("b", -1.0)]
    assert [len(token["top_logprobs"]) for token in answer.logprobs] == [1, 2]


async def test_a_favourite_and_an_answer_that_is_not_sure_are_told_by_a_servers_probabilities() -> None:
    def scored(text: str, **shares: float) -> dict[str, object]:
        likely = {word: math.log(share) for word, share in (shares or {text: 1.0}).items()}
        others = [{"token": word, "logprob": score, "bytes": [*word.encode()]} for word, score in likely.items()]
        return {"token": text, "logprob": likely[text], "bytes": [*text.encode()], "top_logprobs": others}

    def reply(body: Body) -> Reply:
        if "prompt" in body:
            likely = -1.0 if body["prompt"] == "What it is: chair\nA seat." else -3.0
            read = [None, *({"7": {"logprob": likely, "decoded_token": one}} for one in ("\n", "A", " seat", "."))]
            choice = {"index": 0, "text": "A", "finish_reason": "stop", "logprobs": None, "prompt_logprobs": read}
            usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
            head = {"id": "x", "object": "text_completion", "created": 0, "model": "scripted"}
            return Reply(200, {**head, "choices": [choice], "usage": usage})
        if "gift" in body["structured_outputs"]["grammar"]:
            written = [scored('{"gift":'), scored("true", true=0.7, null=0.2, false=0.1)]
        else:
            chair = 0.4 if "seat" in body["messages"][0]["content"] else 0.05
            written = [scored('{"kind":'), scored('"'), scored("lamp", lamp=1 - chair, chair=chair), scored('"')]
        answer = says("".join(str(one["token"]) for one in written))
        (choice,) = answer.body["choices"]
        choice["logprobs"] = {"content": written}
        return answer

    with ScriptedServer(reply) as server:
        engine = await VllmEngine.open(server.url)
        asked, neutral = [Message("user", "A seat.")], [[Message("user", text)] for text in ("Hello.", "Here.")]
        choices, matter = {"kind": ("lamp", "chair")}, Matter("A seat.", {"kind": "What it is"}, 0.2)
        found = await Preferences().prefer(engine.generate, asked, neutral, choices, False, matter=matter)
        behind = await likelihoods(engine.generate, "A seat.", "What it is", choices["kind"])
        told = await answers(engine.generate, asked, ["gift"], False)
        await engine.close()
    assert found.texts == {"kind": ("chair",)}
    assert told.doubted == {"gift": pytest.approx(0.7)}
    assert behind.logs == {"lamp": -9.0, "chair": -3.0}
    reads = [body for body in server.requests if "prompt" in body]
    others = [body for body in server.requests if "prompt" not in body]
    assert (len(reads), len(others)) == (4, 4)
    assert all(body["prompt_logprobs"] == 0 and "stream" not in body for body in reads)
    assert all(body["logprobs"] is True and body["top_logprobs"] == LIKELIEST for body in others)
