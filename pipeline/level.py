"""Level: how many records are in flight at once. Fixed, or found from how busy the servers say they are.

Knows how to let records in and when more or fewer pay; does not know what a record is, nor how a load is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from types import TracebackType

from models.errors import EngineUnavailable
from models.load import Load

START = 16
"""The level to begin with, and to stay at where servers do not say how busy they are."""
MOST = 1024
"""Four times the requests that a vLLM server decodes at once by default: more in flight only wait longer."""

PERIOD = 0.5
"""Seconds between two looks at the servers; reading /metrics costs one some milliseconds."""
LOOKS = 2
"""Looks that a decision needs. The least of their queues counts, as in CoDel (RFC 8289, 3.2): a burst of requests is in
one of them, a standing queue in all."""


class Level:
    """Slots for records. `async with level:` keeps a level found by `load` up to date; a fixed one needs no keeping.

    Additive increase, multiplicative decrease: while every slot is taken and the servers have no queue, the level
    doubles until the first queue is seen, and from then on grows by a sixteenth of its most so far (at least one per
    server) at each decision. A queue longer than an eighth of what is running (at least two per server) lowers it by an
    eighth, and it is not lowered again before as few records are in flight. In between, the queues are just non-empty,
    and it stays.
    """

    def __init__(
        self,
        start: int = START,
        load: Callable[[], Awaitable[Load | None]] | None = None,
        progress: Callable[[str], None] = lambda text: None,
        period: float = PERIOD,
    ) -> None:
        """`start` slots, for good unless there is a `load` and it knows. `progress` is told where the level goes."""
