"""Router: which workflow a request is for, or that none is, or that two may be.

Knows an encoder and a model by what they give. `open_router` takes the gate that `interlock calibrate` left beside the
app, if it was made for these examples and this encoder; otherwise one that is fitted on the app's examples.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipeline.costs import Costs
from pipeline.errors import UsageError
from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing.calibration import plain_margin
from pipeline.routing.dataset import Row
from pipeline.routing.decision import Decision, Verdict
from pipeline.routing.example_model import ExampleModel
from pipeline.routing.head import Matrix
from pipeline.routing.model import GateModel
from pipeline.workflow import Workflow

if TYPE_CHECKING:
    from pipeline.app import App


class Encoder(Protocol):
    """What the router needs of index.Embedder, or of index.intent_features.IntentFeatures."""

    def encode(self, texts: Sequence[str]) -> Matrix:
        """One unit vector a text, shape (len(texts), d)."""


class IntentModel(Protocol):
    """What reads an encoder's vectors: a calibrated GateModel, or an ExampleModel."""

    @property
    def names(self) -> tuple[str, ...]:
        """The intents that it knows; out of scope is among them if there are such examples."""

    def verdicts(self, vectors: Matrix, without: Collection[str] = ()) -> list[Verdict]:
        """One a row of vectors (m, d); `without`: intents that are ruled out."""


class Router:
    """An encoder and a model that was fitted on its vectors. Not for the event loop: call it in a thread."""

    def __init__(
        self, encoder: Encoder, model: IntentModel, costs: Costs | None = None, workflows: Sequence[Workflow] = ()
    ) -> None:
        """`costs` and the `workflows`' own say when a close call is worth a question."""
        self.model = model
        self.encoder = encoder
        self._costs = costs or Costs()
        self._wrong = {flow.intent: flow.wrong for flow in workflows}

    @classmethod
    def of_examples(
        cls,
        workflows: Sequence[Workflow],
        encoder: Encoder,
        off_topic: Sequence[str] = (),
        costs: Costs | None = None,
    ) -> Router:
        """One that is fitted on examples here and now. Not for the event loop."""
        rows = rows_of(workflows, off_topic)
        return cls(encoder, ExampleModel(rows, encoder.encode([row.text for row in rows])), costs, workflows)

    @property
    def calibrated(self) -> bool:
        """Whether its thresholds were fitted on held-out messages."""
        return isinstance(self.model, GateModel)

    def margin(self, intent: str) -> float:
        """The least lead of an intent over the next that is no close call: learnt, where the gate is calibrated."""
        doubt = self._costs.doubt(self._wrong.get(intent))
        return self.model.calibration.margin(doubt) if isinstance(self.model, GateModel) else plain_margin(doubt)

    def decide(self, text: str, without: Collection[str] = ()) -> Decision:
        """Which intent a text is for; `without`: intents that are ruled out."""
        return self.decide_all([text], without)[0]

    def decide_all(self, texts: Sequence[str], without: Collection[str] = ()) -> list[Decision]:
        """As `decide`, one decision a text; they are encoded together, which takes less time."""
        return self.decide_vectors(self.encoder.encode(texts), without)

    def decide_vectors(self, vectors: Matrix, without: Collection[str] = ()) -> list[Decision]:
        """One decision a row of vectors that the encoder made."""
        return [verdict.decision(self.margin(verdict.best)) for verdict in self.model.verdicts(vectors, without)]


def open_router(app: App, embedder: Encoder, progress: Callable[[str], None] = lambda text: None) -> Router:
    """The app's calibrated gate if there is one that fits, else a router made of its examples. Not for the event loop.

    A gate goes by the encoder that it was calibrated with, which is opened where `embedder` is another. One that does
    not fit, or cannot be read, is named to `progress` and left alone.
    """
    path = app.gate
    if path is not None and path.is_file():
        from index.errors import EncoderError

        try:
            model = GateModel.load(path)
            if model.examples != digest_of(examples_of(app)):
                raise UsageError(f"{path} was calibrated for other examples than the app has now.")
            return Router(_layers_of(model, embedder, path), model, app.costs, app.workflows)
        except (UsageError, EncoderError) as error:
            progress(f"{error} The gate goes by the app's examples; run interlock calibrate again to mend that.")
    return Router.of_examples(app.workflows, embedder, app.out_of_scope_examples, app.costs)


def _layers_of(model: GateModel, embedder: Encoder, path: Path) -> Encoder:
    """The encoder that a gate was calibrated with: the one at hand, or its own. UsageError, EncoderError if neither."""
    from index.embedding import Embedder
    from index.intent_features import IntentFeatures

    layers = IntentFeatures(embedder) if isinstance(embedder, Embedder) else None
    if layers is None or layers.fingerprint != model.encoder:
        layers = IntentFeatures(Embedder(model.encoder_name))
        if layers.fingerprint != model.encoder:
            raise UsageError(f"{path} was calibrated with another encoder than {model.encoder_name} is now.")
    return layers


def examples_of(app: App) -> list[Row]:
    """What an app itself says of its intents: descriptions and examples, and what is asked in vain."""
    return rows_of(app.workflows, app.out_of_scope_examples)


def rows_of(workflows: Sequence[Workflow], off_topic: Sequence[str]) -> list[Row]:
    """Labelled messages in the order of the workflows, those that are out of scope last."""
    rows = [Row(text, flow.intent) for flow in workflows for text in (flow.description, *flow.examples)]
    return rows + [Row(text, OUT_OF_SCOPE) for text in off_topic]


def digest_of(rows: Sequence[Row]) -> str:
    """SHA-256 of labelled messages, in any order."""
    pairs = sorted((row.intent, row.text) for row in rows)
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()
