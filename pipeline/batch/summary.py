"""Summary: what one run of a batch did. Knows lines of results; keeps none of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.outcome import STATUSES


@dataclass(frozen=True)
class Summary:
    """What one run of a batch did. Counts cover the whole folder; seconds and `finished` this run alone.

    `engine_seconds`: wall seconds during which at least one call was with the engine. `tokens`: prompt, completion.
    """

    records: int
    finished: int
    statuses: Mapping[str, int]
    intents: Mapping[str, int]
    errors: int
    tokens: Mapping[str, int]
    attempts: int
    seconds: float
    engine_seconds: float

    def row(self) -> dict[str, Any]:
        """Ready for JSON: the last line that `interlock run` prints."""
        return asdict(self)

    @property
    def exit_code(self) -> int:
        """0 when every record reached a status without failing, 1 when some failed."""
        return 1 if self.statuses.get("failed") else 0


@dataclass
class Tally:
    """Counts over outcomes, without keeping them."""

    statuses: Counter[str] = field(default_factory=Counter)
    intents: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    attempts: int = 0

    def count(self, row: Mapping[str, Any]) -> None:
        """Count one line of results.jsonl."""
        receipt = row["receipt"]
        self.add(row["status"], row["intent"], receipt["tokens"], receipt["attempts"])

    def add(self, status: str, intent: str | None, tokens: Mapping[str, int], attempts: int) -> None:
        """Count one outcome."""
        self.statuses[status] += 1
        self.intents[intent or "undecided"] += 1
        for kind, number in tokens.items():
            self.tokens[kind] += number
        self.attempts += attempts

    def summary(self, finished: int, errors: int, seconds: float, engine_seconds: float) -> Summary:
        """The counts so far, with what the run says of itself."""
        return Summary(
            records=self.statuses.total(),
            finished=finished,
            statuses={status: self.statuses[status] for status in STATUSES},
            intents=dict(self.intents.most_common()),
            errors=errors,
            tokens={"prompt": self.tokens["prompt"], "completion": self.tokens["completion"]},
            attempts=self.attempts,
            seconds=round(seconds, 3),
            engine_seconds=round(engine_seconds, 3),
        )
