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
    evidence = [passage for step in calls for passage in step.detail.get("evidence", ())]
    return Receipt(
        model=engine.name if engine else "none",
        identity=engine.identity if engine else "none",
        enforcement=engine.enforcement if engine else "none",
        canary=str(engine.canary or "not run") if engine else "none",
        gate=decisions[-1] if decisions else None,
        routed=decisions if len(decisions) > 1 else (),
        contracts={
            str(name): str(value)
            for step in calls
            for name, value in {**step.detail.get("also", {}), step.detail["contract"]: step.detail["hash"]}.items()
        },
        checked={str(step.detail["contract"]): step.detail["checked"] for step in calls if "checked" in step.detail},
        shortened={
            str(step.detail["contract"]): step.detail["scratchpad"] for step in calls if "scratchpad" in step.detail
        },
        finish_reasons=[str(step.detail["finish_reason"]) for step in calls],
        attempts=len(calls),
        recovered=[str(step.detail["rung"]) for step in calls if step.detail.get("rung")],
        tokens={
            "prompt": sum(step.prompt_tokens for step in calls),
            "completion": sum(step.completion_tokens for step in calls),
        },
        seconds=round(sum(step.seconds for step in steps), 4),
        evidence=list(dict.fromkeys(evidence)),
        index=index,
        closed={str(step.detail["contract"]): step.detail["closed"] for step in calls if "closed" in step.detail},
        own_seconds=_own(steps),
        dtype=dtype_of(engine),
        mass=min((float(step.detail["mass"]) for step in calls if "mass" in step.detail), default=None),
        full=[f"{step.detail['contract']}.{field}" for step in calls for field in step.detail.get("full", ())],
        unserved=unserved,
        unsaid=[f"{step.detail['contract']}.{field}" for step in calls for field in step.detail.get("unsaid", ())],
        unread={
            f"{step.detail['contract']}.{field}": words
            for step in calls
            for field, words in step.detail.get("unread", {}).items()
        },
    )


def _own(steps: Sequence[StepRow]) -> float | None:
    """Seconds in steps without those in which others were served; None where no engine tells them apart."""
    told = [step.detail for step in steps if "own_seconds" in step.detail]
    if not told:
        return None
    waited = sum(float(detail["engine_seconds"]) - float(detail["own_seconds"]) for detail in told)
    return round(max(sum(step.seconds for step in steps) - waited, 0.0), 4)
