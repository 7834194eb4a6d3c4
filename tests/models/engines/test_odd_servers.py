"""What answers where a server was: half a text, a page of a proxy, a stream that breaks or never ends, another model.

Each is one sentence, and where the next try may fare better, an EngineUnavailable, for which callers wait and pools go
to another server.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from models.bench.throughput.traffic import Call, Traffic
from models.engines.engine import Completion, Decoding, Message
from models.engines.hearing import hearing
from models.engines.pool import Pool
from models.engines.vllm import client
from models.engines.vllm.engine import VllmEngine
from models.errors import EngineError, EngineUnavailable, ModelNotFound, PromptTooLong, RequestRefused, TooComplex
from models.grammar.grammar import Grammar

WORD = Grammar("start: /[a-z]{3,5}/", 6)
ASKED = [Message("user", "Hello.")]
SCORED = Decoding(logprobs=2)
MODELS = {"data": [{"id": "m", "root": "m", "max_model_len": 4096}]}
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def http(body: bytes | object, status: int = 200, kind: str = "application/json", length: int | None = None) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    size = len(data) if length is None else length
    return f"HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n\r\n".encode() + data


def chat(content: object = "abc", **more: object) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop", **more}
    return {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


def stream(*pieces: object) -> bytes:
    told = [piece if isinstance(piece, bytes) else json.dumps(piece).encode() for piece in pieces]
    return STREAM + b"".join(b"data: " + one + b"\n\n" for one in told)


def piece(text: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


@asynccontextmanager
async def serving(answer: bytes, endless: bool = False, port: int = 0, **gets: bytes) -> AsyncIterator[str]:
    """A server that answers every POST with these bytes, `endless` ones with blanks behind them, and each path of
    `gets` with those."""
    paths = {"/v1/models": http(MODELS), "/version": http({"version": "1"})}
    paths |= {f"/{name.replace('_', '/')}": told for name, told in gets.items()}

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            sizes = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
            await reader.readexactly(int(sizes[0]) if sizes else 0)
            path = head.split(b" ")[1].decode()
            told = paths.get(path, http({}, 404)) if head.startswith(b"GET") else answer
            writer.write(told.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
            await writer.drain()
            while endless and head.startswith(b"POST"):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answers, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def asked(url: str, grammar: Grammar | None = WORD, message: Message = ASKED[0]) -> Completion:
    engine = await VllmEngine.open(url)
    try:
        return await engine.generate([message], grammar, SCORED, None if grammar else 6)
    finally:
        await engine.close()


CUT = {
    "half a text": http(json.dumps(chat()).encode()[:60]),
    "half of what was announced": http(chat(), length=900),
    "nothing": http(b""),
    "no bytes of a text": http(b"\x00\xff\xfe garbage"),
    "a page of a proxy": http(b"<html>Please log in</html>", kind="text/html"),
    "a bad gateway": http(b"<html>" * 500, 502, "text/html"),
    "a time that was up": http(b"", 408),
    "too many at once": http({"error": {"message": "slow down"}}, 429),
    "brackets without end": http(b"[" * 200_000),
    "half a pair": http(chat("a\ud800")),
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "an end": b"",
}
ODD = {
    "a list": http([1, 2]),
    "null": http(b"null"),
    "a number": http(b"5"),
    "choices that are none": http({"choices": "abc"}),
    "choices that are numbers": http({"choices": [1, 2]}),
    "a message that is a text": http(chat(message="abc")),
    "a content that is a list": http(chat([{"type": "text", "text": "abc"}])),
    "a number as a content": http(chat(5)),
    "tokens that are a text": http({**chat(), "usage": "many"}),
    "likelihoods without tokens": http(chat(logprobs={"content": [1]})),
    "a prompt's without any": http({**chat(), "prompt_logprobs": [None, {"5": {"x": 1}}]}),
    "an error as an answer": http({"error": {"message": "boom"}}),
}
BROKEN = {
    "an error of the server's": stream(piece("ab"), {"error": {"message": "EngineCore died", "code": 500}}),
    "an error in words": stream(piece("ab"), {"error": "boom"}),
    "half a piece": stream(piece("ab"), json.dumps(piece("c")).encode()[:30]),
    "no bytes of a text": stream(piece("ab"), b"\xff\xfe{"),
    "no JSON": stream(piece("ab"), b"hello"),
    "nothing": STREAM,
    "an end before the text's": stream(piece("ab"), b"[DONE]"),
    "brackets without end": stream(b"[" * 100_000),
    "no stream": http(chat()),
    "pieces without end": stream(*[piece("a")] * 200),
}
ELSE = {"a list": stream([1]), "a number": stream(b"5"), "a content of another kind": stream(piece(5))}


def one_sentence(error: EngineError) -> None:
    assert "\n" not in str(error)
    assert len(str(error)) < 600
    assert error.hint


@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
async def test_what_was_cut_or_came_from_somebody_else_may_be_asked_for_again(answer: bytes) -> None:
    async with serving(answer) as url:
        for message in (ASKED[0], Message("prompt", "Once")):
            with pytest.raises(EngineUnavailable) as caught:
                await asked(url, None, message)
            one_sentence(caught.value)


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
async def test_what_is_no_answer_is_called_so(answer: bytes) -> None:
    async with serving(answer) as url:
        for message in (ASKED[0], Message("prompt", "Once")):
            with pytest.raises(EngineError, match="sent a reply that is no chat completion") as caught:
                await asked(url, None, message)
            one_sentence(caught.value)


@pytest.mark.parametrize("answer", [*BROKEN.values(), *ELSE.values()], ids=[*BROKEN, *ELSE])
async def test_a_stream_that_breaks_loses_one_answer_and_says_so(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PIECES", 2)
    async with serving(answer) as url:
        with hearing(lambda text: None), pytest.raises(EngineError) as caught:
            await asked(url)
    one_sentence(caught.value)
    assert isinstance(caught.value, EngineUnavailable) == (answer in BROKEN.values())


async def test_a_text_that_a_server_ended_since_its_grammar_was_too_complex_is_called_so() -> None:
    async with serving(http(chat(stop_reason="too complex: lexer error: too many expressions constructed"))) as url:
        with pytest.raises(TooComplex, match=r"^The grammar is too complex \(lexer error: too many"):
            await asked(url)


async def test_what_a_stream_refuses_late_is_a_refusal() -> None:
    long = {"error": {"message": "This model's maximum context length is 5 tokens", "code": 400}}
    for told, kind in ((long, PromptTooLong), ({"error": {"message": "no such tool", "code": 422}}, RequestRefused)):
        async with serving(stream(told)) as url:
            with hearing(lambda text: None), pytest.raises(kind):
                await asked(url)


@pytest.mark.parametrize("answer", [*CUT.values(), *ODD.values()], ids=[*CUT, *ODD])
async def test_what_answers_a_greeting_with_anything_is_no_server(answer: bytes) -> None:
    async with serving(b"", v1_models=answer) as url:
        with pytest.raises(EngineUnavailable) as caught:
            await VllmEngine.open(url)
        one_sentence(caught.value)


@pytest.mark.parametrize("answer", [*ODD.values(), http(b"<html>", kind="text/html")])
async def test_a_server_that_tells_no_version_has_none_and_one_that_cannot_count_need_not(answer: bytes) -> None:
    async with serving(answer, version=answer) as url:
        engine = await VllmEngine.open(url)
        assert engine.identity == "m@m"
        with pytest.raises(EngineError) as caught:
            await engine.generate([Message("user", "x" * 4000)], WORD, SCORED)
        one_sentence(caught.value)
        with pytest.raises(EngineError):
            await engine.templated(ASKED)
        await engine.close()


async def test_a_server_without_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "GENERATION_SECONDS", 0.2)
    async with serving(http(b"", length=10**9), endless=True) as url:
        with pytest.raises(EngineUnavailable, match="did not come to the end"):
            await asked(url, None)


@pytest.mark.parametrize(
    "answer",
    [http(b"<html>", kind="text/html"), http({"error": {"message": "x"}}, 404), http([1]), http(b"no key", 401)],
)
async def test_a_pool_goes_to_the_next_server(answer: bytes) -> None:
    good = http(chat(logprobs=None))
    async with serving(answer) as first, serving(good) as second:
        engines = [await VllmEngine.open(url) for url in (first, second)]
        pool = Pool(engines)
        for _ in range(4):
            assert (await pool.generate(ASKED, None, SCORED, 6)).text == "abc"
        await pool.close()


async def test_a_server_that_was_started_with_another_model_is_waited_for() -> None:
    unknown = http({"error": {"message": "The model `m` does not exist."}}, 404)
    async with serving(unknown) as url:
        with pytest.raises(ModelNotFound):
            await asked(url, None)
        engine = await VllmEngine.open(url)
        address = int(url.rsplit(":", 1)[1])
    async with serving(unknown, port=address, v1_models=http({"data": [{"id": "other"}]})):
        with pytest.raises(EngineUnavailable, match="serves other now, and not m") as caught:
            await engine.generate(ASKED, None, SCORED, 6)
        one_sentence(caught.value)
    async with serving(http(chat()), port=address):
        assert (await engine.generate(ASKED, None, SCORED, 6)).text == "abc"
    await engine.close()


TOLD = {**CUT, **ODD}


FAILING = {
    **{f"{name}, whole": (answer, False) for name, answer in TOLD.items()},
    **{f"{name}, streamed": (answer, True) for name, answer in BROKEN.items()},
}


@pytest.mark.parametrize(("answer", "streamed"), FAILING.values(), ids=FAILING)
async def test_a_benchmark_is_told_what_failed_and_counts_no_stream_that_broke(answer: bytes, streamed: bool) -> None:
    async with serving(answer) as url:
        traffic = await Traffic.open(url)
        with pytest.raises(EngineUnavailable, match="The server failed under load") as caught:
            await traffic.send([Call([{"role": "user", "content": "Hello."}], 4)] * 3, None, streamed)
        one_sentence(caught.value)
        await traffic.close()


@pytest.mark.parametrize("answer", TOLD.values(), ids=TOLD)
async def test_a_benchmark_of_no_server_says_so(answer: bytes) -> None:
    async with serving(b"", v1_models=answer) as url:
        with pytest.raises(EngineUnavailable, match="No model is served at"):
            await Traffic.open(url)
