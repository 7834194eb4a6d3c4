"""CalibratedRouter: a fitted gate at work, one text at a time or many; and which router an app gets.

Knows encoder, model and verdict. `open_router` takes the gate that `interlock calibrate` left beside the app, if it
was made for these examples and this encoder; otherwise the app's examples are read as they are (router.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing.dataset import Row
from pipeline.routing.decision import verdict
from pipeline.routing.head import Matrix
from pipeline.routing.model import GateModel
from pipeline.routing.router import MARGIN, SHORTLIST, Decision, Encoder, Reader, Router

if TYPE_CHECKING:
    from pipeline.app import App


class CalibratedRouter:
    """See `Reader`. `layers` gives the vectors that the model was fitted on."""

    def __init__(self, model: GateModel, layers: Encoder) -> None:
        self.model = model
        self._layers = layers

    def decide(self, text: str, without: Collection[str] = ()) -> Decision:
        """See `Reader`."""
        return self.decide_all([text], without)[0]

    def decide_all(self, texts: Sequence[str], without: Collection[str] = ()) -> list[Decision]:
        """See `Reader`."""
        return self.decide_vectors(self._layers.encode(texts), without)

    def decide_vectors(self, vectors: Matrix, without: Collection[str] = ()) -> list[Decision]:
        """One decision a row of vectors that the encoder made."""
        probabilities = self.model.probabilities(vectors, without)
        return [self._decision(row.tolist()) for row in probabilities]

    def _decision(self, probabilities: Sequence[float]) -> Decision:
        found = verdict(dict(zip(self.model.names, probabilities, strict=True)), self.model.calibration)
        candidates = found.ranking[:SHORTLIST]
        if all(name != OUT_OF_SCOPE for name, _ in candidates):
            candidates += tuple(item for item in found.ranking if item[0] == OUT_OF_SCOPE)
        facts: dict[str, Any] = {"margin": found.margin, "sure": found.sure}
        if found.out:
            return Decision("out_of_scope", None, candidates, **facts)
        if found.margin < MARGIN and not found.sure:
            return Decision("ambiguous", None, candidates, **facts)
        return Decision("intent", found.best, candidates, **facts)


def open_router(app: App, embedder: Encoder, progress: Callable[[str], None] = lambda text: None) -> Reader:
    """The app's calibrated gate if there is one that fits, else a router made of its examples. Not for the event loop.

    A gate that does not fit, or cannot be read, is named to `progress` and left alone.
    """
    path = app.gate
    if path is not None and path.is_file():
        from index.embedding import Embedder
        from index.intent_features import Layers

        try:
            model = GateModel.load(path)
            if not isinstance(embedder, Embedder):
                raise UsageError(f"{path} needs the encoder that it was calibrated with.")
            layers = Layers(embedder)
            if model.examples != digest_of(examples_of(app)):
                raise UsageError(f"{path} was calibrated for other examples than the app has now.")
            if model.encoder != layers.fingerprint:
                raise UsageError(f"{path} was calibrated with another encoder than {embedder.name}.")
            return CalibratedRouter(model, layers)
        except UsageError as error:
            progress(f"{error} The gate goes by the app's examples; run interlock calibrate again to mend that.")
    return Router(app.workflows, embedder, app.out_of_scope_examples)


def examples_of(app: App) -> list[Row]:
    """What an app itself says of its intents: descriptions and examples, and what is asked in vain."""
    rows = [Row(text, flow.intent) for flow in app.workflows for text in (flow.description, *flow.examples)]
    return rows + [Row(text, OUT_OF_SCOPE) for text in app.out_of_scope_examples]


def digest_of(rows: Sequence[Row]) -> str:
    """SHA-256 of labelled messages, in any order."""
    pairs = sorted((row.intent, row.text) for row in rows)
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()
