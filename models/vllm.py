"""VllmEngine: a vLLM server, here or elsewhere, over its OpenAI API and through Outlines.

Knows the server's requests and errors; does not start servers (models/server.py does).
"""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from llguidance import LLMatcher, LLTokenizer
from openai import AsyncOpenAI, DefaultAsyncHttpxClient
from openai.types.chat import ChatCompletion
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

from models.engine import Completion, Message, Sampling, Usage
from models.errors import ConstraintBroken, EngineError, EngineUnavailable, ModelNotFound, PromptTooLong
from models.grammar import Grammar
from models.profiles import Profile, profile_of

TEMPLATE_SLACK = 256
"""Tokens a chat template is taken to add at most, when a prompt is so short that counting it is not worth a request."""


class CompletionVLLM(AsyncVLLM):  # type: ignore[misc]
    """Outlines' client, returning the whole completion: the stock one drops finish_reason and usage."""

    async def generate(self, model_input: Chat, output_type: CFG | None = None, **inference: Any) -> ChatCompletion:
        arguments = self._build_client_args(model_input, output_type, **inference)
        with normalize_provider_errors("vllm"):
            completion: ChatCompletion = await self.client.chat.completions.create(**arguments)
        return completion


_BYTES = LLTokenizer("byte")


def admits(grammar: Grammar, text: str) -> bool:
    """Whether `text` is a whole member of the grammar's language; about a millisecond for a usual contract."""
    matcher = LLMatcher(_BYTES, LLMatcher.grammar_from_lark(grammar.lark))
    tokens = _BYTES.tokenize_str(text)
    return bool(matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting())


GREETING_SECONDS = 15.0
"""How long a server may take to say what it serves; a generation may take ten minutes, the client's default."""


class VllmEngine:
    """A model behind a vLLM server.

    Every answer under a grammar is checked against it here as well: a server that does not know the request field for
    grammars ignores it, and answers as if nothing had been asked.
    """

    def __init__(self, client: AsyncOpenAI, root: str, model: str, name: str, profile: Profile, identity: str) -> None:
        self.name = name
        self.profile = profile
        self.identity = identity
        self._client = client
        self._root = root
        self._model = model
        self._outlines = CompletionVLLM(client, model)

    @classmethod
    async def open(cls, url: str, weights: str = "") -> VllmEngine:
        """Connect to the server at `url` ("http://host:8000", with or without /v1) and its first model.

        `weights`: the identity of the model's files where they are known; otherwise the server's own report is taken.
        Raises EngineUnavailable when nothing answers there, ModelNotFound when it serves no model.
        """
        root = url.rstrip("/").removesuffix("/v1")
        if not _is_address(root):
            raise ModelNotFound(f"{url} is not an address.", "Write it as http://host:8000.")
        client = AsyncOpenAI(
            base_url=f"{root}/v1",
            api_key=os.environ.get("VLLM_API_KEY", "EMPTY"),
            max_retries=0,  # whether a call is tried again is the caller's decision, and recorded
            http_client=DefaultAsyncHttpxClient(trust_env=not _is_local(root)),
        )
        try:
            with _errors(f"the server at {root}"):
                models: Any = await client.get("/models", cast_to=object, options={"timeout": GREETING_SECONDS})
                version = await _version(client, root)
            served = models["data"][0] if models["data"] else None
        except (EngineError, KeyError, TypeError) as error:
            await client.close()
            if isinstance(error, EngineError):
                raise
            raise EngineUnavailable(f"What answers at {root} is not an OpenAI-compatible server.") from error
        if served is None:
            await client.close()
            raise ModelNotFound(f"The server at {root} serves no model.", "Start it with a model.")
        model = str(served["id"])
        profile = profile_of(model)
        context = int(served.get("max_model_len") or profile.context)
        identity = f"{weights or model + '@' + str(served.get('root', ''))} {version}".strip()
        return cls(client, root, model, f"vllm:{model}", replace(profile, context=context), identity)

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        """See `Engine.generate`."""
        if self._client.is_closed():
            raise EngineUnavailable(f"{self.name} is closed.", "Open the engine again.")
        started = time.perf_counter()
        budget = grammar.max_tokens if grammar else max_tokens
        turns = [{"role": message.role, "content": message.content} for message in messages]
        with _errors(self.name):
            await self._check_room(turns, budget or 1)
            answer = await self._outlines.generate(
                Chat(turns),
                CFG(grammar.lark) if grammar else None,
                max_completion_tokens=budget,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                seed=sampling.seed % 2**63,
                extra_body={"chat_template_kwargs": dict(self.profile.template)},
            )
        choice, usage = answer.choices[0], answer.usage
        completion = Completion(
            text=choice.message.content or "",
            finish_reason=choice.finish_reason,
            usage=Usage(usage.prompt_tokens, usage.completion_tokens) if usage else Usage(0, 0),
            seconds=time.perf_counter() - started,
        )
        if grammar is not None:
            self._check_kept(completion, grammar)
        return completion

    async def close(self) -> None:
        """See `Engine.close`."""
        await self._client.close()

    async def _check_room(self, turns: list[dict[str, str]], budget: int) -> None:
        # vLLM shortens the budget in silence where prompt and budget exceed its context, so we have to look first. A
        # token is at least a byte: short prompts need no counting. For others /tokenize costs the server a millisecond.
        context = self.profile.context
        if sum(len(turn["content"].encode()) for turn in turns) + TEMPLATE_SLACK + budget <= context or not context:
            return
        body = {"model": self._model, "messages": turns, "chat_template_kwargs": dict(self.profile.template)}
        with normalize_provider_errors("vllm"):
            counted: Any = await self._client.post(f"{self._root}/tokenize", body=body, cast_to=object)
        if counted["count"] + budget > context:
            raise self._too_long(f"takes {counted['count']} tokens", budget)

    def _check_kept(self, completion: Completion, grammar: Grammar) -> None:
        if completion.finish_reason == "stop" and admits(grammar, completion.text):
            return
        prompt = completion.usage.prompt_tokens
        if 0 < self.profile.context < prompt + grammar.max_tokens:  # a template longer than TEMPLATE_SLACK
            raise self._too_long(f"takes {prompt} tokens", grammar.max_tokens)
        raise ConstraintBroken(
            f"{self.name} returned {len(completion.text)} characters that are not in the language of their grammar"
            f" (finish_reason {completion.finish_reason})."
        )

    def _too_long(self, prompt: str, budget: int) -> PromptTooLong:
        return PromptTooLong(
            f"The prompt {prompt} and the answer may take {budget}, but {self.name} holds {self.profile.context}."
        )


def _is_address(root: str) -> bool:
    try:
        parts = urlsplit(root)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _is_local(root: str) -> bool:
    host = urlsplit(root).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _version(client: AsyncOpenAI, root: str) -> str:
    try:
        with normalize_provider_errors("vllm"):
            answer: Any = await client.get(f"{root}/version", cast_to=object, options={"timeout": GREETING_SECONDS})
    except NotFoundError:
        return ""  # OpenAI-compatible, but not vLLM
    return f"vllm {answer['version']}"


@contextmanager
def _errors(who: str) -> Iterator[None]:
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
            raise PromptTooLong(f"The prompt does not fit {who}: {_reason(error)}") from error
        raise EngineError(f"{_capital(who)} refused the request: {_reason(error)}") from error
    except APIError as error:
        raise EngineError(f"{_capital(who)} failed: {_reason(error)}") from error


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith("the ") else text


def _reason(error: APIError) -> str:
    """The first line of the server's own message, without the layers around it."""
    cause: Exception | None = error
    while isinstance(cause, APIError):
        cause = cause.original_exception
    body = getattr(cause, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    return str(message or cause or error).strip().split("\n", 1)[0]
