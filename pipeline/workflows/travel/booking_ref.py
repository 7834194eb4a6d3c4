"""BookingRef: the six characters on a ticket. Knows what a reference looks like; not whether the booking exists."""

from __future__ import annotations

import re
from datetime import date
from typing import Self

_OURS = re.compile(r"(?<![A-Z0-9])M[ .-]?D[ .-]?([A-Z0-9]{4})(?![A-Z0-9])")
_ANY = re.compile(r"(?<![A-Z0-9])(?=[A-Z0-9]*[0-9])(?=[A-Z0-9]*[A-Z])[A-Z0-9]{6}(?![A-Z0-9])")


class BookingRef(str):
    """Upper case, six letters and digits, such as ``MD7K2Q``; ours start with ``MD``."""

    __slots__ = ()

    @classmethod
    def read(cls, text: str, today: date) -> Self | None:
        """The reference in ``text`` ("booking ref md7k2q." -> ``MD7K2Q``), one of ours first; None without one."""
        upper = text.upper()
        if ours := _OURS.search(upper):
            return cls("MD" + ours[1])
        other = _ANY.search(upper)
        return cls(other[0]) if other else None
