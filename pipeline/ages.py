"""Ages, as people write them: "90d"."""

from __future__ import annotations

import re

from pipeline.errors import UsageError

_SECONDS = {"h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_NAMES = ((86_400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def age_of(text: str) -> float | None:
    """Seconds of "12h", "90d" or "4w"; None for "", which keeps all. UsageError."""
    if not text:
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})([hdw])", text.strip())
    if found is None:
        raise UsageError(f"'{text}' is no age: write hours, days or weeks, such as 12h, 90d or 4w.")
    return int(found[1]) * _SECONDS[found[2]]


def in_words(seconds: float) -> str:
    """ "7 days": in the largest unit of which it is a whole number."""
    size, name = next(((size, name) for size, name in _NAMES if seconds >= size and not seconds % size), _NAMES[-1])
    return f"{seconds / size:g} {name}{'' if seconds == size else 's'}"
