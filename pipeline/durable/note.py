"""Note: what a step adds to its journal entry while it runs. Knows no journal, and not what the step does."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from pipeline.durable.positions import Call
from pipeline.journal.rows import StepRow


@dataclass
class Note:
    """What a step may add to its journal entry beside its result. Make it when the step begins.

    `started` is Unix time, `clock` seconds of a clock that is never set back.
    """

    attempt: int = 1
    prompt_tokens: int = 0
    completion_tokens: int = 0
    detail: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    clock: float = field(default_factory=time.perf_counter)

    def row(self, call: Call, result: str | None, error: str | None) -> StepRow:
        """The entry of a call that has ended now. `result` and `error` are JSON."""
        return StepRow(
            call.position,
            call.name,
            call.digest,
            call.occurrence,
            result,
            error,
            self.attempt,
            self.prompt_tokens,
            self.completion_tokens,
            self.started,
            time.perf_counter() - self.clock,
            self.detail,
        )
