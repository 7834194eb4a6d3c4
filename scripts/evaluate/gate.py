"""`interlock evaluate gate`: what a gate's decisions are worth on labelled messages, and what they cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from index import Embedder
from index.intent_features import IntentFeatures
from index.weights import DEFAULT_ENCODER
from models.engines.open_engine import check_model, open_engine
from pipeline import App, load_app
from pipeline.errors import UsageError
from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing import GateModel, fit
from pipeline.routing.dataset import Row, read_rows
from pipeline.routing.decision import Decision
from pipeline.routing.evaluation import figures
from pipeline.routing.gate import concluded
from pipeline.routing.opinion import Opinion, opinions
from pipeline.routing.router import Router, open_router
from scripts.console import finish, tell
from scripts.evaluate.gate_head import chosen_head, examples_of_rows, tell_near
from scripts.evaluate.gate_report import judged_of, report
from scripts.options import TRAVEL
from scripts.progress import progress_bar
from scripts.unused import refuse_unused

TOGETHER = 1_024
"""Messages that are decided at once: enough to be put in order by length, few enough to tell how far it is."""
SINGLES = 40
"""Messages decided one at a time to measure how long that takes, after as many that do not count."""


def gate(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help='Labelled messages, {"text": …, "intent": …} a line.')],
    fit_on: Annotated[
        Path | None, typer.Option("--fit", help="Fit a gate on these, thresholds included; default: the app's own.")
    ] = None,
    app: Annotated[str, typer.Option(help="Without --fit: module, or file.py, with `app = App(…)`.")] = TRAVEL,
    gate: Annotated[
        Literal["cascade", "encoder", "model"], typer.Option(help="Who decides: encoder, then model; or one of them.")
    ] = "cascade",
    model: Annotated[
        str, typer.Option(help="Asked where the encoder is not sure; without it, calls are counted.")
    ] = "",
    encoder: Annotated[
        str, typer.Option(help="What reads the messages with --fit, a sentence-transformers model: name or folder.")
    ] = DEFAULT_ENCODER,
    precision: Annotated[
        float | None,
        typer.Option(min=0.5, max=1.0, help="Wanted share of right decisions where the encoder decides alone."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the parts that are held out.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Save a reliability diagram here, as PNG.")] = None,
) -> None:
    """Accuracy, out-of-scope recall, calibration and speed of a gate on labelled messages."""
    if gate == "model" and not model:
        raise UsageError("--gate model needs a model: name one with --model.")
    if gate == "encoder":
        refuse_unused(context, "is asked nothing with --gate encoder: leave out one of them.", "model")
    if fit_on is None:
        refuse_unused(context, "draws the parts of --fit: leave it out, or fit a gate.", "seed")
        why = "is for --fit: an app's gate goes by the encoder that it was calibrated with."
        refuse_unused(context, why, "encoder")
    else:
        refuse_unused(context, "is not looked at with --fit, which makes a gate of its own: leave out one.", "app")
    rows = read_rows(data)
    if model:
        check_model(model, tell)
    embedder = Embedder(encoder)
    layers = IntentFeatures(embedder)
    if fit_on is not None:
        fitted = fitted_on(read_rows(fit_on), layers, precision, seed)
        router = Router(layers, fitted)
    else:
        router = open_router(load_app(app), embedder, tell)
    known = {*router.model.names, OUT_OF_SCOPE}
    unknown = sorted({row.intent for row in rows} - known)
    if unknown:
        count = sum(row.intent not in known for row in rows)
        tell(f"What is for an intent that this gate does not know counts as wrong ({count}): {', '.join(unknown)}.")
    tell(f"Deciding {len(rows)} messages…")
    texts = [row.text for row in rows]
    started, computed = time.perf_counter(), time.process_time()
    decisions: list[Decision] = []
    with progress_bar() as bar:
        task = bar.add_task("Deciding", total=len(texts))
        for start in range(0, len(texts), TOGETHER):
            decisions += router.decide_all(texts[start : start + TOGETHER])
            bar.update(task, completed=len(decisions))
    seconds, cores = time.perf_counter() - started, time.process_time() - computed
    singles = [_timed(router, text) for text in islice(cycle(texts), 2 * SINGLES)][SINGLES:]
    unsure = [number for number, decision in enumerate(decisions) if gate != "encoder" and not decision.sure]
    alone = [decision.sure or gate == "encoder" for decision in decisions]
    if gate == "model":
        unsure, alone = list(range(len(rows))), [False] * len(rows)
    calls = len(unsure)
    first_judged = [judged_of(row, decision, by) for row, decision, by in zip(rows, decisions, alone, strict=True)]
    if model and unsure:
        always, own = gate == "model", None if fit_on else load_app(app)
        asked = asyncio.run(_asked(model, [(texts[n], decisions[n]) for n in unsure], own, always))
        for number, opinion in zip(unsure, asked, strict=True):
            first = {} if always else dict(decisions[number].candidates)
            if opinion.shares:
                decisions[number] = concluded(decisions[number], first, opinion.shares, router.margin)
            else:  # nothing was left to choose from
                calls -= 1
    judged = [judged_of(row, decision, by) for row, decision, by in zip(rows, decisions, alone, strict=True)]
    told = report(judged, plot, data.name, precision, first_judged)
    finish(
        **figures(judged),
        **told,
        unknown_intents=unknown,
        model_calls=calls,
        model_asked=bool(model),
        gate=gate,
        decisions_per_second=round(len(rows) / max(seconds, 1e-9), 1),
        decisions_per_core_second=round(len(rows) / max(cores, 1e-9), 1),  # tells the same on a busy machine
        p50_ms=round(1000 * float(np.median(singles)), 2),
    )


async def _asked(model: str, asked: Sequence[tuple[str, Decision]], app: App | None, always: bool) -> list[Opinion]:
    async with open_engine(model, tell) as engine:
        return await opinions(engine, asked, app, always)


def fitted_on(rows: Sequence[Row], layers: IntentFeatures, precision: float | None, seed: int) -> GateModel:
    """A gate fitted on labelled messages. UsageError if they hold no intent."""
    labels = [row.intent for row in rows]
    if not set(labels) - {OUT_OF_SCOPE}:
        raise UsageError("There is nothing to fit a gate on: every message is out of scope.")
    tell(f"Reading {len(rows)} labelled messages…")
    examples = examples_of_rows(rows, layers)
    choice = chosen_head(examples, seed)
    model = fit(examples, choice, encoder=layers.fingerprint, precision=precision, seed=seed, progress=tell)
    tell_near(model)
    return model


def _timed(router: Router, text: str) -> float:
    started = time.perf_counter()
    router.decide(text)
    return time.perf_counter() - started
