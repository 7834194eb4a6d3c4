"""Turns: the messages that are being worked on, each to its end, whether or not anybody listens still.

Knows how many there are and who waits; what a turn does is dialogues.py's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

from pipeline.chat.dialogues import Dialogues
from pipeline.events import Numbered, TurnFinished
from pipeline.service.errors import as_api_error, overloaded
from pipeline.service.limits import Slots
from pipeline.service.metrics import Metrics

GATHERED = 0.02
"""Seconds within which events go out together: nobody sees the difference, and most come several at once."""


class Turn:
    """What one message set off so far; any number may listen, each from where it likes."""

    def __init__(self, source: AsyncIterator[Numbered]) -> None:
        self._source = source
        self._events: list[Numbered] = []
        self._error: Exception | None = None
        self._done = False
        self._more = asyncio.Event()
        self._end = asyncio.Event()

    async def run(self) -> None:
        """Take all of its events."""
        try:
            async for numbered in self._source:
                self._events.append(numbered)
                self._wake()
        except Exception as error:
            self._error = error
        finally:
            self._done = True
            self._end.set()
            self._wake()

    async def begun(self) -> None:
        """Wait for its first event. Raises what kept the message from being received."""
        if not self._events and not self._done:
            await self._more.wait()
        if self._error is not None and not self._events:
            raise self._error

    async def bursts(self, after: int, heartbeat: float, seconds: float) -> AsyncGenerator[list[Numbered], None]:
        """Its events after one, as many at once as are there; none at all after so many seconds without any.

        Ends with it, and after `seconds` in all. What went wrong later ends it as well: the journal has the rest.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        seen = 0
        while True:
            events, seen = [one for one in self._events[seen:] if one.id > after], len(self._events)
            if events:
                yield events
                with suppress(TimeoutError):
                    async with asyncio.timeout(GATHERED):
                        await self._end.wait()
            elif self._done or loop.time() >= deadline:
                return
            else:
                try:
                    async with asyncio.timeout(min(heartbeat, deadline - loop.time())):
                        await self._more.wait()
                except TimeoutError:
                    yield []

    async def whole(self, seconds: float) -> list[Numbered]:
        """All of its events. TimeoutError; it goes on all the same."""
        async with asyncio.timeout(seconds):
            while not self._done:
                await self._more.wait()
        if self._error is not None:
            raise as_api_error(self._error)
        return self._events

    @property
    def ended(self) -> TurnFinished | None:
        """How it ended, once it has."""
        last = self._events[-1].event if self._events else None
        return last if isinstance(last, TurnFinished) else None

    def _wake(self) -> None:
        more, self._more = self._more, asyncio.Event()
        more.set()


class Turns:
    """So many at once, and no queue: whoever comes when all are taken is told so at once."""

    def __init__(self, dialogues: Dialogues, most: int, metrics: Metrics) -> None:
        self.slots = Slots(most)
        self._dialogues = dialogues
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, conversation: str, text: str, key: str | None) -> Turn:
        """Hand a message over; returns when it is in the journal. ApiError 429; what `Dialogues.handle` raises."""
        if not self.slots.take():
            raise overloaded(f"{self.slots.most} messages are being worked on, and no more at once.", 1.0)
        turn = Turn(self._dialogues.handle(conversation, text, key))
        task = asyncio.create_task(self._work(turn))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await turn.begun()
        return turn

    async def drain(self, seconds: float) -> None:
        """Let the turns in flight come to their end, but no longer than this; what is left goes on after a restart."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, turn: Turn) -> None:
        try:
            with self._metrics.working.track_inprogress():
                await turn.run()
            if turn.ended is not None:
                self._metrics.turn_ended(turn.ended)
        finally:
            self.slots.give_back()
