"""How a search is to be made, as a person writes it: `hybrid`, `dense`, `hybrid,rerank=NAME,diversity=0.2,join=1`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from index.errors import JudgementsError
from index.retrieval.reranker import Reranker
from index.retriever import Mode

_HINT = "write it like hybrid, dense, lexical or hybrid,diversity=0.2,rerank=NAME,least=0.3,turns=0"


@dataclass(frozen=True)
class Setting:
    """One way to search. `label` is the text it was read from. `turns`: so many of what was said before; None: all."""

    label: str = "hybrid"
    mode: Mode = "hybrid"
    rerank: Reranker | None = None
    diversity: float | None = None
    least: float | None = None
    turns: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What `Retriever.search` takes."""
        return {"mode": self.mode, "rerank": self.rerank, "diversity": self.diversity, "least": self.least}

    @classmethod
    def read(cls, text: str) -> Setting:
        """Raises JudgementsError, and EncoderError for a re-ranker that cannot be there."""
        mode, *others = (part.strip() for part in text.split(","))
        if mode not in get_args(Mode):
            raise JudgementsError(f"'{mode}' is no way to search", _HINT)
        options: dict[str, Any] = {}
        for option in others:
            name, _, value = option.partition("=")
            try:
                options[name] = _READERS[name](value)
            except (KeyError, ValueError):
                raise JudgementsError(f"'{option}' is no setting of a search", _HINT) from None
        if not 0 <= options.get("diversity", 0) <= 1:
            raise JudgementsError("diversity goes from 0 to 1", _HINT)
        return cls(text, mode, **options)  # type: ignore[arg-type]

    def said(self, turns: Sequence[str]) -> Sequence[str]:
        """What of the conversation before a query is looked at."""
        return turns if self.turns is None else turns[len(turns) - min(self.turns, len(turns)) :]


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError
    return int(text)


_READERS: dict[str, Callable[[str], Any]] = {
    "rerank": Reranker,
    "diversity": float,
    "least": float,
    "turns": _count,
}
