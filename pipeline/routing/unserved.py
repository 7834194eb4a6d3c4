"""Unserved: the clauses of a message that ask for something else than what was served; none is dropped in silence.

Knows clauses and what the gate makes of each. A message is cut only where the gate is sure (multi_intent.py); what is
found here is no more than told, so that less is enough, and still a story, a number or a thank-you is no wish.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing.decision import Decision
from pipeline.routing.multi_intent import LEAST_WORDS, fine_clauses

STATED = 0.7, 0.42
"""Least probability and similarity of a clause's own intent; those at which a message is cut."""
ASKED = 0.5, 0.33
"""The same where the words ask for something.

Settled on the travel app's 96 sample requests: of 28 that have several clauses and are not cut, none is said to hold
something else at these; at a similarity of 0.25 "Just one ticket." would be.
"""
BEYOND = 0.7
"""Least probability that a clause which asks is for none of the intents, where an app says what is out of scope."""
LITTLE = 0.12
"""Most probability that such a clause is for what was served after all."""

_ASKS = re.compile(
    r"\?\s*$|\b(?:please|kindly|tell me|let me know|(?:can|could|will|would|may|shall) (?:you|i|we)"
    r"|(?:i|we) (?:also )?(?:want|need|would like|have to)|i'd (?:also )?like|we'd (?:also )?like)\b",
    re.I,
)

Read = Callable[[Sequence[str]], list[Decision]]
"""What the gate makes of each text, nobody being asked."""


def several(texts: Sequence[str], cut: Callable[[str], list[str]] = fine_clauses) -> list[str]:
    """The clauses of the texts that have more than one: where there is one, it was served, or is an answer."""
    found = [clauses for text in texts if len(clauses := cut(text)) > 1]
    return [clause for clauses in found for clause in clauses if len(clause.split()) >= LEAST_WORDS]


def unserved(clauses: Sequence[str], read: Read, served: Collection[str]) -> list[str]:
    """Those of the clauses that ask for something that is not among the intents `served`, each once."""
    told = list(dict.fromkeys(clauses))
    return [clause for clause, decision in zip(told, read(told), strict=True) if _elsewhere(clause, decision, served)]


def asks(text: str) -> bool:
    """Whether the words ask for something."""
    return _ASKS.search(text) is not None


def _elsewhere(clause: str, decision: Decision, served: Collection[str]) -> bool:
    shares = dict(decision.candidates)
    if sum(shares.get(intent, 0.0) for intent in served) > LITTLE:
        return False
    if decision.intent is None:  # an ambiguous clause is for one of two that were not served either
        beyond = shares.get(OUT_OF_SCOPE, 0.0) >= BEYOND and OUT_OF_SCOPE not in served
        return asks(clause) and (beyond or (decision.kind == "ambiguous" and decision.similarity >= ASKED[1]))
    return decision.intent not in served and decision.reaches(*(ASKED if asks(clause) else STATED))
