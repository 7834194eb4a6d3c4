"""`interlock evaluate clarify`: whether a desk asks or acts at the right time, on public dialogues.

Each user turn of a dialogue is one decision: with every slot that the present intent requires in the labelled state the
desk should act, else ask for one that is missing. The state is kept as `Run.collect` keeps it: what is read from each
message, what was said earlier under the same name, what is found in earlier messages when a slot would be asked for,
and what the desk itself proposed and the customer took (it stands in the desk's own turns only: no word of a customer).
With `--gold` the reading is the labels', so that what is left is the decision alone.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import Field, create_model

from models.contract import Contract
from models.engines.engine import Engine, Sampling
from models.engines.open_engine import open_engine
from models.grammar.grammar import compile_grammar
from models.said import Said
from models.training import sgd
from pipeline.forms import extraction
from pipeline.forms.slots import excerpt, narrowed, read_answer
from pipeline.forms.slots import missing as missing_fields
from pipeline.prompts.prompts import Prompts
from pipeline.record import Turn
from scripts.console import tell
from scripts.evaluate.dialogues import read_dialogues
from scripts.progress import progress_bar
from scripts.unused import refuse_unused

Words = dict[str, str]
"""Slot to what was said for it."""

Needs = Mapping[tuple[str, str], Sequence[str]]
"""(service, intent) to its required slots."""


ELSEWHERE = "in no turn of the file"
"""Of a slot that is labelled as given: it was said in other words ("NY"), or in a service that the file leaves out."""


@dataclass
class Tally:
    """Counts of decisions: `asked_given` asked for a slot that the labelled state has, `acted_blind` without one.

    `asked_for_said` leaves out what nobody could have read, because it stands in no turn of the file.
    """

    turns: int = 0
    right: int = 0
    to_act: int = 0
    asked: int = 0
    asked_given: int = 0
    acted_blind: int = 0
    why: Counter[str] = field(default_factory=Counter)

    def figures(self) -> dict[str, Any]:
        """Ready for JSON; shares are of all turns."""
        turns = max(1, self.turns)
        return {
            "turns": self.turns,
            "to_act": self.to_act,
            "decided_right": round(self.right / turns, 4),
            "asked_for_given": round(self.asked_given / turns, 4),
            "asked_for_said": round((self.asked_given - self.why[ELSEWHERE]) / turns, 4),
            "asked_for_given_of_questions": round(self.asked_given / max(1, self.asked), 4),
            "acted_with_a_gap": round(self.acted_blind / turns, 4),
            "asked_for_given_why": dict(self.why.most_common()),
        }


@dataclass
class Dialogue:
    """What a desk knows in one dialogue: by service, and of the conversation as a whole."""

    state: dict[str, Words] = field(default_factory=dict)
    said: list[Turn] = field(default_factory=list)
    named: Words = field(default_factory=dict)

    def hear(self, row: Mapping[str, Any]) -> None:
        """Take over the turns of a row that are new."""
        fresh = [Turn("customer" if t["role"] == "user" else "assistant", t["text"]) for t in row["history"]]
        for turn in [*fresh, Turn("customer", row["user"])]:
            if turn not in self.said[-3:]:
                self.said.append(turn)

    def texts(self, role: str) -> list[str]:
        """What one side said so far."""
        return [turn.text for turn in self.said if turn.role == role]


@cache
def form(service: str, slots: tuple[tuple[str, str], ...], required: tuple[str, ...]) -> type[Contract]:
    """The contract of a service's slots for one intent. A required slot without a description is yes or no."""
    hints = dict(slots)
    fields: dict[str, Any] = {name: (bool, Field(description=name)) for name in required if name not in hints}
    for name, hint in slots:
        needed = name in required
        fields[name] = (
            (Said[str], Field(description=hint)) if needed else (Said[str] | None, Field(None, description=hint))
        )
    return create_model(service, __base__=Contract, **fields)


async def read(engine: Engine, draft: type[Contract], turns: Sequence[Turn], said: Sequence[str]) -> Words:
    """What a model copies from `said` into a form."""
    messages = Prompts().laid_out(engine.profile).fill(draft, turns)
    grammar = compile_grammar(draft, said=said, spaced=engine.profile.spaced)
    completion = await engine.generate(messages, grammar, Sampling())
    filled = draft.model_validate_json(completion.text)
    return {name: str(value) for name, value in filled.public().items() if value is not None}


def yes_or_no(contract: type[Contract], state: Words, turns: Sequence[Turn], said: str) -> Words:
    """What code reads for fields that are yes or no: as an answer to a question about one, or where one is named."""
    found = extraction.stated(contract, state, [said])
    asked = next((turn.text for turn in reversed(turns) if turn.role == "assistant"), "")
    for name, info in contract.model_fields.items():
        answer = (
            read_answer(contract, name, re.split(r"[.!,;]", said)[0], date.min) if info.annotation is bool else None
        )
        if isinstance(answer, bool) and extraction.names(asked, name):
            found[name] = answer
    return {name: str(value) for name, value in found.items()}


async def judge(
    engine: Engine | None, rows: Sequence[Mapping[str, Any]], slots: sgd.Schema, needs: Needs, tally: Tally
) -> None:
    """Walk one dialogue and count its decisions. Without an engine the labels are the reading."""
    dialogue = Dialogue()
    for row in rows:
        dialogue.hear(row)
        service, truth = row["service"], row["slots"]
        state = dialogue.state.setdefault(service, {})
        required = needs.get((service, row["intent"]), ())
        contract = form(service, tuple(slots[service].items()), tuple(required))
        if engine is None:
            state |= truth
        else:
            turns = [Turn("customer" if t["role"] == "user" else "assistant", t["text"]) for t in row["history"]]
            draft = narrowed(contract, False)
            state |= await read(engine, draft, [*turns, Turn("customer", row["user"])], [row["user"]])
            state |= yes_or_no(contract, state, turns, row["user"])
        spoken, proposed = dialogue.texts("customer"), dialogue.texts("assistant")
        offered = {n for n, v in truth.items() if not sgd.said(v, spoken) and sgd.said(v, proposed)}
        state |= {name: truth[name] for name in offered}
        for name in missing_fields(contract, state):
            if name in dialogue.named:
                state[name] = dialogue.named[name]
        missing = missing_fields(contract, state)
        if engine is not None and missing and len(spoken) > 1:
            part = excerpt(narrowed(contract, False), tuple(missing))
            state |= await read(engine, part, dialogue.said, spoken)
        dialogue.named |= state
        if (service, row["intent"]) in needs:
            _count(tally, [n for n in required if n not in state], required, truth, spoken)


def _count(
    tally: Tally, missing: Sequence[str], required: Sequence[str], truth: Mapping[str, str], spoken: list[str]
) -> None:
    gaps = [name for name in required if name not in truth]
    tally.turns += 1
    tally.to_act += not gaps
    tally.right += bool(gaps) == bool(missing)
    tally.asked += bool(missing)
    tally.acted_blind += bool(gaps) and not missing
    if missing and missing[0] in truth:
        tally.asked_given += 1
        value = truth[missing[0]]
        kind = (
            "yes or no" if value in ("True", "False") else "said and not read" if sgd.said(value, spoken) else ELSEWHERE
        )
        tally.why[kind] += 1


def clarify(
    context: typer.Context,
    data: Annotated[
        Path, typer.Option(help="SGD turns, one a line; the schema lies beside as schema_dev.json.")
    ] = Path("../shared/data/sgd/travel_dev.jsonl"),
    model: Annotated[str, typer.Option(help="A folder, GGUF file or name, http://… or vllm:NAME.")] = "models/tiny",
    limit: Annotated[int, typer.Option(min=0, help="This many dialogues, drawn at random; 0 for all.")] = 120,
    gold: Annotated[bool, typer.Option(help="Read with the labels in place of the model: the decision alone.")] = False,
) -> None:
    """Ask or act: decided right, and how often a slot is asked for that was given already."""
    if gold:
        refuse_unused(context, "reads nothing with --gold, where the labels do: leave out one of them.", "model")
    given = read_dialogues(data)
    dialogues: dict[str, list[dict[str, Any]]] = {}
    for row in given.turns:
        dialogues.setdefault(row["dialogue"], []).append(row)
    chosen = list(dialogues.values())
    if limit:
        chosen = random.Random(0).sample(chosen, min(limit, len(chosen)))
    tally = asyncio.run(_judge_all(None if gold else model, chosen, given.slots, given.needs))
    print(
        json.dumps(
            {"data": data.name, "dialogues": len(chosen), "reading": "labels" if gold else model, **tally.figures()}
        )
    )


async def _judge_all(
    model: str | None, dialogues: Sequence[Sequence[Mapping[str, Any]]], slots: sgd.Schema, needs: Needs
) -> Tally:
    tally = Tally()
    if model is None:
        for rows in dialogues:
            await judge(None, rows, slots, needs, tally)
        return tally
    async with open_engine(model, tell) as engine:
        with progress_bar() as progress:
            bar = progress.add_task("Walking dialogues", total=len(dialogues))

            async def walk(rows: Sequence[Mapping[str, Any]]) -> None:
                await judge(engine, rows, slots, needs, tally)
                progress.advance(bar)

            async with asyncio.TaskGroup() as group:
                for rows in dialogues:
                    group.create_task(walk(rows))
    return tally
