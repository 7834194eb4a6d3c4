"""`interlock calibrate --model`: a model's trial at an app's gate, on messages that the encoder had not seen either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from index import Embedder
from index.intent_features import IntentFeatures
from models.engines.engine import Engine
from models.engines.open_engine import check_model, open_engine
from pipeline import App
from pipeline.errors import UsageError
from pipeline.routing import fit
from pipeline.routing.dataset import Row
from pipeline.routing.decision import Decision
from pipeline.routing.example_model import ExampleModel
from pipeline.routing.gate import concluded
from pipeline.routing.opinion import opinions
from pipeline.routing.router import IntentModel, Router, examples_of, open_router
from pipeline.routing.trial import Trial, keep, tried
from pipeline.runtime.trust import told_to
from scripts.console import tell
from scripts.evaluate.gate_head import chosen_head, examples_of_rows
from scripts.progress import progress_bar

PARTS = 5


@dataclass(frozen=True)
class Tried:
    """A trial and its cost: tokens of prompts and answers, and seconds of calls, waiting for each other included."""

    trial: Trial
    tokens: int
    seconds: float


async def try_model(
    app: App, model: str, labelled: Sequence[Row], embedder: Embedder, *, seed: int = 0, limit: int = 0
) -> Tried:
    """Measure a model against the encoder on the app's examples and labelled messages, each held out in turn.

    `limit`: unsure messages that the model is asked about at most, drawn by `seed`; 0: all. UsageError where an
    intent has but one message. Raises as `open_engine`.
    """
    check_model(model, tell)
    rows = [*examples_of(app), *labelled]
    decided = held_out(app, rows, embedder, seed, fitted=bool(labelled))
    unsure = [one for one in decided if not one.decision.sure]
    if limit:
        unsure = Random(seed).sample(unsure, min(limit, len(unsure)))
    async with open_engine(model, tell) as engine:
        return await _tried(app, engine, len(rows), unsure)


def keep_trial(app: App, trial: Trial) -> None:
    """Keep a trial beside the app. UsageError for an app without a place."""
    if app.trials is None:
        raise UsageError(f"{app.name} has no folder to keep a trial in: load the app from a file or a package.")
    try:
        keep(trial, app.trials)
    except OSError as error:
        raise UsageError(
            f"{app.trials} cannot be written ({error.strerror}): give the app trials=Path(…) where it can."
        ) from error
    tell(f"{trial} That is kept in {app.trials}.")


@dataclass(frozen=True)
class HeldOut:
    """A message with the decision of a router that had not seen it."""

    row: Row
    decision: Decision
    router: Router


def held_out(app: App, rows: Sequence[Row], embedder: Embedder, seed: int, fitted: bool) -> list[HeldOut]:
    """Each message with the decision of an encoder's model that was made without it.

    `fitted`: as `interlock calibrate` makes it; else as the app's gate is now.
    """
    from sklearn.model_selection import StratifiedKFold  # takes a second, and only this command needs it

    labels = [row.intent for row in rows]
    smallest = min(labels.count(label) for label in set(labels))
    if smallest < 2:
        raise UsageError("A model's trial holds messages out: give each intent two examples or more.")
    layers = IntentFeatures(embedder)
    if not fitted:
        router = open_router(app, embedder, tell)
        fitted = router.calibrated
        if isinstance(router.encoder, IntentFeatures):  # which need not be the one at hand
            layers = router.encoder
    encoder = layers if fitted else embedder
    tell(f"Reading {len(rows)} messages…")
    examples = examples_of_rows(rows, layers) if fitted else None
    choice = None if examples is None else chosen_head(examples, seed)
    vectors = encoder.encode([row.text for row in rows]) if examples is None else examples.vectors
    decided: list[HeldOut] = []
    parts = StratifiedKFold(min(PARTS, smallest), shuffle=True, random_state=seed)
    for seen, unseen in parts.split(vectors, labels):
        part: IntentModel = (
            ExampleModel([rows[n] for n in seen], vectors[seen])
            if examples is None
            else fit(examples.some(seen), choice, costs=app.costs, seed=seed)
        )
        router = Router(encoder, part, app.costs, app.workflows)
        decisions = router.decide_vectors(vectors[unseen])
        decided += [HeldOut(rows[n], decision, router) for n, decision in zip(unseen, decisions, strict=True)]
    return decided


async def _tried(app: App, engine: Engine, messages: int, unsure: Sequence[HeldOut]) -> Tried:
    if engine.enforcement != "grammar":
        raise UsageError(f"{engine.name} takes no grammars, so that nothing tells how likely it finds an intent.")
    with progress_bar() as progress:
        bar = progress.add_task(f"Asking {engine.name}", total=len(unsure))
        heard = await opinions(
            engine, [(one.row.text, one.decision) for one in unsure], app, advance=lambda: progress.advance(bar)
        )
    decided = []
    for one, opinion in zip(unsure, heard, strict=True):
        alone = both = one.decision
        if opinion.shares:  # else every intent was ruled out
            both = concluded(alone, dict(alone.candidates), opinion.shares, one.router.margin)
            alone = concluded(alone, {}, opinion.shares, one.router.margin)
        decided.append((one.row.intent, one.decision, both, alone))
    trial = tried(engine.name, engine.identity, told_to(app, engine.profile), messages, decided)
    return Tried(trial, sum(one.tokens for one in heard), round(sum(one.seconds for one in heard), 2))
