"""Streams: a message handed over, and a conversation's events as a client is sent them.

Knows limits, frames (server-sent events with the journal's numbers as ids, a comment where nothing happens) and
endings. Keeps no event: each listener reads on in the journal from where it stands.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.types import Receive, Scope, Send

from pipeline.events import Numbered
from pipeline.service.errors import ApiError, as_api_error, check_room, overloaded
from pipeline.service.limits import share
from pipeline.service.service import Service

log = logging.getLogger("interlock.service")

HEARTBEAT = b": \n\n"
MOST_ID = 2**63 - 1

RESPONSES: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}
"""Of a route that may answer with a stream, for OpenAPI."""

Pages = AsyncGenerator[list[Numbered], None]
"""Events, as many at once as are there; none at all after a silence."""


async def begin_turn(service: Service, conversation: str, text: str, key: str | None) -> int:
    """Hand a message over: the number of its event, which is durable. ApiError 429, 503; raises as `Dialogues.send`.

    So many are worked on at once, and there is no queue: whoever comes when all are taken is told so at once.
    """
    if service.stopping.is_set():
        raise stopping()
    if service.dialogues.working >= service.limits.turns:
        raise overloaded(f"{service.limits.turns} messages are being worked on, and no more at once.", 1.0)
    owner, most = service.dialogues.conversations.owner(conversation), share(service.limits.turns)
    if owner and service.dialogues.working_of(owner) >= most:
        raise overloaded(f"{most} messages of one token are being worked on, and no more at once.", 1.0)
    return await service.dialogues.send(conversation, text, key)


def stopping() -> ApiError:
    """The server is about to end, and what was sent goes on when it is there again."""
    return ApiError(503, "stopping", "The server is being stopped.", "Send it again soon.", {"Retry-After": "5"})


async def whole_turn(service: Service, conversation: str, number: int) -> list[Numbered]:
    """All that a message set off, once it has come to its end. TimeoutError; it goes on all the same."""
    try:
        async with asyncio.timeout(service.limits.turn_seconds):
            return [one async for one in service.dialogues.turn(conversation, number)]
    except TimeoutError:
        raise
    except asyncio.CancelledError:
        if not service.stopping.is_set():
            raise
        raise stopping() from None  # the server gives its clients so long and no longer
    except Exception as error:
        raise as_api_error(error) from error


async def turn_pages(service: Service, conversation: str, number: int) -> Pages:
    """What a message sets off, up to its end, however the server is about to end itself.

    Ends early with the first page or heartbeat after `turn_seconds`, and with what went wrong: the journal has the
    rest.
    """
    deadline = asyncio.get_running_loop().time() + service.limits.turn_seconds
    silence = min(service.limits.heartbeat_seconds, service.limits.turn_seconds)
    try:
        async with aclosing(service.dialogues.turn_pages(conversation, number, silence)) as pages:
            async for page in pages:
                yield page
                if asyncio.get_running_loop().time() >= deadline:
                    return
    except Exception as error:  # the answer has begun: there is nobody left to tell
        log.error("A stream ended early", exc_info=error)


def follow_turn(service: Service, conversation: str, number: int, after: int, owner: str) -> EventStream:
    """What one message sets off, as a stream of its events after one."""
    return limited(service, _frames(turn_pages(service, conversation, number), after), owner)


def follow(service: Service, conversation: str, after: int, owner: str) -> EventStream:
    """Everything after an event of a conversation, and what is to come, until the client or the server ends."""
    pages = service.dialogues.pages(conversation, after, True, service.limits.heartbeat_seconds)
    return limited(service, _frames(pages, after, at_once=True), owner)


def limited(service: Service, frames: AsyncGenerator[bytes, None], owner: str) -> EventStream:
    """A stream of frames. ApiError 429 if too many are open, of all or of whoever asks."""
    check_room(service.streams, owner, "streams are open", 5.0)
    return EventStream(_counted(service, frames, owner))


class EventStream(EventSourceResponse):
    """Frames of a source that is closed with the stream, whichever way that ends."""

    def __init__(self, frames: AsyncGenerator[bytes, None]) -> None:
        super().__init__(frames, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with aclosing(self._frames):
            await super().__call__(scope, receive, send)


def frame(numbered: Numbered) -> bytes:
    """An event as a stream sends it."""
    return format_sse_event(data_str=_json(numbered.row()), event=numbered.name, id=str(numbered.id))


def last_event_id(header: str | None) -> int:
    """The number after which a client wants to go on: 0 for none, and for what is no number."""
    text = (header or "").strip()
    return min(int(text), MOST_ID) if text.isascii() and text.isdecimal() and len(text) < 20 else 0


async def _frames(pages: Pages, after: int, at_once: bool = False) -> AsyncGenerator[bytes, None]:
    if at_once:
        yield HEARTBEAT  # the headers go out before anything happens
    async with aclosing(pages):
        async for page in pages:
            yield b"".join(frame(one) for one in page if one.id > after) or HEARTBEAT


async def _counted(service: Service, frames: AsyncGenerator[bytes, None], owner: str) -> AsyncGenerator[bytes, None]:
    with service.streams.hold(owner):
        async with aclosing(frames):
            async for part in frames:
                yield part


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=list).encode
