"""Many requests at once against one vLLM server, timed.

Knows the server's chat endpoint and the clock. Does not know what the texts are for. Plain HTTP instead of a client
library: at thousands of chunks a second a library's own work would be measured as well.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx

from models.errors import EngineUnavailable

PATIENCE = httpx.Timeout(600.0, connect=15.0)


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
    """What came back. `first`: seconds to the first chunk; `gaps`: seconds between chunks, each of one token or, where
    several were accepted at once, more. Both are empty unless the answer was streamed."""

    text: str
    tokens: int
    finish_reason: str
    seconds: float
    first: float | None = None
    gaps: tuple[float, ...] = ()


class Traffic:
    """A client of the server at `url` ("http://host:port") that serves `model`."""

    def __init__(self, url: str, model: str) -> None:
        self._model = model
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self._client = httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits, trust_env=False)

    @classmethod
    async def open(cls, url: str) -> Traffic:
        """A client of the first model that the server at `url` serves. Raises EngineUnavailable."""
        client = cls(url.rstrip("/").removesuffix("/v1"), "")
        try:
            client._model = (await client._served())["id"]
        except (httpx.HTTPError, ValueError, KeyError, IndexError) as error:
            await client.close()
            raise EngineUnavailable(f"No model is served at {url}.") from error
        return client

    async def context(self) -> int:
        """How many tokens the model reads and writes at most. Raises EngineUnavailable."""
        try:
            return int((await self._served())["max_model_len"])
        except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError) as error:
            raise EngineUnavailable("The server does not say how long its model's context is.") from error

    async def send(self, calls: Sequence[Call], concurrency: int, streamed: bool) -> tuple[list[Reply], float]:
        """The replies, in order, and the wall seconds from first to last. Raises EngineUnavailable."""
        gate = asyncio.Semaphore(concurrency)

        async def one(call: Call) -> Reply:
            async with gate:
                return await (self._streamed(call) if streamed else self._whole(call))

        started = time.perf_counter()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(call)) for call in calls]
        except* (httpx.HTTPError, EngineUnavailable) as failed:
            first = failed.exceptions[0]
            raise EngineUnavailable(f"The server failed under load: {str(first) or type(first).__name__}") from first
        return [task.result() for task in tasks], time.perf_counter() - started

    async def metrics(self) -> str:
        """The server's metrics in Prometheus' text format."""
        return (await self._client.get("/metrics")).text

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _served(self) -> Any:
        """The first model that the server lists, as it describes it."""
        return (await self._client.get("/v1/models")).json()["data"][0]

    def _body(self, call: Call, streamed: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
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
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    async def _whole(self, call: Call) -> Reply:
        started = time.perf_counter()
        answer = await self._client.post("/v1/chat/completions", json=self._body(call, False))
        seconds = time.perf_counter() - started
        _check(answer.status_code, answer.text)
        data = answer.json()
        choice = data["choices"][0]
        text = choice["message"]["content"] or ""
        return Reply(text, data["usage"]["completion_tokens"], choice["finish_reason"], seconds)

    async def _streamed(self, call: Call) -> Reply:
        started = time.perf_counter()
        times: list[float] = []
        parts: list[str] = []
        tokens, reason = 0, ""
        async with self._client.stream("POST", "/v1/chat/completions", json=self._body(call, True)) as answer:
            if answer.status_code != 200:
                _check(answer.status_code, (await answer.aread()).decode(errors="replace"))
            async for line in answer.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                now = time.perf_counter()
                chunk = json.loads(line[6:])
                if usage := chunk.get("usage"):
                    tokens = usage["completion_tokens"]
                for choice in chunk["choices"]:
                    reason = choice.get("finish_reason") or reason
                    delta = choice["delta"]
                    # A token that ends within a character comes as an empty text; random weights write many of them.
                    if delta.get("content") is not None and not delta.get("role"):
                        parts.append(delta["content"])
                        times.append(now)
        gaps = tuple(after - before for before, after in pairwise(times))
        first = times[0] - started if times else None
        return Reply("".join(parts), tokens, reason, time.perf_counter() - started, first, gaps)


def _check(status: int, text: str) -> None:
    if status != 200:
        raise EngineUnavailable(f"The server refused a request of the benchmark ({status}): {text[:300]}")
