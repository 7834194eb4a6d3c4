"""`interlock calibrate`: fit an app's gate, with its thresholds, on labelled messages, and keep it beside the app."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from index import Embedder
from index.intent_features import IntentFeatures
from index.weights import DEFAULT_ENCODER
from pipeline import App, load_app
from pipeline.errors import UsageError
from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing import fit
from pipeline.routing.dataset import Row, read_rows
from pipeline.routing.evaluation import Judged, figures
from pipeline.routing.fitting import folds_of
from pipeline.routing.headway import Headway
from pipeline.routing.router import Router, digest_of, examples_of
from scripts import options
from scripts.calibrate_model import keep_trial, try_model
from scripts.console import finish, tell
from scripts.evaluate.gate_head import chosen_head, examples_of_rows, tell_near
from scripts.evaluate.gate_report import judged_of, report
from scripts.unused import refuse_unused


def calibrate(
    context: typer.Context,
    data: Annotated[
        Path | None, typer.Option(help='Labelled messages, {"text": …, "intent": …} a line; needed without --model.')
    ] = None,
    app: options.App = options.TRAVEL,
    model: Annotated[
        str, typer.Option(help="Put this model to its trial: it may choose if it beats the encoder, held out.")
    ] = "",
    limit: Annotated[int, typer.Option(min=0, help="Ask --model about so many messages at most; 0: all.")] = 200,
    encoder: Annotated[
        str, typer.Option(help="What reads the messages, a sentence-transformers model: name or folder.")
    ] = DEFAULT_ENCODER,
    precision: Annotated[
        float | None,
        typer.Option(min=0.5, max=1.0, help="Wanted share of right decisions where the encoder decides alone."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Where to keep the gate; default: beside the app.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Reliability diagram; default: beside the gate, as PNG.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the parts that are held out.")] = 0,
) -> None:
    """Fit an app's gate on its examples and labelled messages; the figures are of messages held out in turn.

    With --model, the model's trial: without --data on the app's own examples, and the gate stays as it is.
    """
    if not model:
        refuse_unused(context, "is how many messages a --model is asked about: name one, or leave it out.", "limit")
    loaded = load_app(app)
    if data is None:
        if not model:
            raise UsageError("There is nothing to calibrate on: name labelled messages with --data, or a --model.")
        why = "is about the gate, which --model alone leaves as it is: give --data, too."
        refuse_unused(context, why, "encoder", "precision", "out", "plot")
        finish(**_trial(loaded, model, [], Embedder(), seed, limit))
        return
    path = out or loaded.gate
    if path is None:
        raise UsageError(f"{app} has no folder to keep a gate in: name a file with --out.")
    own, labelled = examples_of(loaded), read_rows(data)
    known = {flow.intent for flow in loaded.workflows} | {OUT_OF_SCOPE}
    for number, row in enumerate(labelled, 1):
        if row.intent not in known:
            raise UsageError(
                f"Row {number} of {data} is for '{row.intent}', which is no intent of '{loaded.name}': it has"
                f" {', '.join(sorted(known))}."
            )
    rows = [*own, *labelled]
    labels = [row.intent for row in rows]
    from sklearn.model_selection import StratifiedKFold  # takes a second, and only this command needs it

    embedder = Embedder(encoder)
    layers = IntentFeatures(embedder)
    tell(f"Reading {len(rows)} messages…")
    examples = examples_of_rows(rows, layers)
    choice = chosen_head(examples, seed)
    smallest = min(labels.count(label) for label in set(labels))
    if smallest < 2:
        refuse_unused(context, "draws messages held out: give each intent two examples or more.", "plot")
    judged: list[Judged] = []
    if smallest >= 2:
        count = min(folds_of(len(rows)), smallest)
        parts = StratifiedKFold(count, shuffle=True, random_state=seed)
        headway = Headway(tell, count + 1)  # each part takes about as long as the gate itself, which comes last
        for number, (seen, unseen) in enumerate(parts.split(examples.vectors, labels), 1):
            headway.step(f"Proof, part {number} of {count}")
            part = fit(examples.some(seen), choice, precision=precision, costs=loaded.costs, seed=seed)
            decisions = Router(layers, part, loaded.costs, loaded.workflows).decide_vectors(examples.vectors[unseen])
            judged += [
                judged_of(rows[n], decision, decision.sure) for n, decision in zip(unseen, decisions, strict=True)
            ]
    told = figures(judged) if judged else {}
    if judged:
        told |= report(judged, plot or path.with_suffix(".png"), f"{loaded.name}, held out", precision)
    told |= {"head": str(choice)}
    fitted = fit(
        examples,
        choice,
        encoder=layers.fingerprint,
        precision=precision,
        costs=loaded.costs,
        seed=seed,
        progress=tell,
    )
    told |= tell_near(fitted)
    replace(fitted, examples=digest_of(own), figures=told, encoder_name=embedder.weights.place).save(path)
    tell(f"The gate is kept in {path}.")
    finish(gate=str(path), **told, **(_trial(loaded, model, labelled, embedder, seed, limit) if model else {}))


def _trial(
    app: App, model: str, labelled: Sequence[Row], embedder: Embedder, seed: int, limit: int
) -> dict[str, object]:
    """The trial of a model, kept beside the app, as the command's last line tells it."""
    tried = asyncio.run(try_model(app, model, labelled, embedder, seed=seed, limit=limit))
    keep_trial(app, tried.trial)
    return {"trial": {**asdict(tried.trial), "trusted": tried.trial.won}, "tokens": tried.tokens}
