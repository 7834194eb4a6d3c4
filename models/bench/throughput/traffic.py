"""Many requests at once against one vLLM server, timed.

Knows the server's chat endpoint and the clock. Does not know what the texts are for. aiohttp, and no client of an API:
at thousands of chunks a second a library's own work is measured as well. A chunk takes 40 µs here, with httpx 114.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import aiohttp

from models.engines.vllm.address import root_of
from models.engines.vllm.replies import (
    ChatReply,
    Counted,
    Models,
    Piece,
    Served,
    Unfit,
    Unreadable,
    Usage,
    Version,
    read,
)
from models.errors import EngineUnavailable

PATIENCE = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=600)


@dataclass(frozen=True)
class Call:
    """One request. `structured` constrains the text, as vLLM's `structured_outputs`; without it the text has exactly
    `tokens` tokens."""

    messages: Sequence[dict[str, str]]
    tokens: int
    structured: Mapping[str, Any] | None = None
    salt: str = ""
    temperature: float = 0.0


@dataclass(frozen=True)
class Reply:
    """What came back. `seconds`: from sending it, at `began` (time.perf_counter()), to the last token.

    `ttft`: seconds to the first token; `itl`: seconds between tokens. Both are empty unless the answer was streamed.
    `error`: why there is no answer; then `text` is empty and `tokens` 0.
    """

    text: str
    tokens: int
    finish_reason: str
    seconds: float
    ttft: float | None = None
    itl: tuple[float, ...] = ()
    prompt_tokens: int = 0
    began: float = 0.0
    error: str = ""

    @property
    def tpot(self) -> float | None:
        """Seconds a token after the first one, 0 where there is no other; None unless the answer was streamed."""
        if self.ttft is None:
            return None
        return (self.seconds - self.ttft) / (self.tokens - 1) if self.tokens > 1 else 0.0


def token_gaps(chunks: Sequence[tuple[float, int]]) -> tuple[float, ...]:
    """Seconds between tokens, from chunks: each when it came, and the tokens that there were then in all.

    Tokens of one chunk share the time since the chunk before evenly; those of the first one came at once.
    """
    gaps: list[float] = []
    for (before, had), (now, has) in pairwise(chunks):
        gaps.extend([(now - before) / (has - had)] * (has - had))
    return (*([0.0] * (chunks[0][1] - 1) if chunks else []), *gaps)


class Traffic:
    """A client of the server at `url` ("http://host:port") that serves `model`; its key is VLLM_API_KEY's."""

    def __init__(self, url: str, model: str) -> None:
        self.url = url
        self.model = model
        self._opened: aiohttp.ClientSession | None = None

    @classmethod
    async def open(cls, url: str) -> Traffic:
        """A client of the first model that the server at `url` serves. Raises EngineUnavailable, or ModelNotFound for
        what is no address.
        """
        client = cls(root_of(url), "")
        try:
            client.model = (await client._served()).id
        except EngineUnavailable:
            await client.close()
            raise
        except (aiohttp.ClientError, TimeoutError, Unreadable, Unfit, IndexError) as error:
            await client.close()
            raise EngineUnavailable(f"No model is served at {url}.") from error
        return client

    async def context(self) -> int:
        """How many tokens the model reads and writes at most. Raises EngineUnavailable."""
        try:
            length = (await self._served()).max_model_len
        except (aiohttp.ClientError, TimeoutError, Unreadable, Unfit, IndexError):
            length = None
        if length is None:
            raise EngineUnavailable("The server does not say how long its model's context is.")
        return length

    async def count(self, messages: Sequence[Mapping[str, str]] | str) -> int:
        """How many tokens the server makes of `messages`, its chat template included, or of a text as it is. Raises
        EngineUnavailable."""
        if isinstance(messages, str):
            body: dict[str, Any] = {"model": self.model, "prompt": messages}
        else:
            body = {"model": self.model, "messages": list(messages), "add_generation_prompt": True}
        try:
            async with self._client.post("/tokenize", json=body) as answer:
                return read(Counted, await answer.read()).count
        except (aiohttp.ClientError, TimeoutError, Unreadable, Unfit) as error:
            raise EngineUnavailable("The server does not say how many tokens a prompt has.") from error

    async def send(
        self, calls: Sequence[Call], concurrency: int | None, streamed: bool, times: Sequence[float] = ()
    ) -> tuple[list[Reply], float]:
        """The replies, in order, and the wall seconds from the first request to the last answer.

        `concurrency`: under way at most; None has no limit. `times`: when each is sent, in seconds from the start; one
        that has to wait for others is sent later. One that fails is a reply with its `error`. Raises EngineUnavailable
        where all fail.
        """
        gate = asyncio.Semaphore(concurrency or max(1, len(calls)))
        started = time.perf_counter()

        async def one(call: Call, at: float) -> Reply:
            await asyncio.sleep(max(0.0, started + at - time.perf_counter()))
            async with gate:
                began = time.perf_counter()
                try:
                    return await (self._streamed(call) if streamed else self._whole(call))
                except EngineUnavailable as error:
                    why = str(error)
                except (aiohttp.ClientError, TimeoutError) as error:
                    why = f"{type(error).__name__}: {error}"
                except (Unreadable, Unfit, IndexError):
                    why = "The server sent what is no answer."
                return Reply("", 0, "", time.perf_counter() - began, began=began, error=why)

        async with asyncio.TaskGroup() as group:
            planned = zip(calls, times or [0.0] * len(calls), strict=True)
            tasks = [group.create_task(one(call, at)) for call, at in planned]
        replies = [task.result() for task in tasks]
        if replies and all(reply.error for reply in replies):
            raise EngineUnavailable(f"The server failed under load: {replies[0].error}")
        return replies, time.perf_counter() - started

    async def metrics(self) -> str:
        """The server's metrics in Prometheus' text format. Raises EngineUnavailable."""
        try:
            async with self._client.get("/metrics") as answer:
                return await answer.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise EngineUnavailable("The server does not say what it counts.") from error

    async def version(self) -> str | None:
        """Which vLLM the server is, None where it does not say."""
        try:
            async with self._client.get("/version") as answer:
                return read(Version, await answer.read()).version or None
        except (aiohttp.ClientError, TimeoutError, Unreadable, Unfit):
            return None

    async def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.close()

    @property
    def _client(self) -> aiohttp.ClientSession:
        """Made within the event loop that uses it."""
        if self._opened is None:
            connector = aiohttp.TCPConnector(limit=0)
            key = os.environ.get("VLLM_API_KEY", "")
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            self._opened = aiohttp.ClientSession(
                self.url, connector=connector, timeout=PATIENCE, read_bufsize=2**20, headers=headers
            )
        return self._opened

    async def _served(self) -> Served:
        """The first model that the server lists, as it describes it."""
        async with self._client.get("/v1/models") as answer:
            if answer.status in (401, 403):
                raise EngineUnavailable(f"The server at {self.url} wants another key: set VLLM_API_KEY.")
            return read(Models, await answer.read()).data[0]

    def _body(self, call: Call, streamed: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": list(call.messages),
            "max_completion_tokens": call.tokens,
            "temperature": call.temperature,
            "cache_salt": call.salt or "none",
        }
        if call.structured is None:
            body["ignore_eos"] = True  # and no `min_tokens`: it would cost a processor of logits
        else:
            body["structured_outputs"] = call.structured
        if streamed:
            body |= {"stream": True, "stream_options": {"include_usage": True, "continuous_usage_stats": True}}
        return body

    async def _whole(self, call: Call) -> Reply:
        began = time.perf_counter()
        async with self._client.post("/v1/chat/completions", json=self._body(call, False)) as answer:
            data = await answer.read()
        seconds = time.perf_counter() - began
        _check(answer.status, data)
        told = read(ChatReply, data)
        choice, usage = told.choices[0], told.usage or Usage()
        _check_tokens(usage.completion_tokens)
        return Reply(
            choice.message.content or "",
            usage.completion_tokens or 0,
            choice.finish_reason or "",
            seconds,
            prompt_tokens=usage.prompt_tokens or 0,
            began=began,
        )

    async def _streamed(self, call: Call) -> Reply:
        began = last = time.perf_counter()
        chunks: list[tuple[float, int]] = []
        parts: list[str] = []
        tokens, prompt_tokens, reason = 0, 0, ""
        async with self._client.post("/v1/chat/completions", json=self._body(call, True)) as answer:
            if answer.status != 200:
                _check(answer.status, await answer.read())
            async for line in answer.content:
                if not line.startswith(b"data: {"):
                    continue
                now = time.perf_counter()
                try:
                    piece = read(Piece, line[6:])
                except Unfit as error:  # it tells of an error
                    said = line[6:306].decode(errors="replace").strip()
                    raise EngineUnavailable(f"The server broke off an answer: {said}") from error
                if piece.usage is not None:
                    tokens, prompt_tokens = piece.usage.completion_tokens or 0, piece.usage.prompt_tokens or 0
                for choice in piece.choices or ():
                    reason = choice.finish_reason or reason
                    parts.append((choice.delta and choice.delta.content) or "")
                    last = now
                # A token that ends within a character comes as an empty text, and a role with none before any token.
                if tokens > (chunks[-1][1] if chunks else 0):
                    chunks.append((now, tokens))
        if not reason:
            raise EngineUnavailable("The server ended its answer before the text's end.")
        _check_tokens(tokens)
        return Reply(
            "".join(parts),
            tokens,
            reason,
            last - began,
            chunks[0][0] - began if chunks else None,
            token_gaps(chunks),
            prompt_tokens,
            began,
        )


def _check(status: int, told: bytes) -> None:
    if status != 200:
        text = told.decode(errors="replace")[:300]
        raise EngineUnavailable(f"The server refused a request of the benchmark ({status}): {text}")


def _check_tokens(tokens: int | None) -> None:
    if not tokens:
        raise EngineUnavailable("The server answered without a token.")
