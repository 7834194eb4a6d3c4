"""EventStream: an answer in server-sent events, with the journal's numbers as ids, comments while nothing happens.

Knows frames, heartbeats and endings; does not know what the events mean.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator

from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.types import Receive, Scope, Send

from pipeline.events import Numbered

HEARTBEAT = b": \n\n"
MOST_ID = 2**63 - 1


class EventStream(EventSourceResponse):
    """Frames of a source that is closed with the stream, whichever way that ends."""

    def __init__(self, frames: AsyncGenerator[bytes, None]) -> None:
        super().__init__(frames, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._frames.aclose()


def frame(numbered: Numbered) -> bytes:
    """An event as a stream sends it."""
    return format_sse_event(data_str=_json(numbered.row()), event=numbered.name, id=str(numbered.id))


async def beating(
    frames: AsyncIterator[bytes], stopping: asyncio.Event, heartbeat: float
) -> AsyncGenerator[bytes, None]:
    """The frames as they come, and a comment at the start and after so many seconds without any.

    Ends with its source, and when `stopping` is set: whoever listens connects again.
    """
    halt = asyncio.ensure_future(stopping.wait())
    coming: asyncio.Future[bytes] | None = None
    try:
        yield HEARTBEAT  # the headers go out at once
        while True:
            coming = coming or asyncio.ensure_future(anext(frames))
            await asyncio.wait((coming, halt), timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                try:
                    yield coming.result()
                except StopAsyncIteration:
                    return
                coming = None
            elif halt.done():
                return
            else:
                yield HEARTBEAT
    finally:
        halt.cancel()
        if coming is not None:
            coming.cancel()
            await asyncio.wait((coming,))
        if isinstance(frames, AsyncGenerator):
            await frames.aclose()


def last_event_id(header: str | None) -> int:
    """The number after which a client wants to go on: 0 for none, and for what is no number."""
    text = (header or "").strip()
    return min(int(text), MOST_ID) if text.isascii() and text.isdecimal() and len(text) < 20 else 0


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=list).encode
