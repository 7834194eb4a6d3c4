"""Conversations over HTTP: open one, send a message and follow its turn, read it, follow it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from models.grammar.grammar import normalise
from pipeline.chat.conversation_readings import ConversationReadings
from pipeline.chat.dialogues import LONGEST
from pipeline.chat.erasure import exported
from pipeline.journal.queries import reading
from pipeline.service.access import CallerOf, ServiceOf, check
from pipeline.service.errors import ApiError, not_found
from pipeline.service.json_route import JsonRoute
from pipeline.service.large import large
from pipeline.service.streams import RESPONSES, begin_turn, follow, follow_turn, last_event_id, whole_turn
from pipeline.service.strict import Strict
from pipeline.service.timeline import timeline

router = APIRouter(route_class=JsonRoute, tags=["conversations"])

Id = Annotated[str, Path(max_length=200)]
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=40)]


class Message(Strict):
    """What a customer writes. `key`: the client's name for it; sent again, it is received once."""

    text: str = Field(max_length=LONGEST)
    key: str | None = Field(None, min_length=1, max_length=200, pattern=r"^[!-9;-~]+$")


class Opened(BaseModel):
    """A new conversation. Whoever holds the id can read it."""

    id: str


@router.post("/conversations", status_code=201)
async def open_conversation(service: ServiceOf, caller: CallerOf) -> Opened:
    """Open a conversation."""
    return Opened(id=await service.dialogues.open(caller.owner))


@router.get("/conversations")
async def list_conversations(
    service: ServiceOf,
    caller: CallerOf,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    after: Annotated[
        str | None, Query(max_length=200, description="The id of the last one of the page before.")
    ] = None,
) -> list[dict[str, Any]]:
    """The caller's own, the latest said first: how each begins, and how it stands."""
    if after is not None:
        check(service, caller, after)

    def read() -> list[dict[str, Any]]:
        with reading(service.journal.path) as journal:
            return ConversationReadings(journal).of_owner(caller.owner, limit, after)

    return await asyncio.to_thread(read)


@router.post("/conversations/{id}/stop")
async def stop_turn(id: Id, service: ServiceOf, caller: CallerOf) -> dict[str, Any]:
    """Stop the work on the last message. What was done stays done; an action that was being done goes to a person."""
    check(service, caller, id)
    await service.dialogues.cancel(id)
    return service.dialogues.transcript(id).row()


@router.post("/conversations/{id}/person")
async def ask_for_a_person(id: Id, service: ServiceOf, caller: CallerOf) -> dict[str, Any]:
    """Hand the conversation over to a person, whatever a model thinks of it."""
    check(service, caller, id)
    await service.dialogues.ask_for_a_person(id)
    return service.dialogues.transcript(id).row()


@router.get("/conversations/{id}/export", response_class=JSONResponse)
async def export_conversation(id: Id, service: ServiceOf, caller: CallerOf) -> Response:
    """All that is kept of it: what was said, each step with what a model was asked, what was done."""
    check(service, caller, id)

    def read() -> Response:
        with reading(service.journal.path) as journal:
            return large(exported(journal, id))

    return await asyncio.to_thread(read)


@router.delete("/conversations/{id}", status_code=204)
async def forget_conversation(id: Id, service: ServiceOf, caller: CallerOf) -> None:
    """Take it away for good. Of what was done the ledger keeps the action's name, key, time and digests."""
    check(service, caller, id)
    await service.dialogues.forget(id)


@router.get("/conversations/{id}")
async def read_conversation(id: Id, service: ServiceOf, caller: CallerOf) -> dict[str, Any]:
    """What was said so far, what is asked, and the number of the last event."""
    check(service, caller, id)
    return service.dialogues.transcript(id).row()


@router.post("/conversations/{id}/messages", responses=RESPONSES)
async def send_message(
    id: Id,
    message: Message,
    request: Request,
    service: ServiceOf,
    caller: CallerOf,
    last: LastEventId = None,
) -> Response:
    """Send a message or an answer. With `Accept: text/event-stream` its events come as they happen, else at its end.

    The turn goes on when the client leaves; the events can be had again from /conversations/{id}/events.
    """
    check(service, caller, id)
    if not normalise(message.text):
        raise ApiError(422, "invalid", "The message is empty.", "Write something.")
    number = await begin_turn(service, id, message.text, message.key)
    if "text/event-stream" in request.headers.get("accept", ""):
        return follow_turn(service, id, number, last_event_id(last), caller.owner)
    try:
        events = await whole_turn(service, id, number)
    except TimeoutError:
        raise ApiError(
            504,
            "timeout",
            f"The message is still being worked on after {service.limits.turn_seconds:g} s.",
            f"Follow /conversations/{id}/events.",
        ) from None
    shown = service.dialogues.transcript(id).row()
    return JSONResponse({"events": [numbered.row() for numbered in events], "conversation": shown})


@router.get("/conversations/{id}/records/{record:path}")
async def read_receipt(id: Id, record: str, service: ServiceOf, caller: CallerOf) -> dict[str, Any]:
    """How an answer of the conversation came about: its steps and its receipt."""
    check(service, caller, id)
    found = timeline(service.journal, record) if service.dialogues.conversations.of(record) == id else None
    if found is None:
        raise not_found("record", "Take its name from an event of this conversation.")
    outcome = found.pop("outcome") or {}  # why something failed is for those who mend it
    return {**found, "receipt": outcome.get("receipt")}


@router.get("/conversations/{id}/events", responses=RESPONSES)
async def follow_conversation(id: Id, service: ServiceOf, caller: CallerOf, last: LastEventId = None) -> Response:
    """All events after `Last-Event-ID` and those to come, operators' answers among them. Stays open."""
    check(service, caller, id)
    return follow(service, id, last_event_id(last), caller.owner)
