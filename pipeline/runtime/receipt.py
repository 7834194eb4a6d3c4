"""Receipt: how one answer was obtained. A reading of the journal's steps, never a second set of books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.engines.engine import Engine, dtype_of
from pipeline.journal.rows import StepRow
from pipeline.outcome import Receipt


def receipt(
    steps: Sequence[StepRow],
    *,
    engine: Engine | None,
    decisions: Sequence[Mapping[str, Any]],
    index: str | None,
    unserved: Sequence[str] = (),
) -> Receipt:
    """Read the steps of one record, in order, the rows of its gate's decisions and what it left, as its receipt."""
    calls = [step for step in steps if "finish_reason" in step.detail]
    contracts: dict[str, str] = {}
    checked: dict[str, Sequence[str]] = {}
    shortened: dict[str, int] = {}
    closed: dict[str, str] = {}
    full: list[str] = []
    unsaid: list[str] = []
    unread: dict[str, str] = {}
    for detail in (step.detail for step in calls):
        name = str(detail["contract"])
        contracts |= {str(also): str(value) for also, value in detail.get("also", {}).items()}
        contracts[name] = str(detail["hash"])
        for key, told in (("checked", checked), ("scratchpad", shortened), ("closed", closed)):
            if key in detail:
                told[name] = detail[key]
        full += [f"{name}.{field}" for field in detail.get("full", ())]
        unsaid += [f"{name}.{field}" for field in detail.get("unsaid", ())]
        unread |= {f"{name}.{field}": words for field, words in detail.get("unread", {}).items()}
    return Receipt(
        model=engine.name if engine else "none",
        identity=engine.identity if engine else "none",
        enforcement=engine.enforcement if engine else "none",
        canary=str(engine.canary or "not run") if engine else "none",
        gate=decisions[-1] if decisions else None,
        routed=decisions if len(decisions) > 1 else (),
        contracts=contracts,
        checked=checked,
        shortened=shortened,
        finish_reasons=[str(step.detail["finish_reason"]) for step in calls],
        attempts=len(calls),
        recovered=[str(step.detail["rung"]) for step in calls if step.detail.get("rung")],
        tokens={
            "prompt": sum(step.prompt_tokens for step in calls),
            "completion": sum(step.completion_tokens for step in calls),
        },
        seconds=round(sum(step.seconds for step in steps), 4),
        evidence=list(dict.fromkeys(passage for step in calls for passage in step.detail.get("evidence", ()))),
        index=index,
        closed=closed,
        own_seconds=_own(steps),
        dtype=dtype_of(engine),
        mass=min((float(step.detail["mass"]) for step in calls if "mass" in step.detail), default=None),
        full=full,
        unserved=unserved,
        unsaid=unsaid,
        unread=unread,
    )


def _own(steps: Sequence[StepRow]) -> float | None:
    """Seconds in steps without those in which others were served; None where no engine tells them apart."""
    told = [step.detail for step in steps if "own_seconds" in step.detail]
    if not told:
        return None
    waited = sum(float(detail["engine_seconds"]) - float(detail["own_seconds"]) for detail in told)
    return round(max(sum(step.seconds for step in steps) - waited, 0.0), 4)
