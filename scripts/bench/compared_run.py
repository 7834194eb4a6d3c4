"""ComparedRun: one run of `interlock bench decode` or `gpu`, read from its bench.json to be compared with another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, isinf
from pathlib import Path
from typing import Any

from models.bench.throughput.load import Load
from pipeline.errors import UsageError

Place = tuple[str, Load, str]
"""(form, load, variant)."""


@dataclass(frozen=True)
class Counts:
    """`good` of `all`."""

    good: int
    all: int

    def __str__(self) -> str:
        return f"{self.good:,} of {self.all:,}"


@dataclass(frozen=True)
class Cell:
    """`figures`: metric → its value in each round; `counts`: what is counted of its answers."""

    figures: Mapping[str, list[float]]
    counts: Mapping[str, Counts]
    requests: float | None
    """Of a round, where it is told."""


@dataclass(frozen=True)
class Rate:
    """The highest rate within a service level, in requests a second. `low` and `high`: between what it lies, for the
    search ends with an interval; `shown`: as the run has it."""

    rate: float
    low: float
    high: float
    shown: str


@dataclass(frozen=True)
class ComparedRun:
    """`about`: what a figure depends on beside the code, by the names that users know; without what is not told."""

    about: Mapping[str, Any]
    cells: Mapping[Place, Cell]
    rates: Mapping[Place, Rate]

    @classmethod
    def read(cls, path: Path) -> ComparedRun:
        """From a bench.json, or the folder that has it. Raises UsageError."""
        file = path / "bench.json" if path.is_dir() else path
        try:
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            cells = {_place(cell): _cell(cell) for cell in found["cells"]}
            rates = {_place(one): _rate(one) for one in found.get("highest_request_rates", ())}
            return cls(dict(_about(found)), cells, rates)
        except OSError as error:
            raise UsageError(
                f"{file} cannot be read ({error.strerror}): name a folder of `interlock bench decode`."
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(
                f"{file} is no bench.json of `interlock bench decode`: name one of this release."
            ) from None

    def differences(self, other: ComparedRun) -> dict[str, tuple[Any, Any]]:
        """What both tell, and tell otherwise: by name, here and there."""
        found = {
            name: (value, other.about[name])
            for name, value in self.about.items()
            if name in other.about and other.about[name] != value
        }
        for place in self.cells.keys() & other.cells.keys():
            one, two = self.cells[place].requests, other.cells[place].requests
            if one and two and one != two:
                found["number of requests of a round"] = (one, two)
        return found


def _about(found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in ("model", "flags", "temperature", "output_tokens", "prompts"):
        if name in found:
            yield name, found[name]
    if "slo" in found:
        yield "service level", found["slo"]
        yield "share within it", found.get("slo_share")
    machine = found.get("machine", {})
    for name, value in machine.items():
        if name == "gpus" and value is not None:
            yield "cards", [card["name"] for card in value]
        elif name != "memory_gib":  # a machine's is told a little differently after each start
            named = {"of": "machine of", "cpu": "processor", "gpus": "cards"}.get(name, name)
            yield named, "unknown" if value is None else value
    if "servers" in found:
        yield "addresses", {name: one["url"] for name, one in found["servers"].items() if one.get("url")}


def _cell(cell: dict[str, Any]) -> Cell:
    each = {name: list(map(float, values)) for name, values in cell.get("each", {}).items()}
    each["output_throughput"] = list(map(float, cell.get("each_output_throughput") or cell["each_tok_per_s"]))
    counts: dict[str, Counts] = {}
    if cell.get("constrained"):
        counts["valid"] = Counts(cell["valid"], cell["constrained"])
    asked = cell["completed"] + cell.get("failed", 0) if "completed" in cell else 0
    if asked:
        counts["completed"] = Counts(cell["completed"], asked)
    return Cell(each, counts, asked / cell["rounds"] if asked and "rounds" in cell else None)


def _rate(one: dict[str, Any]) -> Rate:
    """`highest_request_rate` is exact to the capacity halved so often as rates were tried behind the first, "inf"; with
    all at once kept the capacity itself is the most that lasts."""
    found, capacity = one["highest_request_rate"], float(one["capacity"])
    step = capacity / 2 ** (len(one["tried"]) - 1)
    if found is None:
        return Rate(0.0, 0.0, step, "none")
    rate = float(found)
    if isinf(rate):
        return Rate(capacity, capacity, capacity, "all at once")
    return Rate(rate, rate, min(rate + step, capacity), f"{rate:g}")


def _place(row: dict[str, Any]) -> Place:
    if "concurrency" in row:  # as the first releases wrote it
        return row["form"], Load(row["concurrency"]), row["variant"]
    rate = float(row.get("request_rate", inf))  # a search's highest rate is of none
    return row["form"], Load(row["max_concurrency"], rate, row["burstiness"], row["mix"]), row["variant"]
