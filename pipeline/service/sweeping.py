"""Sweeping: what a service does again and again beside its requests. Knows when; does not know what is swept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from pipeline.errors import InterlockError

log = logging.getLogger("interlock.service")


async def keep_sweeping(sweep: Callable[[], Awaitable[None]], period: float, failed: str) -> None:
    """Sweep at once, then every `period` seconds, until it is cancelled.

    What goes wrong is logged as `failed`, with its traceback if it is no known error, and tried again.
    """
    while True:
        try:
            await sweep()
        except Exception as error:  # whatever it is: a loop that ended would sweep nothing more, and nobody would know
            log.error("%s: %s", failed, error, exc_info=not isinstance(error, InterlockError | OSError))
        await asyncio.sleep(period)
