"""One turn of a conversation: who spoke, and what was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Turn:
    """What one side said, verbatim."""

    role: Literal["customer", "assistant"]
    text: str
