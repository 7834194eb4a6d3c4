"""Embedding: the vectors of a request's texts, as one step, worded as OpenAI's API does. Knows no engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from pydantic import TypeAdapter

from models.background import in_thread
from pipeline.completions.request import Request
from pipeline.completions.steps import Steps
from pipeline.completions.wording import packed
from pipeline.durable.note import Note
from pipeline.errors import UsageError


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


_VECTORS: TypeAdapter[list[list[float]]] = TypeAdapter(list[list[float]])


async def embedded(steps: Steps, encoder: Encoder | None, request: Request, any_model: bool) -> dict[str, Any]:
    """The answer's body. UsageError, with the option's name, for what this encoder cannot obey."""
    if encoder is None or not isinstance(encoder, Measured):
        raise UsageError("This run has no encoder that embeds texts: open the pipeline with one.")
    name, texts = encoder.name, list(request.inputs)
    if not any_model and request.model != name:
        raise UsageError(f'"model" is {request.model}, but {name} embeds: name that, or give --any-model.')
    lengths = await in_thread(encoder.lengths, texts)
    for number, length in enumerate(lengths):
        if length > encoder.max_tokens:
            raise UsageError(
                f'"input[{number}]" has {length:,} tokens, and {name} reads {encoder.max_tokens}: split it.'
            )

    async def execute(note: Note) -> list[list[float]]:
        found = await in_thread(encoder.encode, texts)
        return [[float(number) for number in row] for row in found]

    vectors: list[list[float]] = await steps.step("embed", texts, execute, _VECTORS)
    size = len(vectors[0])
    if request.dimensions not in (None, size):
        raise UsageError(f'"dimensions" is {request.dimensions}, but {name} has {size}.')
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": packed(row) if request.base64 else row}
            for index, row in enumerate(vectors)
        ],
        "model": request.model,
        "usage": {"prompt_tokens": sum(lengths), "total_tokens": sum(lengths)},
    }
