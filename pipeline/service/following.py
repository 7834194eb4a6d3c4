"""Following: streams of a service's events, as many as its limits allow. Knows slots; frames are stream.py's."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from pipeline.service.errors import overloaded
from pipeline.service.service import Service
from pipeline.service.stream import HEARTBEAT, EventStream, beating, frame
from pipeline.service.turns import Turn


def follow(service: Service, conversation: str, after: int) -> EventStream:
    """Everything after an event of a conversation, and what is to come, until the client or the server ends."""
    return limited(service, beating(_frames(service, conversation, after), service.stopping, _beat(service)))


def follow_turn(service: Service, turn: Turn, after: int) -> EventStream:
    """What one message sets off, up to its end, however the server is about to end itself."""
    return limited(service, _turn_frames(service, turn, after))


def limited(service: Service, frames: AsyncGenerator[bytes, None]) -> EventStream:
    """A stream of frames. ApiError 429 if too many are open."""
    if service.streams.taken >= service.streams.most:
        raise overloaded(f"{service.streams.most} streams are open, and no more at once.", 5.0)
    return EventStream(_counted(service, frames))


async def _frames(service: Service, conversation: str, after: int) -> AsyncGenerator[bytes, None]:
    events = service.dialogues.events(conversation, after, follow=True)
    try:
        async for numbered in events:
            yield frame(numbered)
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()


async def _turn_frames(service: Service, turn: Turn, after: int) -> AsyncGenerator[bytes, None]:
    async for events in turn.bursts(after, _beat(service), service.limits.turn_seconds):
        yield b"".join(map(frame, events)) or HEARTBEAT


async def _counted(service: Service, frames: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    service.streams.taken += 1
    try:
        with service.metrics.streaming():
            async for part in frames:
                yield part
    finally:
        service.streams.give_back()
        await frames.aclose()


def _beat(service: Service) -> float:
    return service.limits.heartbeat_seconds
