"""How a record came to its outcome, as a tree for a terminal: steps, times, attempts, evidence. Prints nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from rich.text import Text
from rich.tree import Tree

from models.contract import Contract
from pipeline.journal.journal import Journal
from pipeline.journal.rows import StepRow
from pipeline.text import short

LONG = 2_000
"""Characters of a prompt or a result that are shown."""


def record_tree(
    journal: Journal, id: str, prompts: bool = False, private: Mapping[str, type[Contract]] | None = None
) -> tuple[Tree, int]:
    """The tree of a record that was begun, and its number of steps. `prompts`: with prompts and scratchpads.

    `private`: contracts by name, of which what a model wrote is shown without their scratchpads.
    """
    input, status = journal.record(id) or ("[]", None)
    tree = Tree(Text(f"{id}: {(status or 'unfinished').replace('_', ' ')}", style="bold"))
    for role, text, *earlier in json.loads(input):
        tree.add(Text(f"{role}{' (earlier)' if earlier else ''}: {text}", style="italic"))
    for text in gate_lines(journal, id):
        tree.add(Text(text, style="magenta"))
    steps = journal.steps(id)
    branches: dict[str, Tree] = {}
    for step in sorted(steps, key=lambda step: step.position.count("/")):  # callers before what they called
        around = branches.get(step.position.rpartition("/")[0], tree)
        branches[step.position] = branch = around.add(_heading(step))
        for label, text in _facts(step, prompts, private or {}):
            branch.add(Text(f"{label}: {short(text, LONG)}", style="dim"))
    for event in journal.events(id):
        if event["event"] == "Said":
            tree.add(Text(f"told: {event['text']}", style="cyan"))
    for text in (journal.outcome(id) or {}).get("unserved", ()):
        tree.add(Text(f"not dealt with: {text}", style="yellow"))
    trace = journal.traceback(id)
    if trace:
        tree.add(Text(trace.rstrip(), style="red"))
    return tree, len(steps)


def gate_lines(journal: Journal, id: str) -> list[str]:
    """What the gate decided about a record, with probabilities, each time that it did."""
    receipt = (journal.outcome(id) or {}).get("receipt") or {}
    decisions = receipt.get("routed") or [receipt.get("gate")]
    return [
        f"gate: {decision['intent'] or decision['kind'].replace('_', ' ')}, decided by {decision['by']} ("
        + ", ".join(f"{name} {share:.1%}" for name, share in decision["candidates"])
        + ")"
        for decision in decisions
        if decision is not None
    ]


def _heading(step: StepRow) -> Text:
    told = [f"{step.seconds * 1000:.1f} ms"]
    if step.attempt > 1:
        told.append(f"try {step.attempt} ({step.detail.get('rung')})")
    if step.completion_tokens:
        told.append(f"{step.prompt_tokens} + {step.completion_tokens} tokens")
    heading = Text(f"{step.position}  {step.name}", style="bold")
    return heading.append(f"  {', '.join(told)}", style="not bold dim")


def _facts(step: StepRow, prompts: bool, private: Mapping[str, type[Contract]]) -> list[tuple[str, str]]:
    detail = step.detail
    result = step.result if prompts else _public(step, private.get(str(detail.get("contract"))))
    found = [("result", result)] if step.error is None else [("error", step.error)]
    found += [(name, detail.get(name)) for name in ("contract", "enforcement", "finish_reason", "model", "scratchpad")]
    found += [("closed at", detail.get("closed"))]
    found += [("probability left", detail.get("mass")), ("as long as it may be", ", ".join(detail.get("full", ())))]
    found += [("evidence", ", ".join(detail.get("evidence", ())))]
    if "nearest" in detail:  # a sentence that was not near enough to be quoted unasked
        floor = detail["floor"]
        told = f"quoted from {floor['quoted']}, asked about from {floor['asked']}"
        found += [("not near enough", f"{detail['nearest']} ({detail['similarity']}; {told})")]
    if prompts:
        found += [(f"prompt, {message['role']}", message["content"]) for message in detail.get("messages", ())]
        found += [("thinking", detail.get("thinking")), ("least was left after", detail.get("tight"))]
    return [(label, str(text)) for label, text in found if text not in (None, "")]


def _public(step: StepRow, contract: type[Contract] | None) -> str | None:
    """A step's result, without the scratchpads of a model's attempt."""
    if contract is None or step.result is None:
        return step.result
    attempt = json.loads(step.result)
    with suppress(ValueError):  # what a model wrote may be cut off
        said = json.loads(attempt["text"])
        attempt["text"] = json.dumps({name: said[name] for name in said if name not in contract.private_fields()})
        return str(attempt["text"]) if not attempt.get("error") else json.dumps(attempt, ensure_ascii=False)
    return str(attempt.get("error") or "")
