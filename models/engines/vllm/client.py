"""The HTTP side of a vLLM server: its client, and what it reports of itself.

Knows addresses, Outlines' client and OpenAI's; knows nothing of grammars' languages, thoughts or budgets.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
from openai import AsyncOpenAI, AsyncStream, DefaultAsyncHttpxClient
from outlines.exceptions import NotFoundError, normalize_provider_errors
from outlines.inputs import Chat
from outlines.models.vllm import AsyncVLLM
from outlines.types import CFG

from models.engines.hearing import Heard
from models.engines.vllm.address import is_local
from models.engines.vllm.failures import errors
from models.engines.vllm.replies import (
    ChatReply,
    Choice,
    Counted,
    Detokenized,
    Message,
    Models,
    Piece,
    Read,
    Served,
    TextReply,
    Unfit,
    Unreadable,
    Version,
    read,
    read_piece,
)
from models.errors import EngineUnavailable, ModelNotFound

GREETING_SECONDS = 15.0
GENERATION_SECONDS = 600.0
"""How long a server may take to say what it serves, and to answer in one piece: the latter is the client's default."""

PIECES = 16
"""Pieces of a stream for each token, at most: a token is some bytes, and a stream without end is none of an answer."""
LONGEST = 1_000_000
"""Tokens of an answer whose budget is not known, at most."""


class CompletionVLLM(AsyncVLLM):  # type: ignore[misc]
    """Outlines' client, returning the whole completion: the stock one drops finish_reason and usage.

    The body goes out as it is: `chat.completions.create` walks through all of it by OpenAI's types first, which took a
    fifth of a call's time here.
    """

    async def generate(
        self, model_input: Chat, output_type: CFG | None = None, heard: Heard | None = None, **inference: Any
    ) -> ChatReply:
        body = {"model": self.model_name, "messages": self.type_adapter.format_input(model_input), **inference}
        body |= self.type_adapter.format_output_type(output_type)
        with normalize_provider_errors("vllm"):
            if heard is not None:
                return await self._heard("/chat/completions", body, heard)
            return await _post(self.client, "/chat/completions", body, ChatReply)

    async def go_on(
        self, prompt: str, output_type: CFG | None = None, heard: Heard | None = None, **inference: Any
    ) -> ChatReply:
        """The same for a text without a chat's template, which the model goes on with."""
        scores = {"logprobs": inference.pop("top_logprobs")} if inference.pop("logprobs", False) else {}
        body = {"model": self.model_name, "prompt": prompt, **inference, **scores}
        body |= self.type_adapter.format_output_type(output_type)
        with normalize_provider_errors("vllm"):
            if heard is not None:
                return await self._heard("/completions", body, heard)
            return (await _post(self.client, "/completions", body, TextReply)).as_chat()

    async def _heard(self, path: str, body: Mapping[str, Any], heard: Heard) -> ChatReply:
        """An answer that is told of piece by piece, put together again."""
        asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
        texts, thoughts, reason, stopped, usage = [""], [""], None, None, None
        stream: Any = await self.client.post(
            path, body=asked, cast_to=object, stream=True, stream_cls=AsyncStream[object]
        )
        most = PIECES * (body.get("max_completion_tokens") or body.get("max_tokens") or LONGEST) + PIECES
        async with stream:
            async for piece in _pieces(stream, most):
                usage = piece.usage or usage
                for choice in piece.choices or ():
                    said = choice.delta or Message()
                    texts.append(said.content or choice.text or "")
                    thoughts.append(said.reasoning or said.reasoning_content or "")
                    reason = choice.finish_reason or reason
                    stopped = choice.stop_reason or stopped
                    if texts[-1]:
                        heard("".join(texts))
        if reason is None:  # the connection ended, and the text did not
            raise EngineUnavailable("The server ended its answer before the text's end.")
        message = Message(content="".join(texts), reasoning="".join(thoughts) or None)
        return ChatReply(choices=[Choice(message=message, finish_reason=reason, stop_reason=stopped)], usage=usage)


async def _pieces(stream: AsyncStream[object], most: int) -> AsyncIterator[Piece]:
    """The pieces of a stream as they come."""
    left = most
    try:
        async for told in stream:
            yield read_piece(told)
            left -= 1
            if not left:
                raise EngineUnavailable(f"The server goes on after {most} pieces of its answer.")
    except httpx.RequestError as error:  # which OpenAI's client leaves as they are once a stream has begun
        raise EngineUnavailable(f"The server was lost while it answered ({error or type(error).__name__}).") from error
    except (ValueError, RecursionError) as error:  # of its JSON
        raise Unreadable from error


async def _post(client: AsyncOpenAI, path: str, body: Mapping[str, Any], kind: type[Read]) -> Read:
    """What a server answers to `body`. Raises Unreadable or Unfit."""
    async with asyncio.timeout(GENERATION_SECONDS):
        reply = await client.post(path, body=body, cast_to=httpx.Response)
    return read(kind, reply.content)


async def _get(client: AsyncOpenAI, path: str) -> bytes:
    async with asyncio.timeout(GREETING_SECONDS):
        reply = await client.get(path, cast_to=httpx.Response, options={"timeout": GREETING_SECONDS})
    return reply.content


def connect(root: str) -> AsyncOpenAI:
    """A client for the server at `root` ("http://host:8000")."""
    return AsyncOpenAI(
        base_url=f"{root}/v1",
        api_key=os.environ.get("VLLM_API_KEY", "EMPTY"),
        max_retries=0,  # whether a call is tried again is the caller's decision, and recorded
        http_client=DefaultAsyncHttpxClient(trust_env=not is_local(root)),
    )


async def greet(client: AsyncOpenAI, root: str) -> tuple[Served, str]:
    """The first model that the server at `root` serves, as it describes it, and its version ("" if it tells none).

    Raises EngineUnavailable when nothing of the kind answers there, ModelNotFound when it serves no model.
    """
    with errors(f"the server at {root}"):
        try:
            models = read(Models, await _get(client, "/models")).data
        except (Unreadable, Unfit) as error:
            raise EngineUnavailable(f"What answers at {root} is not an OpenAI-compatible server.") from error
        version = await _version(client, root)
    if not models:
        raise ModelNotFound(f"The server at {root} serves no model.", "Start it with a model.")
    return models[0], version


async def count_tokens(client: AsyncOpenAI, root: str, body: Mapping[str, Any]) -> int | None:
    """Tokens of a templated prompt; None where the server cannot count: then it has to notice itself."""
    try:
        with normalize_provider_errors("vllm"):
            return (await _post(client, f"{root}/tokenize", body, Counted)).count
    except (NotFoundError, Unfit):
        return None


async def templated(client: AsyncOpenAI, root: str, body: Mapping[str, Any]) -> tuple[str, int]:
    """A prompt as the server's chat template writes it, and its tokens. NotFoundError where the server cannot say."""
    counted = await _post(client, f"{root}/tokenize", body, Counted)
    asked = {"model": body["model"], "tokens": counted.tokens}
    return (await _post(client, f"{root}/detokenize", asked, Detokenized)).prompt, counted.count


def first_token(choice: Choice) -> dict[str, float]:
    """How likely each alternative of the first token was, by its text; empty where that was not asked for."""
    content = (choice.logprobs and choice.logprobs.content) or []
    texts: dict[str, float] = {}
    for alternative in content[0].top_logprobs if content else ():
        texts[alternative.token] = texts.get(alternative.token, 0.0) + math.exp(alternative.logprob)
    return texts


def token_scores(choice: Choice) -> list[dict[str, Any]]:
    """Of each token its log-probability and its alternatives, as OpenAI's API has it; empty where not asked for."""
    return [token.model_dump() for token in (choice.logprobs and choice.logprobs.content) or []]


def prompt_scores(answer: ChatReply) -> list[tuple[str, float]]:
    """Each token of the prompt but the first with its log-probability; empty where not asked for, or not told."""
    told = [next(iter(one.values())) for one in answer.prompt_logprobs or [] if one]
    return [(one.decoded_token or "", one.logprob) for one in told]


async def fetch_metrics(client: AsyncOpenAI, root: str) -> str:
    """What the server at `root` counts, in Prometheus' text format; "" where it counts nothing."""
    try:
        with normalize_provider_errors("vllm"):
            return (await _get(client, f"{root}/metrics")).decode(errors="replace")
    except NotFoundError:
        return ""


async def _version(client: AsyncOpenAI, root: str) -> str:
    try:
        with normalize_provider_errors("vllm"):
            version = read(Version, await _get(client, f"{root}/version")).version
    except (NotFoundError, Unreadable, Unfit):
        return ""  # OpenAI-compatible, but not vLLM
    return version and f"vllm {version}"
