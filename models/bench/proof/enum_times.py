"""EnumTimes: what an enum of many values takes, from the schema to its first mask. Knows how such schemas look."""

from __future__ import annotations

from random import Random
from statistics import median
from string import ascii_lowercase
from typing import Any, Literal

from models.bench.proof.rivals import rival_report
from models.bench.proof.schema_report import check_schema
from models.bench.proof.schema_trial import Case, Rival, Trial

Where = Literal["whole", "property"]
PLACES: tuple[Where, ...] = ("whole", "property")
"""The enum is the whole schema, or that of the only property of an object."""

_LENGTHS = 4, 24
_DRAWS = 3
"""Each time other values: those of the time before are compiled already."""


def enum_seconds(values: int, where: Where, rival: Rival | None = None, seed: int = 0) -> float:
    """Seconds of a processor, the median of `_DRAWS`, for an enum of so many texts drawn from `seed`; of ours, or what
    `rival` takes."""
    seconds = []
    for draw in range(_DRAWS):
        case = Case(f"{values} values", _schema(values, where, Random(f"{seed} {draw} {where}")), [])
        report = check_schema(case, Trial(attacks=0)) if rival is None else rival_report(rival, case)
        seconds.append(report.seconds)
    return median(seconds)


def _schema(values: int, where: Where, random: Random) -> dict[str, Any]:
    found: dict[str, None] = {}
    while len(found) < values:
        found["".join(random.choices(ascii_lowercase + " -", k=random.randint(*_LENGTHS)))] = None
    enum = {"type": "string", "enum": list(found)}
    if where == "whole":
        return enum
    return {"type": "object", "properties": {"a": enum}, "required": ["a"], "additionalProperties": False}
