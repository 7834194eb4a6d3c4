"""One turn of a conversation: who spoke, and what was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Turn:
    """What one side said, verbatim. `earlier`: in an earlier request of the same conversation, which has ended."""

    role: Literal["customer", "assistant"]
    text: str
    earlier: bool = False
