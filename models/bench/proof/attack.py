"""Attack: random completions of one contract, each with a verdict. Knows random walks; prints nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from llguidance import LLTokenizer
from pydantic import BaseModel

from models.bench.proof.random_walk import Draw, draw_budget, least_budget, random_walk
from models.bench.proof.verdict import judge
from models.grammar.grammar import Grammar

OUTCOMES = ("valid", "refused_after", "unparseable", "invalid", "over_budget")
"""What a completion can come to; the last three must never happen. See `models.bench.proof.verdict` for the others."""

_FAULTS = {"stuck": "unparseable", "undecodable": "unparseable", "over_budget": "over_budget"}
KEPT = 5


@dataclass
class Tally:
    """How many completions came to which outcome, and the first few that went wrong: outcome, reason, text.

    `beyond`: the contracts whose shortest text takes more tokens than there should be, and how many, None where none
    was found.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)
    beyond: dict[str, int | None] = field(default_factory=dict)

    @property
    def attacks(self) -> int:
        """All completions."""
        return self.outcomes.total()

    @property
    def broken(self) -> int:
        """The completions that must never happen."""
        return sum(self.outcomes[name] for name in OUTCOMES[2:])

    def add(self, outcome: str, reason: str = "", text: str = "") -> None:
        """Count one completion."""
        self.outcomes[outcome] += 1
        if outcome in OUTCOMES[2:] and len(self.wrong) < KEPT:
            self.wrong.append((outcome, reason, text))

    def merge(self, other: Tally) -> None:
        """Count what `other` has counted."""
        self.outcomes.update(other.outcomes)
        self.wrong.extend(other.wrong[: max(0, KEPT - len(self.wrong))])
        self.beyond.update(other.beyond)


def attack(
    contract: type[BaseModel],
    grammar: Grammar,
    tokenizer: LLTokenizer,
    random: Random,
    times: int,
    draw: Draw = "uniform",
    within: int | None = None,
) -> Tally:
    """Draw `times` texts under `grammar` and let `contract` judge them; `draw`: see `random_walk`.
    `within`: of its open form, each closed within a random budget up to so many tokens.

    Raises EngineError where llguidance cannot compile the grammar.
    """
    tally = Tally()
    least = None if within is None else least_budget(grammar, tokenizer)
    if within is not None and (least is None or least > within):
        tally.beyond[contract.__name__] = least
    for _ in range(times):
        walk = random_walk(grammar, tokenizer, random, draw, draw_budget(least, random, within))
        if walk.fault is not None:
            tally.add(_FAULTS[walk.fault], walk.why or walk.fault, walk.text)
            continue
        verdict, reason = judge(contract, walk.text)
        tally.add(verdict, reason, walk.text)
    return tally
