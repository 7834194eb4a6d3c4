"""`interlock evaluate`: how well a model fills forms, on public dialogues and on the sample requests."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import Field, create_model
from rich.progress import Progress

from models.contract import Contract
from models.engine import Engine, Sampling
from models.grammar import compile_grammar
from models.opening import open_engine
from models.said import Said
from models.training import sgd
from models.training.score import FillScore
from pipeline import prompts
from pipeline.conversation import Turn
from scripts.console import console

app = typer.Typer(help="Measure how well a model does its work.", no_args_is_help=True)
Model = Annotated[str, typer.Option(help="A folder, a name, http://… or vllm:NAME.")]
AT_ONCE = 32


async def fill_one(engine: Engine, contract: type[Contract], turns: Sequence[Turn], today: date) -> Contract:
    """Fill one contract from a conversation, as `Run.collect` does."""
    grammar = compile_grammar(contract, said=[turn.text for turn in turns])
    completion = await engine.generate(prompts.fill(contract, turns), grammar, Sampling())
    return contract.model_validate_json(completion.text, context={"today": today})


@cache
def _form(service: str, fields: tuple[tuple[str, str], ...]) -> type[Contract]:
    slots: dict[str, Any] = {name: (Said[str] | None, Field(None, description=hint)) for name, hint in fields}
    return create_model(service, __base__=Contract, **slots)


async def _score(
    model: str, work: Sequence[tuple[type[Contract], Sequence[Turn], Mapping[str, str | None]]], today: date
) -> FillScore:
    score, gate = FillScore(), asyncio.Semaphore(AT_ONCE)
    async with open_engine(model, lambda text: console.print(f"[dim]{text}")) as engine:
        with Progress(console=console) as progress:
            bar = progress.add_task("Filling forms", total=len(work))

            async def one(contract: type[Contract], turns: Sequence[Turn], gold: Mapping[str, str | None]) -> None:
                async with gate:
                    filled = await fill_one(engine, contract, turns, today)
                got = {name: None if value is None else str(value) for name, value in filled.public().items()}
                score.add(gold, got)
                progress.advance(bar)

            async with asyncio.TaskGroup() as group:
                for item in work:
                    group.create_task(one(*item))
    return score


@app.command()
def fill(
    data: Annotated[
        Path, typer.Option(help="SGD turns, one a line; the schema lies beside as schema_dev.json.")
    ] = Path("../shared/data/sgd/travel_dev.jsonl"),
    model: Model = "models/tiny",
    limit: Annotated[int, typer.Option(help="This many turns, drawn at random; 0 for all.")] = 1000,
) -> None:
    """Field values copied from dialogues the model was not trained on."""
    schema = sgd.read_schema(data.with_name("schema_" + data.stem.rsplit("_", 1)[-1] + ".json"))
    turns = sgd.read_turns(data)
    if limit:
        turns = random.Random(0).sample(turns, min(limit, len(turns)))
    work = []
    for exercise in (sgd.plain(turn, schema) for turn in turns):
        contract = _form("Form", tuple(exercise.fields.items()))
        work.append((contract, [Turn(role, text) for role, text in exercise.turns], exercise.answers))
    score = asyncio.run(_score(model, work, date.today()))
    print(json.dumps({"data": data.name, "model": model, **score.figures()}))


@app.command()
def sample(model: Model = "models/tiny", today: str = "") -> None:
    """The sample app's contracts on the sample requests, against labels written before any model saw them."""
    from pipeline.workflows import travel

    day = date.fromisoformat(today) if today else date.today()
    labels = travel.labels()
    contracts = travel.contracts()
    work = []
    for label in labels:
        if label.intent not in contracts:
            continue
        contract = contracts[label.intent].draft()
        expected = contract.model_validate(label.fields, context={"today": day}).public()
        work.append(
            (contract, [Turn("customer", label.text)], {n: None if v is None else str(v) for n, v in expected.items()})
        )
    score = asyncio.run(_score(model, work, day))
    print(json.dumps({"data": "sample requests", "model": model, **score.figures()}))


def read_lines(path: Path) -> Iterable[dict[str, Any]]:
    """The objects of a JSON Lines file."""
    return (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
