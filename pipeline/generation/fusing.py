"""Fusing: the choice of an intent and the form of that intent, from one text of a model.

Knows what is asked for, and how the text is noted for journal and receipt; leaves the choice between the two experts to
gate.py, and what becomes of the form to drafting.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from pydantic import ValidationError

from models.contract import Contract
from models.engines.engine import Message, Sampling
from models.engines.weighing import fuse
from pipeline.durable.note import Note
from pipeline.generation.decoding import decoding
from pipeline.generation.engine_client import EngineClient
from pipeline.generation.whole_words import whole_words

Lettered = Callable[[Mapping[str, str], Mapping[str, type[Contract]]], Sequence[Message]]
"""The messages that offer options by letter, and the fields of their forms."""


@dataclass(frozen=True)
class Wanted:
    """What a model is to choose from: `options` (name to description), and `forms` of some of them, as drafts.

    `contracts`: those that the drafts are of; `said`: what may be copied; `prompt` offers it all by letter.
    """

    options: Mapping[str, str]
    forms: Mapping[str, type[Contract]]
    contracts: Mapping[str, type[Contract]]
    said: Sequence[str]
    prompt: Lettered


@dataclass(frozen=True)
class Written:
    """What came back: how likely each option is (sum 1), and which was `choice` by the model's own text.

    `choice` is None where both had to be asked for apart. `text` is the JSON of the chosen option's form, `hash` its
    contract's; None for an option without a form.
    """

    shares: Mapping[str, float]
    choice: str | None = None
    text: str | None = None
    hash: str | None = None


async def fused(
    client: EngineClient,
    wanted: Wanted,
    sampling: Sampling,
    lengths: Sequence[int | None],
    note: Note,
    today: date,
) -> Written:
    """One completion, noted. `lengths`: of scratchpads, as in `models.engines.weighing.fuse`. Raises as the engine."""
    prompts: list[Sequence[Message]] = []

    def prompt(order: Mapping[str, str]) -> Sequence[Message]:
        described = {letter: f"{name}: {wanted.options[name]}" for letter, name in order.items()}
        forms = {letter: wanted.forms[name] for letter, name in order.items() if name in wanted.forms}
        prompts.append(wanted.prompt(described, forms))
        return prompts[-1]

    forms = {name: wanted.forms.get(name) for name in wanted.options}
    found = await fuse(client.generate, prompt, forms, wanted.said, sampling, lengths, client.profile.spaced)
    choice = {"contract": "choice", "hash": ", ".join(sorted(wanted.options))}
    note.prompt_tokens = found.call.usage.prompt_tokens
    note.completion_tokens = found.call.usage.completion_tokens
    note.detail = {
        **choice,
        "evidence": [],
        "rung": None,
        "messages": [dict(vars(message)) for message in prompts[0]],
        "sampling": dict(vars(sampling)),
        "calls": 1,
        "finish_reason": found.call.finish_reason,
        "enforcement": found.call.enforcement,
        "engine_seconds": found.call.seconds,
        "thinking": found.call.thinking,
        **decoding([found.call]),
    }
    written = Written(dict(found.shares), found.choice)
    contract = wanted.contracts.get(found.choice)
    if found.choice not in wanted.forms or contract is None:
        return written
    hash = contract.contract_hash()
    note.detail |= {"contract": contract.__name__, "hash": hash, "also": {choice["contract"]: choice["hash"]}}
    if found.scratchpad != lengths[0]:
        note.detail["scratchpad"] = found.scratchpad
    text, form = found.text, wanted.forms[found.choice]
    with suppress(ValidationError):  # which drafting.py meets again
        shorter, taken = whole_words(form.model_validate_json(text, context={"today": today}), text)
        if taken and form.model_validate_json(shorter, context={"today": today}):
            text, note.detail["taken"] = shorter, taken
    return dataclasses.replace(written, text=text, hash=hash)
