"""RunFigures: what the records of a run come to: statuses of each intent, seconds, tokens. Reads a journal."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from typing import Any

from pipeline.intents import OUT_OF_SCOPE
from pipeline.journal.queries import Queries
from pipeline.service.record_list import UNDECIDED

EDGES = tuple(step * 10.0**power for power in range(-3, 4) for step in (1, 2, 5))
"""Seconds up to which a bar of the histogram goes: 1, 2 and 5 of each power of ten, from a millisecond on."""
SHARES = (0.5, 0.9, 0.99)


def figures(journal: Queries) -> dict[str, Any]:
    """Ready for JSON. Seconds are those in steps, as receipts have them: what a person thought about is not in them."""
    statuses: dict[str, Counter[str]] = {}
    seconds = array("d")
    tokens: Counter[str] = Counter()
    for status, intent, took, prompt, completion in journal.rows(
        "SELECT coalesce(status, 'running'), intent, json_extract(outcome, '$.receipt.seconds'),"
        " json_extract(outcome, '$.receipt.tokens.prompt'), json_extract(outcome, '$.receipt.tokens.completion')"
        " FROM records"
    ):
        declined = status == "completed" and intent == OUT_OF_SCOPE
        statuses.setdefault(intent or UNDECIDED, Counter())["declined" if declined else status] += 1
        if took is not None:
            seconds.append(took)
            tokens["prompt"] += prompt or 0
            tokens["completion"] += completion or 0
    intents = sorted(statuses.items(), key=lambda one: (-one[1].total(), one[0]))
    return {
        "intents": [{"intent": intent, "records": found.total(), "statuses": found} for intent, found in intents],
        "seconds": _spread(sorted(seconds)),
        "tokens": {kind: tokens[kind] for kind in ("prompt", "completion")},
    }


def _spread(seconds: list[float]) -> dict[str, Any]:
    """Percentiles (nearest rank), and how many fall between two edges: from the first bar that has any to the last."""
    ranks = {f"p{100 * share:g}": seconds[int(share * (len(seconds) - 1))] if seconds else None for share in SHARES}
    found = Counter(bisect_left(EDGES, one) for one in seconds)
    bars = [
        {
            "from": EDGES[place - 1] if place else 0.0,
            "to": EDGES[place] if place < len(EDGES) else None,
            "records": found[place],
        }
        for place in (range(min(found), max(found) + 1) if found else ())
    ]
    return {**ranks, "most": seconds[-1] if seconds else None, "bars": bars}


NO_FIGURES: dict[str, Any] = {"intents": [], "seconds": _spread([]), "tokens": {"prompt": 0, "completion": 0}}
"""Of a run of which no record was begun."""
