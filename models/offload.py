"""Offload: work that grows with a text, done beside the event loop, so that nobody else waits for a long one.

Knows one thread; does not know what is done in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeVar

from models.background import background

R = TypeVar("R")

INLINE = 1_000
"""Characters whose tokens and grammars take less time than a thread takes to be heard."""

_READER = ThreadPoolExecutor(1, "reader")
"""One for all: threads that compute take turns, and each more of them would hold up the loop for longer."""


async def offload(work: Callable[[], R], size: int, inline: int = INLINE) -> R:
    """What `work` returns or raises; in a thread if it is about more of a text than `inline`."""
    if size <= inline:
        return work()
    loop, behind = asyncio.get_running_loop(), background()
    async with nullcontext() if behind is None else behind.turn():
        return await loop.run_in_executor(_READER, work)
