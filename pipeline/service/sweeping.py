"""Sweeping: what a service does again and again beside its requests. Knows when; does not know what is swept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from pipeline.errors import InterlockError

log = logging.getLogger("interlock.service")


async def keep_sweeping(sweep: Callable[[], Awaitable[None]], period: float, failed: str) -> None:
    """Sweep at once, then every `period` seconds; what goes wrong is logged as `failed`, and tried again."""
    while True:
        try:
            await sweep()
        except (InterlockError, OSError) as error:
            log.error("%s: %s", failed, error)
        await asyncio.sleep(period)
