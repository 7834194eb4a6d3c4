"""`interlock evaluate fill` and `sample`: how well a model fills forms, on public dialogues and sample requests."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import Field, create_model

from models.contract import Contract
from models.engines.claims import told_apart
from models.engines.engine import Engine, Message, Sampling
from models.engines.mentions import mentions
from models.engines.open_engine import open_engine
from models.engines.profiles import Profile
from models.engines.weighing import Ask
from models.grammar.grammar import Grammar, compile_grammar, normalise
from models.said import Said
from models.training import sgd
from models.training.score import FillScore
from pipeline.errors import UsageError
from pipeline.forms import extraction, slots
from pipeline.forms.slots import said_kind
from pipeline.prompts.prompts import Prompts
from pipeline.prompts.templates import read_templates
from pipeline.record import Turn
from scripts.console import day_of, tell
from scripts.evaluate.dialogues import FORM, read_dialogues
from scripts.evaluate.results import SAMPLE, read_lines
from scripts.progress import progress_bar

Model = Annotated[str, typer.Option(help="A folder, GGUF file or name, http://… or vllm:NAME.")]
AT_ONCE = 32
Work = tuple[type[Contract], Sequence[Turn], Mapping[str, str | None]]
"""A form, the conversation to fill it from, and what should stand in it."""


async def fill_one(
    engine: Engine,
    contract: type[Contract],
    turns: Sequence[Turn],
    today: date,
    prompts: Prompts = Prompts(),
    sure: float | None = None,
) -> Contract:
    """Fill one contract from a conversation, as `Run.collect` does; `sure` in place of what the profile says of it."""
    profile = engine.profile if sure is None else replace(engine.profile, sure=sure)
    messages = prompts.laid_out(profile).fill(contract, turns)
    draft = await draft_of(engine.generate, profile, contract, turns, messages, today)
    text = draft.grammar.constant or (await engine.generate(messages, draft.grammar, Sampling())).text
    return draft.read(text)


@dataclass(frozen=True)
class Draft:
    """What a model is to write of a form: what code could not read, and what was said at all.

    `known`: what code read. `today`: what words are read by.
    """

    contract: type[Contract]
    grammar: Grammar
    known: Mapping[str, object]
    today: date

    def read(self, text: str) -> Contract:
        """The whole form, with a text of the grammar. ValidationError for another text."""
        filled = self.contract.model_validate_json(text, context={"today": self.today})
        return filled.model_copy(update=self.known)


async def draft_of(
    ask: Ask,
    profile: Profile,
    contract: type[Contract],
    turns: Sequence[Turn],
    messages: Sequence[Message],
    today: date,
) -> Draft:
    """The part of a form that a model writes, as `Run.collect` does: all of it, unless its profile has it asked first.

    Raises what `ask` raises.
    """
    said = [normalise(turn.text) for turn in turns if turn.role == "customer"]
    if not profile.sure:
        return Draft(contract, compile_grammar(contract, said=said, spaced=profile.spaced), {}, today)
    words = extraction.certain(contract, said, today)
    known = {name: slots.read_words(contract, name, text, today) for name, text in words.items()}
    rest = extraction.without(said, words.values())
    copied = [name for name in contract.model_fields if said_kind(contract, name) is not None and name not in known]
    begun = (await mentions(ask, messages, copied, profile.spaced)).begun if rest else {}
    found = told_apart(begun, rest, slots.worded(contract), profile.sure)
    form = slots.told_apart(contract, {*found.unsaid, *known, *(copied if not rest else ())}, found.copies)
    return Draft(contract, compile_grammar(form, said=rest, spaced=profile.spaced), known, today)


@cache
def _form(service: str, fields: tuple[tuple[str, str], ...]) -> type[Contract]:
    slots: dict[str, Any] = {name: (Said[str] | None, Field(None, description=hint)) for name, hint in fields}
    return create_model(service, __base__=Contract, **slots)


async def _score(
    model: str, work: Sequence[Work], today: date, prompts: Prompts = Prompts(), sure: float | None = None
) -> FillScore:
    score, gate = FillScore(), asyncio.Semaphore(AT_ONCE)
    async with open_engine(model, tell, wording=prompts.engines) as engine:
        if prompts.own and engine.profile.layout == "copier":
            raise UsageError(f"{model} reads only the layouts that it was trained on: leave out --prompts.")
        with progress_bar() as progress:
            bar = progress.add_task("Filling forms", total=len(work))

            async def one(contract: type[Contract], turns: Sequence[Turn], gold: Mapping[str, str | None]) -> None:
                async with gate:
                    filled = await fill_one(engine, contract, turns, today, prompts, sure)
                score.add(gold, _said(filled))
                progress.advance(bar)

            async with asyncio.TaskGroup() as group:
                for item in work:
                    group.create_task(one(*item))
    return score


def fill(
    data: Annotated[
        Path, typer.Option(help="SGD turns, one a line; the schema lies beside as schema_dev.json.")
    ] = Path("../shared/data/sgd/travel_dev.jsonl"),
    model: Model = "models/tiny",
    limit: Annotated[int, typer.Option(min=0, help="This many turns, drawn at random; 0 for all.")] = 1000,
    prompts: Annotated[Path | None, typer.Option(help="A folder of templates in place of the shipped ones.")] = None,
    sure: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="In place of the profile's `sure`; 0: no field is asked for.")
    ] = None,
) -> None:
    """Field values copied from dialogues the model was not trained on."""
    work = sgd_work(data)
    if limit:
        work = random.Random(0).sample(work, min(limit, len(work)))
    told = Prompts() if prompts is None else Prompts(read_templates(prompts))
    score = asyncio.run(_score(model, work, date.today(), told, sure))
    print(json.dumps({"data": data.name, "model": model, **score.figures()}))


def sgd_work(data: Path) -> list[Work]:
    """Turns of dialogues as forms to fill. UsageError as `read_dialogues`."""
    dialogues = read_dialogues(data, FORM)
    work: list[Work] = []
    for exercise in (sgd.plain(turn, dialogues.slots) for turn in dialogues.turns):
        contract = _form("Form", tuple(exercise.fields.items()))
        work.append((contract, [Turn(role, text) for role, text in exercise.turns], exercise.answers))
    return work


def sample(
    model: Model = "models/tiny",
    today: Annotated[str, typer.Option(help="The day that 'tomorrow' counts from.")] = "2026-11-23",
) -> None:
    """The sample app's forms on the sample requests, against labels written before any model saw them."""
    day = day_of(today) or date.today()
    work = sample_work(day)
    score = asyncio.run(_score(model, work, day))
    print(json.dumps({"data": "sample requests", "model": model, **score.figures()}))


def sample_work(day: date) -> list[Work]:
    """The sample requests as forms to fill, with their labels read on this day."""
    from pipeline.workflows.travel.contracts import Cancellation, Change, Complaint, Trip

    forms: dict[str, type[Contract]] = {
        "book_trip": Trip,
        "change_booking": Change,
        "cancel_booking": Cancellation,
        "complain": Complaint,
    }
    texts = {row["custom_id"]: row["text"] for row in read_lines(SAMPLE / "requests.jsonl")}
    work: list[Work] = []
    for label in read_lines(SAMPLE / "requests_labels.jsonl"):
        several = isinstance(label["intent"], list)
        for intent in label["intent"] if several else [label["intent"]]:
            if intent not in forms:
                continue
            form = forms[intent].draft()
            spans = label["fields"][intent] if several else label["fields"]
            blank = dict.fromkeys(form.private_fields(), "")
            expected = form.model_validate({**blank, **spans}, context={"today": day})
            work.append((form, [Turn("customer", texts[label["custom_id"]])], _said(expected)))
    return work


def _said(form: Contract) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in form.public().items()}
