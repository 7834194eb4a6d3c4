"""Completing: asks the model what a request says, each try as a step, and words its answer as OpenAI's API does.

Knows what is tried again: a text that broke a rule of its schema is drawn anew, one that did not fit its budget is
asked for with shorter texts and lists (shape.py). A try is drawing.py's business, an absent engine engine_client.py's,
and texts to embed are embedding.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from models.engines.engine import Decoding
from models.schema.bounds import Bounds
from pipeline.completions.drawing import Drawn, compiled, drawn, drawn_aloud
from pipeline.completions.embedding import ANY_MODEL, Encoder, embedded
from pipeline.completions.options import EMBEDDINGS, RESPONSES, TEXT
from pipeline.completions.request import Request
from pipeline.completions.responses import response
from pipeline.completions.shape import TIGHT, WIDE, Shape
from pipeline.completions.steps import Steps
from pipeline.completions.wording import answer_id, chat_choice, text_choice
from pipeline.durable.note import Note
from pipeline.errors import UsageError
from pipeline.generation.engine_client import EngineClient
from pipeline.generation.recovery import MOST_PER_STEP, WARM

SEEDS = 100
"""Between the seeds of two tries for one choice: more than a request has choices."""
_DRAWN: TypeAdapter[Drawn] = TypeAdapter(Drawn)

Heard = Callable[[int, str], None]
"""Takes the number of a choice, and all of its text as far as it is decoded."""


class Completing:
    """The model's side of one request. `earlier_seeds`: those of its servings before each retry. `heard`: who hears
    answers while they are decoded, where nothing can be wrong with them any more.
    """

    def __init__(
        self,
        steps: Steps,
        client: EngineClient | None,
        encoder: Encoder | None,
        seed: int = 0,
        earlier_seeds: Sequence[int] = (),
        heard: Heard | None = None,
    ) -> None:
        self._heard = heard
        self._steps = steps
        self._client = client
        self._encoder = encoder
        self._seed = seed
        self._earlier_seeds = tuple(earlier_seeds)

    async def complete(self, request: Request, any_model: bool = False) -> dict[str, Any]:
        """The answer's body. UsageError, with the option's name, for what cannot be obeyed by what serves here."""
        if request.route == EMBEDDINGS:
            return await embedded(self._steps, self._encoder, request, any_model)
        client = self._client
        if client is None:
            raise UsageError("This run has no model: open the pipeline with an engine.")
        name = client.engine.name.partition(":")[2] or client.engine.name
        if not any_model and request.model not in (name, client.engine.name):
            raise UsageError(f'"model" is {request.model}, but {name} serves: name that.{ANY_MODEL}')
        if request.sampling.effort and not client.profile.thinks:
            option = "reasoning.effort" if request.route == RESPONSES else "reasoning_effort"
            raise UsageError(f'"{option}" cannot be obeyed: {name} does not think. Leave it out, or give none.')
        if request.budget and 0 < (room := client.profile.context) <= request.budget:
            told = f"{name} holds {room:,} tokens, those of what it is asked among them"
            raise UsageError(f'"{request.limit}" is {request.budget:,}, but {told}: give less, or leave it out.')
        if not request.shape.is_free and client.engine.enforcement == "prompted":
            # Beside the answer stands the form that it is read from, of which neither is true.
            for option, given in (("logprobs", request.sampling.logprobs), (request.limit, request.budget)):
                if given is not None:
                    raise UsageError(f'"{option}" cannot be obeyed beside a format by {name}, which is asked in words.')
        choices = [await self._choice(client, request, index) for index in range(request.choices)]
        word = text_choice if request.route == TEXT else chat_choice
        prompt, completion = choices[0].prompt, sum(one.completion for one in choices)
        body = {
            "id": answer_id(request, self._steps.record),
            "object": "text_completion" if request.route == TEXT else "chat.completion",
            "created": choices[0].created,
            "model": request.model,
            "choices": [word(request, index, one, self._steps.record) for index, one in enumerate(choices)],
            "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
        }
        return response(request, body) if request.route == RESPONSES else body

    async def _choice(self, client: EngineClient, request: Request, index: int) -> Drawn:
        bounds, tried = WIDE, None
        tighter = list(TIGHT)
        for number in range(1, MOST_PER_STEP + 1):
            tried = await self._try(client, request, index, number, bounds)
            if tried.error is None:
                return tried
            if tried.cut:
                limit = request.budget or client.profile.context - tried.prompt
                while len(tighter) > 1 and not await _fits(request.shape, tighter[0], limit):
                    tighter.pop(0)
                bounds = tighter.pop(0) if len(tighter) > 1 else tighter[0]
        raise UsageError(f"The answer is not one: {tried.error if tried else ''}")

    async def _try(self, client: EngineClient, request: Request, index: int, number: int, bounds: Bounds) -> Drawn:
        def drawing(seed: int) -> Decoding:
            draw = request.sampling
            warm = max(draw.temperature, WARM) if number > 1 else draw.temperature
            return replace(draw, seed=draw.seed + seed + index + SEEDS * (number - 1), temperature=warm)

        def arguments(seed: int) -> list[object]:
            return [request.shape.digest, [[one.role, one.content] for one in request.messages], drawing(seed), index]

        async def execute(note: Note) -> Drawn:
            if self._heard is not None and number == 1:
                aloud = await drawn_aloud(client, request, drawing(self._seed), partial(self._heard, index), note)
                if aloud is not None:
                    return aloud
            return await drawn(client, request, drawing(self._seed), number, bounds, note)

        tried: Drawn = await self._steps.step(
            f"model {request.shape.name}",
            arguments(self._seed),
            execute,
            _DRAWN,
            [arguments(seed) for seed in self._earlier_seeds],
        )
        return tried


async def _fits(shape: Shape, bounds: Bounds, limit: int) -> bool:
    """Whether the longest text takes no more than so many tokens."""
    grammar = await compiled(shape, bounds, False)
    return grammar is not None and 0 < grammar.max_tokens <= limit
