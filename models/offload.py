"""Offload: work that grows with a text, done beside the event loop, so that nobody else waits for a long one.

Knows threads; does not know what is done in them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

from models.background import in_pool

R = TypeVar("R")

INLINE = 1_000
"""Characters whose tokens and grammars take less time than a thread takes to be heard."""

_READER = ThreadPoolExecutor(1, "reader")
"""One for all: threads that compute take turns, and each more of them would hold up the loop for longer."""


COMPILER = ThreadPoolExecutor(2, "compiler")
"""For grammars that were never compiled before: some take a second, and what reads texts must not wait for it."""


async def offload(work: Callable[[], R], size: int, inline: int = INLINE, pool: Executor = _READER) -> R:
    """What `work` returns or raises; in a thread of `pool` if it is about more of a text than `inline`."""
    if size <= inline:
        return work()
    return await in_pool(pool, work)
