"""`interlock evaluate models`: models side by side on the same data, and what a grammar costs them."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Sequence, Set
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from index import Embedder, Retriever, build_index
from index.documents import Passage
from index.intent_features import IntentFeatures
from index.sentences import split_sentences
from models.engines.open_engine import check_model, open_engine
from pipeline import load_app
from pipeline.errors import UsageError
from pipeline.routing import fit
from pipeline.routing.dataset import Row, read_rows
from pipeline.routing.router import Router, open_router
from pipeline.routing.trial import worth
from scripts.console import console, day_of, finish, tell
from scripts.evaluate.forms import Work, sample_work, sgd_work
from scripts.evaluate.gate_head import examples_of_rows
from scripts.evaluate.model_figures import REVIEWS, SHOWN, Measured, Reviews, Texts, fill, gate, quote, reviews
from scripts.evaluate.results import SAMPLE, read_lines
from scripts.evaluate.tickets import TICKETS, tickets
from scripts.options import TRAVEL
from scripts.unused import refuse_unused


class Part(StrEnum):
    """What is measured of a model."""

    FORMS = "forms"
    GATE = "gate"
    QUOTES = "quotes"
    REVIEWS = "reviews"
    TICKETS = "tickets"


K = 4
"""Passages that a question is put with."""


def models(
    context: typer.Context,
    model: Annotated[list[str], typer.Option(help="A folder, GGUF file or name, http://… or vllm:NAME; repeat it.")],
    limit: Annotated[int, typer.Option(min=0, help="Rows of each part at most, drawn by --seed; 0: all.")] = 0,
    sgd: Annotated[Path | None, typer.Option(help="SGD turns, one a line, with their schema beside them.")] = None,
    intents: Annotated[Path | None, typer.Option(help="Labelled messages; a gate is fitted on half of them.")] = None,
    today: Annotated[str, typer.Option(help="The day of the sample requests.")] = "2026-11-23",
    seed: Annotated[int, typer.Option(help="Seed of what is drawn.")] = 0,
    part: Annotated[
        list[Part] | None, typer.Option(help="Only this part: forms, gate, quotes, reviews or tickets; repeat it.")
    ] = None,
) -> None:
    """Forms, gate, quoted sentence and extraction for each model, with tokens, seconds, and the cost of the grammar."""
    day, parts = day_of(today) or date.today(), frozenset(part or Part)
    for given, name, needs in ((sgd, "--sgd", Part.FORMS), (intents, "--intents", Part.GATE)):
        if given is not None and needs not in parts:
            raise UsageError(f"{name} is read by --part {needs}: name that part too, or leave {name} out.")
    if Part.FORMS not in parts:
        refuse_unused(context, "is the day of the forms: name --part forms too, or leave it out.", "today")
    if not limit and intents is None:
        refuse_unused(context, "draws what --limit leaves and the halves of --intents: give one of them.", "seed")
    for name in model:
        check_model(name, tell)
    rows = asyncio.run(_all(model, limit, sgd, intents, day, seed, parts))
    measures = list(dict.fromkeys(name for row in rows.values() for name in row if name != "parts"))
    table = Table("", *rows)
    for name in measures:
        if all(row.get(name) is None for row in rows.values()):
            continue  # of a part that was not asked for
        table.add_row(name, *[_shown(row.get(name)) for row in rows.values()])
    console.print(table)
    finish(limit=limit, models=rows)


async def _all(
    names: Sequence[str], limit: int, sgd: Path | None, intents: Path | None, day: date, seed: int, parts: Set[Part]
) -> dict[str, dict[str, Any]]:
    draw = random.Random(seed)

    def some(rows: Sequence[Any]) -> list[Any]:
        return draw.sample(list(rows), limit) if 0 < limit < len(rows) else list(rows)

    forms: dict[str, list[Work]] = {"sample": some(sample_work(day))}
    if sgd is not None:
        forms["sgd"] = some(sgd_work(sgd))
    embedder, app = Embedder(), load_app(TRAVEL)
    labels = read_lines(SAMPLE / "requests_labels.jsonl")
    texts = {row["custom_id"]: row["text"] for row in read_lines(SAMPLE / "requests.jsonl")}
    asked = some([Row(texts[one["custom_id"]], one["intent"]) for one in labels if isinstance(one["intent"], str)])
    gates = {"sample": (open_router(app, embedder, tell), asked, True)}
    if intents is not None:
        gates["intents"] = (*_halves(read_rows(intents), embedder, some, draw), False)
    read, desk = some(read_lines(REVIEWS)), some(read_lines(TICKETS))
    with tempfile.TemporaryDirectory() as folder:
        assert app.knowledge is not None
        with build_index([app.knowledge], Path(folder) / "index", embedder) as index:
            retriever = Retriever(index, embedder)
            questions = some(_questions(labels, texts, retriever))
            nearest = [retriever.best_sentence(question, passages) for question, passages, _ in questions]
            quoted = [
                best is not None and best[1].startswith(answer)
                for best, (_, _, answer) in zip(nearest, questions, strict=True)
            ]
    found: dict[str, dict[str, Any]] = {"encoder alone": {}}
    decided = {name: router.decide_all([row.text for row in rows]) for name, (router, rows, _) in gates.items()}
    for name, (_, rows, _) in gates.items() if Part.GATE in parts else ():
        pairs = zip(rows, decided[name], strict=True)
        found["encoder alone"][f"gate {name}"] = _share(sum(worth(row.intent, one) for row, one in pairs), len(rows))
    if Part.QUOTES in parts:
        found["encoder alone"]["quotes right"] = _share(sum(quoted), len(quoted))
    for model in names:
        async with open_engine(model, tell) as engine:
            measured, row = Measured(engine), dict[str, Any]()
            for name, work in forms.items() if Part.FORMS in parts else ():
                tell(f"{engine.name}: {len(work)} forms of {name}…")
                score = (await fill(measured, f"forms {name}", work, day)).figures()
                row |= {f"forms {name} {what}": score[what] for what in ("f1", "empty_kept", "whole")}
            for name, (router, rows, own) in gates.items() if Part.GATE in parts else ():
                tell(f"{engine.name}: {len(rows)} messages at the gate of {name}…")
                told = await gate(measured, router, rows, decided[name], app if own else None)
                row |= {f"gate {name}": round(told["cascade"], 4), f"gate {name}, model alone": round(told["alone"], 4)}
            if Part.QUOTES in parts:
                tell(f"{engine.name}: {len(questions)} questions…")
                row["quotes right"] = _share(await quote(measured, questions), len(questions))
            if Part.REVIEWS in parts:
                tell(f"{engine.name}: {len(read)} reviews…")
                row |= _told("reviews", await reviews(measured, "reviews", read))
                if engine.profile.layout != "copier":  # which is shown none
                    shown = await reviews(measured, "reviews shown", read, examples=SHOWN)
                    row |= _told("reviews, two shown", shown)
                row |= _told("reviews, parsed", await reviews(measured, "free", read, free=True))
                await reviews(measured, "reviews warm", read, 1.0)
            if Part.TICKETS in parts:
                tell(f"{engine.name}: {len(desk)} tickets…")
                of = await tickets(measured, desk)
                row |= {f"tickets {what}": _share(getattr(of, what), of.read) for what in ("named", "usable", "urgent")}
            found[model] = row | _costs(measured)
    return found


def _halves(rows: Sequence[Row], embedder: Embedder, some: Any, draw: random.Random) -> tuple[Router, list[Row]]:
    """A gate fitted on half of some labelled messages, and messages of the other half."""
    if len(rows) < 20:
        raise UsageError("Half of the labelled messages fit a gate: give twenty or more.")
    mixed = draw.sample(list(rows), len(rows))
    seen, unseen = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
    layers = IntentFeatures(embedder)
    fitted = fit(examples_of_rows(seen, layers), progress=tell)
    return Router(layers, fitted), some([row for row in unseen if row.intent in fitted.names])


def _questions(
    labels: Sequence[dict[str, Any]], texts: dict[str, str], retriever: Retriever
) -> list[tuple[str, list[Passage], str]]:
    """The sample's questions of policy with the passages found for them, where one of these holds the answer."""
    found = []
    for label in labels:
        if label.get("answer"):
            question = texts[label["custom_id"]]
            passages = [hit.passage for hit in retriever.search(question, K)]
            if any(one.startswith(label["answer"]) for passage in passages for one in split_sentences(passage.text)):
                found.append((question, passages, str(label["answer"])))
    return found


def _told(name: str, found: Reviews) -> dict[str, Any]:
    return {
        f"{name}: complaints found": _share(found.found, found.with_some),
        f"{name}: all of them named": _share(found.named, found.with_some),
        f"{name}: made up": _share(found.false, found.without),
        f"{name}: sentiment": _share(found.sentiment, found.read),
        f"{name}: kind": _share(found.kind, found.read),
        f"{name}: recommends": _share(found.recommends, found.read),
        f"{name}: all right but for the kind": _share(found.but_kind, found.read),
        f"{name}: all right": _share(found.right, found.read),
    }


def _costs(measured: Measured) -> dict[str, Any]:
    parts = measured.parts
    under = [texts for name, texts in parts.items() if name not in ("free", "gate")]
    some = Texts()
    bound, loose = parts.get("reviews", some), parts.get("free", some)
    fast, free = bound.speed, loose.speed
    return {
        "texts under a grammar": sum(one.written for one in under),
        "invalid": sum(one.invalid for one in under),
        "free texts": loose.written or None,
        "invalid, parsed": loose.invalid if loose.written else None,
        "prompt tokens": sum(one.prompt_tokens for one in parts.values()),
        "answer tokens": sum(one.tokens for one in parts.values()),
        "seconds": round(sum(one.seconds for one in parts.values()), 1),
        "tokens a second, grammar ÷ free": round(fast / free, 2) if free else None,
        "seconds of reviews, grammar ÷ free": _share(bound.seconds, loose.seconds),
        "parts": {name: asdict(texts) for name, texts in parts.items()},
    }


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _shown(value: object) -> str:
    return "" if value is None else str(value)
