"""Costs: what a wrong action and a question are worth to an app, from which the gate knows when to ask."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.errors import UsageError


@dataclass(frozen=True)
class Costs:
    """`wrong`: of serving a message as something else than it is; `asking`: of a question to the customer. In any unit.

    With these defaults two intents of which nothing else is known are asked about where they are less than 0.2 apart in
    probability. A workflow whose actions are dangerous names its own: `@workflow(…, wrong=50)`. Raises UsageError.
    """

    wrong: float = 2.5
    asking: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (("wrong", self.wrong), ("asking", self.asking)):
            if not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
                raise UsageError(f"The cost of {name} is {value!r}: give a number above 0.")

    def doubt(self, wrong: float | None = None) -> float:
        """The least probability of the runner-up at which asking is cheaper; `wrong`: an intent's own cost."""
        return self.asking / (self.wrong if wrong is None else wrong)
