"""What a search found, or why it found nothing. Knows nothing of how it was searched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from index.documents import Hit


class Nothing(StrEnum):
    """Why a search found nothing: something to branch on, not an error."""

    EMPTY_QUERY = "the query holds no text"
    NOTHING_ALLOWED = "no passage fits the condition"
    NOTHING_SIMILAR = "no passage is similar enough"


@dataclass(frozen=True)
class Account:
    """How a search went. `passages` of the index, `allowed` of these by the condition, `candidates` that were ranked.

    `lexical_weight` is what one unit of BM25 adds to a cosine similarity, for this query.
    """

    passages: int
    allowed: int
    candidates: int
    lexical_weight: float


class Hits(list[Hit]):
    """The hits, best first. `nothing` says why there are none, and is None where there are some. `about`: the names of
    a conversation that the search was held to.
    """

    def __init__(
        self, hits: Iterable[Hit] = (), nothing: Nothing | None = None, account: Account | None = None
    ) -> None:
        super().__init__(hits)
        self.nothing = nothing
        self.account = account
        self.about: tuple[str, ...] = ()
