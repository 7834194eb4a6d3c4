"""Embedding: the vectors of a request's texts, as one step, worded as OpenAI's API does. Knows no engine."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, runtime_checkable

from pydantic import TypeAdapter

from models.background import in_pool, in_thread
from pipeline.completions.request import Request
from pipeline.completions.steps import Steps
from pipeline.completions.wording import packed
from pipeline.durable.note import Note
from pipeline.errors import UsageError

PIECE = 32
"""Texts that are encoded at once: whoever else needs the encoder waits for so many, and not for two thousand."""
ANY_MODEL = " (`interlock batch --any-model` answers under whatever name.)"
_ENCODING = ThreadPoolExecutor(1, "embedding")
"""One for all requests: pieces of many take turns, and a message waits behind one of them."""


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
        raise UsageError(f'"model" is {request.model}, but {name} embeds: name that.{ANY_MODEL}')
    lengths = await in_thread(encoder.lengths, texts)
    for number, length in enumerate(lengths):
        if length > encoder.max_tokens:
            raise UsageError(
                f'"input[{number}]" has {length:,} tokens, and {name} reads {encoder.max_tokens}: split it.'
            )

    def encoded(piece: Sequence[str]) -> list[list[float]]:
        return [[float(number) for number in row] for row in encoder.encode(piece)]

    async def execute(note: Note) -> list[list[float]]:
        order = sorted(range(len(texts)), key=lengths.__getitem__)  # those of a length are encoded without padding
        found: dict[int, list[float]] = {}
        for first in range(0, len(texts), PIECE):
            piece = order[first : first + PIECE]
            work = partial(encoded, [texts[place] for place in piece])
            found.update(zip(piece, await in_pool(_ENCODING, work), strict=True))
        return [found[place] for place in range(len(texts))]

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
