"""Completing: asks the model what a request says, each try as a step, and words its answer as OpenAI's API does.

Knows what is tried again: a text that broke a rule of its schema is drawn anew, one that did not fit its budget is
asked for with shorter texts and lists (shape.py). An absent engine is engine_client.py's business.

Whoever wants to hear an answer while it is decoded hears only what needs no check any more: see `_drawn_aloud`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from array import array
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

from pydantic import TypeAdapter

from models.engines.engine import Completion, Decoding, closes
from models.engines.hearing import hearing
from models.errors import ConstraintBroken, PromptTooLong
from models.schema.bounds import Bounds
from pipeline.completions.options import EMBEDDINGS
from pipeline.completions.request import Request
from pipeline.completions.shape import TIGHT, WIDE, Shape
from pipeline.durable.note import Note
from pipeline.errors import UsageError
from pipeline.generation.engine_client import EngineClient
from pipeline.generation.recovery import MOST_PER_STEP, WARM
from pipeline.record import CHAT

SLACK = 256
"""Tokens that a chat's template is taken to add, at most, to what was said."""
SEEDS = 100
"""Between the seeds of two tries for one choice: more than a request has choices."""


class Encoder(Protocol):
    """What turns texts into vectors, with or without what `Measured` says."""

    def encode(self, texts: Sequence[str]) -> Any:
        """One unit vector a text, float32 (texts, size)."""


@runtime_checkable
class Measured(Protocol):
    """What tells of an encoder how long texts may be: see `index.Embedder`."""

    name: str

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text that are read."""

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""


@dataclass(frozen=True)
class Drawn:
    """One try, as the journal keeps it. `error`: why it cannot be used; `cut`: its budget ended inside its format."""

    text: str
    finish_reason: str
    prompt: int
    completion: int
    created: int
    logprobs: Sequence[Mapping[str, Any]] = ()
    error: str | None = None
    cut: bool = False


_DRAWN: TypeAdapter[Drawn] = TypeAdapter(Drawn)
_VECTORS: TypeAdapter[list[list[float]]] = TypeAdapter(list[list[float]])


class Steps(Protocol):
    """What a request is answered in: `Execution`, which keeps each step, or `Fleeting`."""

    @property
    def record(self) -> str:
        """An id of the request."""

    async def step(
        self,
        name: str,
        arguments: object,
        execute: Callable[[Note], Awaitable[Any]],
        adapter: TypeAdapter[Any],
        earlier: Sequence[object] = (),
    ) -> Any:
        """See `Execution.step`."""


class Fleeting:
    """Steps that nobody keeps: of a request whose answer is gone with its connection."""

    def __init__(self, record: str) -> None:
        self.record = record

    async def step(
        self,
        name: str,
        arguments: object,
        execute: Callable[[Note], Awaitable[Any]],
        adapter: TypeAdapter[Any],
        earlier: Sequence[object] = (),
    ) -> Any:
        """Run it."""
        return await execute(Note())


Heard = Callable[[int, str], None]
"""Takes the number of a choice, and all of its text as far as it is decoded."""


class Completing:
    """The model's side of one request. `earlier_seeds`: those of its servings before each retry. `heard`: who hears
    answers while they are decoded, where nothing can be wrong with them any more.
    """

    def __init__(
        self,
        execution: Steps,
        client: EngineClient | None,
        encoder: Encoder | None,
        seed: int = 0,
        earlier_seeds: Sequence[int] = (),
        heard: Heard | None = None,
    ) -> None:
        self._heard = heard
        self._execution = execution
        self._client = client
        self._encoder = encoder
        self._seed = seed
        self._earlier_seeds = tuple(earlier_seeds)

    async def complete(self, request: Request, any_model: bool = False) -> dict[str, Any]:
        """The answer's body. UsageError, with the option's name, for what cannot be obeyed by what serves here."""
        if request.route == EMBEDDINGS:
            return await self._embedded(request, any_model)
        client = self._client
        if client is None:
            raise UsageError("This run has no model: open the pipeline with an engine.")
        name = client.engine.name.partition(":")[2] or client.engine.name
        if not any_model and request.model not in (name, client.engine.name):
            raise UsageError(f'"model" is {request.model}, but {name} serves: name that, or give --any-model.')
        if request.sampling.effort and not client.profile.thinks:
            raise UsageError(f'"reasoning_effort" cannot be obeyed: {name} does not think. Leave it out, or give none.')
        if not request.shape.is_free and client.engine.enforcement == "prompted":
            # Beside the answer stands the form that it is read from, of which neither is true.
            for option, given in (("logprobs", request.sampling.logprobs), ("max_tokens", request.budget)):
                if given is not None:
                    raise UsageError(f'"{option}" cannot be obeyed beside a format by {name}, which is asked in words.')
        drawn = [await self._choice(client, request, index) for index in range(request.choices)]
        word = _chat_choice if request.route == CHAT else _text_choice
        prompt, completion = drawn[0].prompt, sum(one.completion for one in drawn)
        return {
            "id": answer_id(request, self._execution.record),
            "object": "chat.completion" if request.route == CHAT else "text_completion",
            "created": drawn[0].created,
            "model": request.model,
            "choices": [word(request, index, one, self._execution.record) for index, one in enumerate(drawn)],
            "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
        }

    async def _choice(self, client: EngineClient, request: Request, index: int) -> Drawn:
        bounds, drawn = WIDE, None
        tighter = list(TIGHT)
        for number in range(1, MOST_PER_STEP + 1):
            drawn = await self._try(client, request, index, number, bounds)
            if drawn.error is None:
                return drawn
            if drawn.cut:
                limit = request.budget or client.profile.context - drawn.prompt
                while len(tighter) > 1 and not _fits(request.shape, tighter[0], limit):
                    tighter.pop(0)
                bounds = tighter.pop(0) if len(tighter) > 1 else tighter[0]
        raise UsageError(f"The answer is not one: {drawn.error if drawn else ''}")

    async def _try(self, client: EngineClient, request: Request, index: int, number: int, bounds: Bounds) -> Drawn:
        def drawing(seed: int) -> Decoding:
            draw = request.sampling
            warm = max(draw.temperature, WARM) if number > 1 else draw.temperature
            return replace(draw, seed=draw.seed + seed + index + SEEDS * (number - 1), temperature=warm)

        def arguments(seed: int) -> list[object]:
            return [request.shape.digest, [[one.role, one.content] for one in request.messages], drawing(seed), index]

        async def execute(note: Note) -> Drawn:
            if self._heard is not None and number == 1:
                aloud = await _drawn_aloud(client, request, drawing(self._seed), partial(self._heard, index), note)
                if aloud is not None:
                    return aloud
            return await _drawn(client, request, drawing(self._seed), number, bounds, note)

        drawn: Drawn = await self._execution.step(
            f"model {request.shape.name}",
            arguments(self._seed),
            execute,
            _DRAWN,
            [arguments(seed) for seed in self._earlier_seeds],
        )
        return drawn

    async def _embedded(self, request: Request, any_model: bool) -> dict[str, Any]:
        encoder = self._encoder
        if encoder is None or not isinstance(encoder, Measured):
            raise UsageError("This run has no encoder that embeds texts: open the pipeline with one.")
        name = encoder.name
        if not any_model and request.model != name:
            raise UsageError(f'"model" is {request.model}, but {name} embeds: name that, or give --any-model.')

        lengths = await asyncio.to_thread(encoder.lengths, list(request.inputs))
        for number, length in enumerate(lengths):
            if length > encoder.max_tokens:
                raise UsageError(
                    f'"input[{number}]" has {length:,} tokens, and {name} reads {encoder.max_tokens}: split it.'
                )

        async def execute(note: Note) -> list[list[float]]:
            found = await asyncio.to_thread(encoder.encode, list(request.inputs))
            return [[float(number) for number in row] for row in found]

        vectors: list[list[float]] = await self._execution.step("embed", list(request.inputs), execute, _VECTORS)
        size = len(vectors[0])
        if request.dimensions not in (None, size):
            raise UsageError(f'"dimensions" is {request.dimensions}, but {name} has {size}.')
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": _packed(row) if request.base64 else row}
                for index, row in enumerate(vectors)
            ],
            "model": request.model,
            "usage": {"prompt_tokens": sum(lengths), "total_tokens": sum(lengths)},
        }


def _fits(shape: Shape, bounds: Bounds, limit: int) -> bool:
    """Whether the longest text takes no more than so many tokens."""
    grammar = shape.grammar(bounds)
    return grammar is not None and 0 < grammar.max_tokens <= limit


def answer_id(request: Request, record: str) -> str:
    """What the API calls the answer to a request under an id."""
    return f"{'chatcmpl' if request.route == CHAT else 'cmpl'}-{_digest(record)}"


async def _drawn_aloud(
    client: EngineClient, request: Request, sampling: Decoding, heard: Callable[[str], None], note: Note
) -> Drawn | None:
    """A try that is heard while it is decoded; None, with nothing heard, where an answer has to be whole first.

    What was said cannot be taken back. So the grammar has to say all of the format, and there has to be room for its
    longest text, or an engine that closes; a call of tools, which is another text than what the model writes, and
    log-probabilities come whole, and so does what a model says that thinks.
    """
    shape, engine = request.shape, client.engine
    if shape.calls or sampling.logprobs is not None or engine.enforcement != "grammar" or client.profile.thinks:
        return None
    grammar, budget = shape.grammar(WIDE, client.profile.spaced), request.budget
    if grammar is not None:
        if grammar.constant is not None or not shape.is_proven():
            return None
        if closes(engine):
            budget = budget or client.profile.context
        elif not 0 < grammar.max_tokens <= (budget or _room(client, request)):
            return None
    _tell(note, request, sampling, 1, WIDE)
    try:
        with hearing(heard):
            raw = await client.generate(request.messages, grammar, sampling, max_tokens=budget)
    except PromptTooLong:  # before a token: a template that takes more than we knew, or an ending that has no room
        return None
    return _kept(request, raw, WIDE, note)


def _room(client: EngineClient, request: Request) -> int:
    """Tokens that are surely left for an answer: a token is at least a byte."""
    return client.profile.context - SLACK - sum(len(one.content.encode()) for one in request.messages)


def _tell(note: Note, request: Request, sampling: Decoding, number: int, bounds: Bounds) -> None:
    """What is noted of a try before it is made."""
    note.attempt = number
    note.detail = {
        "contract": request.shape.name,
        "hash": request.shape.digest,
        "evidence": [],
        "rung": None if number == 1 else "resample" if bounds == WIDE else "shorter",
        "messages": [dict(vars(message)) for message in request.messages],
        "sampling": dict(vars(sampling)),
    }


def _kept(request: Request, raw: Completion, bounds: Bounds, note: Note) -> Drawn:
    """A try that an engine answered."""
    note.prompt_tokens, note.completion_tokens = raw.usage.prompt_tokens, raw.usage.completion_tokens
    note.detail |= {
        "finish_reason": raw.finish_reason,
        "enforcement": raw.enforcement,
        "engine_seconds": raw.seconds,
        "thinking": raw.thinking,
    }
    fault, usage = request.shape.fault(raw.text, bounds), raw.usage
    return Drawn(
        raw.text,
        raw.finish_reason,
        usage.prompt_tokens,
        usage.completion_tokens,
        int(note.started),
        raw.logprobs,
        fault,
    )


async def _drawn(
    client: EngineClient, request: Request, sampling: Decoding, number: int, bounds: Bounds, note: Note
) -> Drawn:
    shape = request.shape
    _tell(note, request, sampling, number, bounds)
    grammar = shape.grammar(bounds, client.profile.spaced)
    if grammar is not None and grammar.constant is None and client.engine.enforcement == "grammar":
        grammar = grammar.within(request.budget or 0)
    created = int(note.started)
    if grammar is not None and grammar.constant is not None and sampling.logprobs is None:
        note.detail |= {"finish_reason": "forced", "engine_seconds": 0.0}
        return Drawn(grammar.constant, "stop", 0, 0, created)
    try:
        raw: Completion = await client.generate(request.messages, grammar, sampling, max_tokens=request.budget)
    except ConstraintBroken as error:
        if not error.cut:
            raise
        note.prompt_tokens, note.completion_tokens = error.tokens
        note.detail |= {"finish_reason": "length", "engine_seconds": 0.0}
        return Drawn(error.text, "length", *error.tokens, created, error=_cut(request, error.tokens[1]), cut=True)
    return _kept(request, raw, bounds, note)


def _cut(request: Request, tokens: int) -> str:
    if request.budget:
        return f"it was cut after {tokens} tokens, inside its format: allow more than {request.budget} (max_tokens)."
    return (
        f"it was cut after {tokens} tokens, where the model's context ends: shorten the request, or bound its format."
    )


def _chat_choice(request: Request, index: int, drawn: Drawn, record: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": drawn.text, "refusal": None}
    reason = drawn.finish_reason
    if request.shape.calls:
        said = json.loads(drawn.text)
        if "tool_calls" in said:
            message |= {"content": None, "tool_calls": _tool_calls(said["tool_calls"], f"{record}\0{index}")}
            reason = "tool_calls"
        else:
            content = said["content"]
            message["content"] = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    scores = None if request.sampling.logprobs is None else {"content": list(drawn.logprobs), "refusal": None}
    return {"index": index, "message": message, "finish_reason": reason, "logprobs": scores}


def _tool_calls(calls: Sequence[Mapping[str, Any]], where: str) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{_digest(f'{where}{number}')}",
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)},
        }
        for number, call in enumerate(calls)
    ]


def _text_choice(request: Request, index: int, drawn: Drawn, record: str) -> dict[str, Any]:
    scores: dict[str, Any] | None = None
    if request.sampling.logprobs is not None:
        tokens = [str(one["token"]) for one in drawn.logprobs]
        scores = {
            "tokens": tokens,
            "token_logprobs": [one["logprob"] for one in drawn.logprobs],
            "top_logprobs": [
                {other["token"]: other["logprob"] for other in one["top_logprobs"]} for one in drawn.logprobs
            ],
            "text_offset": [sum(map(len, tokens[:number])) for number in range(len(tokens))],
        }
    text = request.prefix + drawn.text
    return {"index": index, "text": text, "finish_reason": drawn.finish_reason, "logprobs": scores}


def _packed(row: Sequence[float]) -> str:
    return base64.b64encode(array("f", row).tobytes()).decode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
