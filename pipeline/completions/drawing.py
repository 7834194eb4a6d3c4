"""Drawing: one try for one answer, whole or aloud, and what is noted of it. Knows grammars and budgets; what is tried
next is completing.py's business.

Whoever wants to hear an answer while it is decoded hears only what needs no check any more: see `drawn_aloud`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from models.background import in_pool
from models.engines.engine import Completion, Decoding, closes
from models.engines.hearing import hearing
from models.errors import ConstraintBroken, PromptTooLong
from models.grammar.grammar import Grammar
from models.offload import COMPILER
from models.schema.bounds import Bounds
from pipeline.completions.request import Request
from pipeline.completions.shape import WIDE, Shape
from pipeline.durable.note import Note
from pipeline.generation.engine_client import EngineClient

SLACK = 256
"""Tokens that a chat's template is taken to add, at most, to what was said."""


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


async def drawn_aloud(
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
    grammar, budget = await compiled(shape, WIDE, client.profile.spaced), request.budget
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


async def compiled(shape: Shape, bounds: Bounds, spaced: bool) -> Grammar | None:
    """A shape's grammar, made beside the loop; None if any text will do."""
    return None if shape.is_free else await in_pool(COMPILER, partial(shape.grammar, bounds, spaced))


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


async def drawn(
    client: EngineClient, request: Request, sampling: Decoding, number: int, bounds: Bounds, note: Note
) -> Drawn:
    """Try `number`, with things as long as `bounds` say where a schema does not."""
    shape = request.shape
    _tell(note, request, sampling, number, bounds)
    grammar = await compiled(shape, bounds, client.profile.spaced)
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
        return (
            f"it was cut after {tokens} tokens, inside its format: allow more than {request.budget} ({request.limit})."
        )
    return (
        f"it was cut after {tokens} tokens, where the model's context ends: shorten the request, or bound its format."
    )
