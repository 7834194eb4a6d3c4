"""The HTTP side of a vLLM server: its client, what it reports of itself, and its errors as ours.

Knows addresses, Outlines' client and OpenAI's; knows nothing of grammars' languages, thoughts or budgets.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from openai import AsyncOpenAI, AsyncStream, DefaultAsyncHttpxClient
from openai.types import Completion as TextCompletion
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from outlines.exceptions import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    BadRequestError,
    NotFoundError,
    RateLimitError,
    ServerError,
    normalize_provider_errors,
)
from outlines.inputs import Chat
from outlines.models.vllm import AsyncVLLM
from outlines.types import CFG

from models.engines.hearing import Heard
from models.engines.vllm.address import is_local
from models.errors import EngineError, EngineUnavailable, ModelNotFound, PromptTooLong, RequestRefused

GREETING_SECONDS = 15.0
"""How long a server may take to say what it serves; a generation may take ten minutes, the client's default."""


class CompletionVLLM(AsyncVLLM):  # type: ignore[misc]
    """Outlines' client, returning the whole completion: the stock one drops finish_reason and usage.

    The body goes out as it is: `chat.completions.create` walks through all of it by OpenAI's types first, which took a
    fifth of a call's time here.
    """

    async def generate(
        self, model_input: Chat, output_type: CFG | None = None, heard: Heard | None = None, **inference: Any
    ) -> ChatCompletion:
        body = {"model": self.model_name, "messages": self.type_adapter.format_input(model_input), **inference}
        body |= self.type_adapter.format_output_type(output_type)
        with normalize_provider_errors("vllm"):
            if heard is not None:
                return await self._heard("/chat/completions", body, ChatCompletionChunk, heard)
            completion: ChatCompletion = await self.client.post("/chat/completions", body=body, cast_to=ChatCompletion)
        return completion

    async def go_on(
        self, prompt: str, output_type: CFG | None = None, heard: Heard | None = None, **inference: Any
    ) -> ChatCompletion:
        """The same for a text without a chat's template, which the model goes on with."""
        scores = {"logprobs": inference.pop("top_logprobs")} if inference.pop("logprobs", False) else {}
        body = {"model": self.model_name, "prompt": prompt, **inference, **scores}
        body |= self.type_adapter.format_output_type(output_type)
        with normalize_provider_errors("vllm"):
            if heard is not None:
                return await self._heard("/completions", body, TextCompletion, heard)
            completion: Any = await self.client.post("/completions", body=body, cast_to=TextCompletion)
        return _as_chat(completion)

    async def _heard(self, path: str, body: Mapping[str, Any], kind: type[Any], heard: Heard) -> ChatCompletion:
        """An answer that is told of piece by piece, put together again."""
        asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
        texts, thoughts, reason, stopped, usage = [""], [""], None, None, None
        kinds: Any = AsyncStream
        try:
            stream: Any = await self.client.post(path, body=asked, cast_to=kind, stream=True, stream_cls=kinds[kind])
            async with stream:
                async for piece in stream:
                    usage = piece.usage or usage
                    for choice in piece.choices:
                        said = getattr(choice, "delta", None) or choice
                        texts.append(getattr(said, "content", None) or getattr(said, "text", None) or "")
                        thought = getattr(said, "reasoning", None) or getattr(said, "reasoning_content", None)
                        thoughts.append(thought or "")
                        reason = choice.finish_reason or reason
                        stopped = getattr(choice, "stop_reason", None) or stopped
                        if texts[-1]:
                            heard("".join(texts))
        except httpx.TransportError as error:  # which OpenAI's client leaves as they are once a stream has begun
            raise EngineUnavailable(
                f"The server was lost while it answered ({error or type(error).__name__})."
            ) from error
        if reason is None:  # the connection ended, and the text did not
            raise EngineUnavailable("The server ended its answer before the text's end.")
        message = {"role": "assistant", "content": "".join(texts), "reasoning": "".join(thoughts) or None}
        choices = [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None, "stop_reason": stopped}]
        made = {"id": "", "created": 0, "model": body["model"], "object": "chat.completion"}
        return ChatCompletion.construct(**made, usage=usage, choices=choices)


def _as_chat(completion: TextCompletion) -> ChatCompletion:
    """The same answer in the form that a chat's has, alternatives by their text included."""
    choices = []
    for choice in completion.choices:
        told, scores = choice.logprobs, None
        if told is not None:
            others = told.top_logprobs or [{}] * len(told.tokens or [])
            rows = zip(told.tokens or [], told.token_logprobs or [], others, strict=True)
            scores = {
                "content": [
                    {
                        **_scored(token, score),
                        "top_logprobs": [_scored(other, likely) for other, likely in (more or {}).items()],
                    }
                    for token, score, more in rows
                ]
            }
        message = {"role": "assistant", "content": choice.text}
        choices.append({"index": choice.index, "message": message, "finish_reason": choice.finish_reason})
        choices[-1] |= {"logprobs": scores, "stop_reason": getattr(choice, "stop_reason", None)}
    whole = completion.model_dump(exclude={"choices", "object"})
    if completion.choices:  # which a chat has beside its choices
        whole["prompt_logprobs"] = getattr(completion.choices[0], "prompt_logprobs", None)
    return ChatCompletion.construct(**whole, object="chat.completion", choices=choices)


def _scored(token: str, score: float | None) -> dict[str, Any]:
    return {"token": token, "logprob": score or 0.0, "bytes": list(token.encode())}


def connect(root: str) -> AsyncOpenAI:
    """A client for the server at `root` ("http://host:8000")."""
    return AsyncOpenAI(
        base_url=f"{root}/v1",
        api_key=os.environ.get("VLLM_API_KEY", "EMPTY"),
        max_retries=0,  # whether a call is tried again is the caller's decision, and recorded
        http_client=DefaultAsyncHttpxClient(trust_env=not is_local(root)),
    )


async def greet(client: AsyncOpenAI, root: str) -> tuple[Mapping[str, Any], str]:
    """The first model that the server at `root` serves, as it describes it, and its version ("" if it tells none).

    Raises EngineUnavailable when nothing of the kind answers there, ModelNotFound when it serves no model.
    """
    with errors(f"the server at {root}"):
        models: Any = await client.get("/models", cast_to=object, options={"timeout": GREETING_SECONDS})
        version = await _version(client, root)
    try:
        served = models["data"][0] if models["data"] else None
        if served is not None:
            served["id"]
    except (KeyError, TypeError) as error:
        raise EngineUnavailable(f"What answers at {root} is not an OpenAI-compatible server.") from error
    if served is None:
        raise ModelNotFound(f"The server at {root} serves no model.", "Start it with a model.")
    return dict(served), version


async def count_tokens(client: AsyncOpenAI, root: str, body: Mapping[str, Any]) -> int | None:
    """Tokens of a templated prompt; None where the server cannot count: then it has to notice itself."""
    try:
        with normalize_provider_errors("vllm"):
            counted: Any = await client.post(f"{root}/tokenize", body=body, cast_to=object)
    except NotFoundError:
        return None
    return int(counted["count"])


async def templated(client: AsyncOpenAI, root: str, body: Mapping[str, Any]) -> tuple[str, int]:
    """A prompt as the server's chat template writes it, and its tokens. NotFoundError where the server cannot say."""
    counted: Any = await client.post(f"{root}/tokenize", body=body, cast_to=object)
    asked = {"model": body["model"], "tokens": counted["tokens"]}
    text: Any = await client.post(f"{root}/detokenize", body=asked, cast_to=object)
    return str(text["prompt"]), int(counted["count"])


def first_token(choice: Any) -> dict[str, float]:
    """How likely each alternative of the first token was, by its text; empty where that was not asked for."""
    content = getattr(getattr(choice, "logprobs", None), "content", None) or []
    texts: dict[str, float] = {}
    for alternative in content[0].top_logprobs if content else ():
        texts[alternative.token] = texts.get(alternative.token, 0.0) + math.exp(alternative.logprob)
    return texts


def token_scores(choice: Any) -> list[dict[str, Any]]:
    """Of each token its log-probability and its alternatives, as OpenAI's API has it; empty where not asked for."""
    content = getattr(getattr(choice, "logprobs", None), "content", None) or []
    return [token.model_dump() for token in content]


def prompt_scores(answer: Any) -> list[tuple[str, float]]:
    """Each token of the prompt but the first with its log-probability; empty where not asked for, or not told."""
    told = [next(iter(one.values())) for one in getattr(answer, "prompt_logprobs", None) or [] if one]
    return [(str(one["decoded_token"]), float(one["logprob"])) for one in told]


async def fetch_metrics(client: AsyncOpenAI, root: str) -> str:
    """What the server at `root` counts, in Prometheus' text format; "" where it counts nothing."""
    try:
        with normalize_provider_errors("vllm"):
            return await client.get(f"{root}/metrics", cast_to=str, options={"timeout": GREETING_SECONDS})
    except NotFoundError:
        return ""


async def _version(client: AsyncOpenAI, root: str) -> str:
    try:
        with normalize_provider_errors("vllm"):
            answer: Any = await client.get(f"{root}/version", cast_to=object, options={"timeout": GREETING_SECONDS})
    except NotFoundError:
        return ""  # OpenAI-compatible, but not vLLM
    return f"vllm {answer['version']}"


@contextmanager
def errors(who: str) -> Iterator[None]:
    """What Outlines reports, as our own errors: the server's text where it helps, and no stack of three libraries."""
    try:
        with normalize_provider_errors("vllm"):
            yield
    except (APIConnectionError, APITimeoutError, ServerError, RateLimitError) as error:
        raise EngineUnavailable(f"{_capital(who)} does not answer ({_reason(error)}).") from error
    except NotFoundError as error:
        raise ModelNotFound(f"{_capital(who)} does not know the model or the request ({_reason(error)}).") from error
    except BadRequestError as error:
        if "maximum context length" in _reason(error):
            raise PromptTooLong(f"The prompt does not fit {who}: {_sentence(error)}") from error
        raise RequestRefused(f"{_capital(who)} refused the request: {_sentence(error)}") from error
    except APIError as error:
        raise EngineError(f"{_capital(who)} failed: {_sentence(error)}") from error


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith("the ") else text


def _sentence(error: APIError) -> str:
    reason = _reason(error)
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."


def _reason(error: APIError) -> str:
    """The first line of the server's own message, without the layers around it."""
    cause: Exception | None = error
    while isinstance(cause, APIError):
        cause = cause.original_exception
    body = getattr(cause, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    return str(message or cause or error).strip().split("\n", 1)[0]
