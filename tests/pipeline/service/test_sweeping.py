"""What a service sweeps again and again goes on after whatever goes wrong."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from pipeline.errors import JournalError
from pipeline.service.sweeping import keep_sweeping


async def test_no_error_ends_it_and_only_an_unknown_one_is_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors = [JournalError("The journal is busy."), sqlite3.OperationalError("disk I/O error"), OSError("No space")]
    swept = asyncio.Event()

    async def sweep() -> None:
        if errors:
            raise errors.pop(0)
        swept.set()

    sweeping = asyncio.create_task(keep_sweeping(sweep, 0.0, "What is old stays"))
    waiting = asyncio.create_task(swept.wait())
    await asyncio.wait({sweeping, waiting}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
    goes_on = not sweeping.done()
    for task in (sweeping, waiting):
        task.cancel()
    await asyncio.gather(sweeping, waiting, return_exceptions=True)
    assert goes_on
    assert swept.is_set()
    assert [(record.getMessage(), bool(record.exc_info)) for record in caplog.records] == [
        ("What is old stays: The journal is busy.", False),
        ("What is old stays: disk I/O error", True),
        ("What is old stays: No space", False),
    ]
