"""Receipt: how one answer was obtained. A reading of the journal's steps, never a second set of books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.engine import Engine
from pipeline.step import StepRow


@dataclass(frozen=True)
class Receipt:
    """Of one record. `tokens` counts prompt and completion tokens of every attempt; `seconds` is time spent in steps.

    `attempts` is the number of model calls; `recovered` names the rungs of the recovery ladder that were taken.
    `enforcement` is "grammar" or "prompted", `canary` what the proof of it said when the engine was opened.
    `contracts`: to their hashes; of a choice, to its options.
    `gate`: the last decision; `routed`: all of them, in order, if there was more than one (several parts, a wrong one).
    `shortened`: contract to characters of its scratchpad, where the prompt left no room for more.
    """

    model: str
    identity: str
    enforcement: str
    canary: str
    gate: Mapping[str, Any] | None
    routed: Sequence[Mapping[str, Any]]
    contracts: Mapping[str, str]
    shortened: Mapping[str, int]
    finish_reasons: Sequence[str]
    attempts: int
    recovered: Sequence[str]
    tokens: Mapping[str, int]
    seconds: float
    evidence: Sequence[str]
    index: str | None

    def row(self) -> dict[str, Any]:
        """Ready for JSON."""
        return dict(vars(self))


def receipt(
    steps: Sequence[StepRow], *, engine: Engine | None, decisions: Sequence[Mapping[str, Any]], index: str | None
) -> Receipt:
    """Read the steps of one record, in order, and the rows of its gate's decisions as its receipt."""
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
    )
