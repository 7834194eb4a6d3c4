"""Choice: a model weighs options, alone or with the form of the one that it chose, as one step of the journal.

Knows what the step is called, and how its calls are noted for the receipt; how options are weighed is
models/engines/weighing.py's, and what the form is made of fusing.py's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import TypeAdapter

from models.engines.engine import Message, Sampling
from models.engines.weighing import Prompt
from models.engines.weighing import weigh as weigh_letters
from models.errors import ConstraintBroken, PromptTooLong
from pipeline.durable.execution import Execution
from pipeline.durable.note import Note
from pipeline.generation.decoding import decoding
from pipeline.generation.engine_client import EngineClient
from pipeline.generation.fusing import Wanted, Written, fused

CHOICE = "model choice"
"""Name of the step."""

_SHARES: TypeAdapter[dict[str, float]] = TypeAdapter(dict[str, float])
_WRITTEN: TypeAdapter[Written | dict[str, float]] = TypeAdapter(Written | dict[str, float])


async def weigh(
    execution: Execution, client: EngineClient, options: Mapping[str, str], prompt: Prompt
) -> dict[str, float]:
    """How likely the model finds each option (name to description); `prompt` offers them by letter."""

    async def execute(note: Note) -> dict[str, float]:
        return await _weighed(client, options, prompt, note)

    shares: dict[str, float] = await execution.step(CHOICE, sorted(options.items()), execute, _SHARES)
    return shares


async def fuse(
    execution: Execution,
    client: EngineClient,
    wanted: Wanted,
    prompt: Prompt,
    sampling: Sampling,
    lengths: Sequence[int | None],
    today: date,
) -> Written:
    """How likely the model finds each option, and the form of the one that it chose, from one call.

    Where the text broke its grammar, or there was no room for it, the answer is `weigh`'s, for which `prompt` offers
    the options by letter; so it is in a journal from before this was possible. `lengths`: of scratchpads.
    """

    async def execute(note: Note) -> Written | dict[str, float]:
        try:
            return await fused(client, wanted, sampling, lengths, note, today)
        except (ConstraintBroken, PromptTooLong) as error:
            shares = await _weighed(client, wanted.options, prompt, note)
            note.detail["apart"] = error.what  # why the form is not among this step's results
            return shares

    # The arguments are `weigh`'s: an old journal, and one of a model that had no room for both, are read alike.
    found = await execution.step(CHOICE, sorted(wanted.options.items()), execute, _WRITTEN)
    return found if isinstance(found, Written) else Written(found)


async def _weighed(client: EngineClient, options: Mapping[str, str], prompt: Prompt, note: Note) -> dict[str, float]:
    """How likely the model finds each option, noted."""

    def lettered(order: Mapping[str, str]) -> Sequence[Message]:
        return prompt({letter: f"{name}: {options[name]}" for letter, name in order.items()})

    weighed = await weigh_letters(client.generate, lettered, list(options))
    note.prompt_tokens = sum(call.usage.prompt_tokens for call in weighed.calls)
    note.completion_tokens = sum(call.usage.completion_tokens for call in weighed.calls)
    note.detail = {
        "contract": "choice",
        "hash": ", ".join(sorted(options)),
        "calls": len(weighed.calls),
        "finish_reason": "stop" if weighed.calls else "forced",
        "enforcement": client.engine.enforcement,
        "engine_seconds": max((call.seconds for call in weighed.calls), default=0.0),
        **decoding(weighed.calls),
    }
    return dict(weighed.shares)
