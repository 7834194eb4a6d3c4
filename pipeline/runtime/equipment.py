"""Equipment: what an app is served with, opened. Knows neither how it was opened nor when it is closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.engines.engine import Engine
from pipeline.routing.router import Encoder
from pipeline.runtime.telemetry import Telemetry

if TYPE_CHECKING:
    from index.retriever import Retriever


@dataclass(frozen=True)
class Equipment:
    """All of it may be missing: an app whose workflows generate nothing needs no engine.

    `second` is asked where the engine's answers break a rule; `embedder` tells several workflows apart; `telemetry`
    takes each record's spans.
    """

    engine: Engine | None = None
    second: Engine | None = None
    embedder: Encoder | None = None
    retriever: Retriever | None = None
    telemetry: Telemetry | None = None
