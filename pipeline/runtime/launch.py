"""Launch: how a run is started, as a command's options say it. Opens nothing; stands in the folder's manifest, so that
later commands open the same again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.engines.engine import Enforcement
from pipeline.errors import UsageError
from pipeline.generation.engine_client import waits_of
from pipeline.routing.gate import Mode
from pipeline.runtime.concurrency import START

Concurrency = int | Literal["auto"]


@dataclass(frozen=True)
class Launch:
    """Names are as the commands take them: `app` as for `load_app`, `model` and `second` as for `open_engine`.

    `app` is empty for a run that a program started with an app and engines of its own. `index` is a folder that is only
    read; None: the app's own, kept among the results. `gate`: who decides at the gate. `trust`: whether the model may
    choose; None: if it has won its trial. `thinking`: tokens that a reasoning model may think. `concurrency`: records
    under way at once; "auto" follows the servers' queues. `wait`: seconds to wait for an engine that is away. `ray` and
    `shards`: which cluster serves how many shards, if any.
    """

    app: str = ""
    model: str = ""
    second: str = ""
    index: str | None = None
    enforcement: Enforcement = "grammar"
    gate: Mode = "cascade"
    thinking: int | None = None
    concurrency: Concurrency = START
    seed: int = 0
    ray: str = ""
    shards: int = 0
    wait: float = 180.0
    trust: bool | None = None

    def __post_init__(self) -> None:
        if self.gate == "model" and self.trust is False:
            raise UsageError("--gate model lets the model choose, and --no-trust does not: leave one of them out.")

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the engines to open, in the order in which they are asked."""
        return tuple(name for name in (self.model, self.second) if name)

    @property
    def waits(self) -> tuple[float, ...]:
        """Seconds between two tries while an engine does not answer."""
        return waits_of(self.wait)
