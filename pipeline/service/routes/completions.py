"""Completions: the endpoints of OpenAI's API that existing chat clients use, over the same conversations.

A client sends the whole history each time; threads.py finds the conversation that it is surely of, so that an answer
reaches the question it is for and nothing is done twice. Many people may speak through one key: a `user`, a chat's id
or `interlock.conversation` tells them apart. The text of a turn is sent when the turn has ended, hence
after every guardrail; what happens meanwhile goes out as comments, which clients skip.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, Response

from pipeline.chat.dialogues import LONGEST
from pipeline.completions.options import EMBEDDINGS, RESPONSES, TEXT
from pipeline.events import Numbered, Progress
from pipeline.record import CHAT, BadRecord, Turn, chat_turns, refuse_options
from pipeline.service.access import CallerOf, ServiceOf, check
from pipeline.service.completion import ChatRequest, Completed, completed
from pipeline.service.errors import ApiError, named
from pipeline.service.generation import answered, model_names, read, streamed
from pipeline.service.json_route import JsonRoute
from pipeline.service.large import large
from pipeline.service.service import Service
from pipeline.service.streams import HEARTBEAT, begin_turn, limited, turn_pages, whole_turn
from pipeline.service.streams import RESPONSES as CODES
from pipeline.service.threads import RETRIED_SECONDS, Threads
from pipeline.service.tokens import Caller

router = APIRouter(route_class=JsonRoute, prefix="/v1", tags=["openai"])


@router.get("/models")
async def list_models(service: ServiceOf, caller: CallerOf) -> dict[str, Any]:
    """The app as a model, and the models behind it: the one that generates, and the encoder."""
    names = [service.app.name, *model_names(service)]
    rows = [{"id": name, "object": "model", "created": 0, "owned_by": "interlock"} for name in names]
    return {"object": "list", "data": rows}


@router.get("/models/{model:path}")
async def read_model(model: str, service: ServiceOf, caller: CallerOf) -> dict[str, Any]:
    """One of them by its name."""
    if model not in model_names(service):
        _check_model(service, model)
    return {"id": model, "object": "model", "created": 0, "owned_by": "interlock"}


@router.post("/chat/completions", responses=CODES)
async def complete(
    chat: ChatRequest,
    request: Request,
    service: ServiceOf,
    caller: CallerOf,
    retry: Annotated[int, Header(alias="X-Stainless-Retry-Count", ge=0)] = 0,
    user: Annotated[str, Header(alias="X-OpenWebUI-User-Id", max_length=200)] = "",
    thread: Annotated[str, Header(alias="X-OpenWebUI-Chat-Id", max_length=200)] = "",
) -> Response:
    """Answer the last message, or ask back; with `stream`, in chunks. What the app does not obey is refused.

    Under the engine's name the model itself answers, with every option obeyed or refused by name.
    """
    if chat.model in model_names(service):
        return await _generated(service, caller, CHAT, await request.json())
    _check_model(service, chat.model)
    who = [chat.user or "", chat.safety_identifier or "", str((chat.metadata or {}).get("chat_id", "")), user, thread]
    try:
        conversation, number = await _begin(service, caller, chat, who if any(who) else (), retry > 0)
        if chat.stream:
            return limited(service, _chunks(service, chat, conversation, number), caller.owner)
        events = await whole_turn(service, conversation, number)
    except TimeoutError:
        raise ApiError(504, "timeout", "The message is still being worked on.", "Send the same again soon.") from None
    return JSONResponse(completed(service.journal, conversation, events).body(chat.model))


@router.post("/completions", responses=CODES)
async def go_on(request: Request, service: ServiceOf, caller: CallerOf) -> Response:
    """Let the model go on with a text."""
    return await _generated(service, caller, TEXT, await request.json())


@router.post("/responses", responses=CODES)
async def respond(request: Request, service: ServiceOf, caller: CallerOf) -> Response:
    """The model's own answer in the form of OpenAI's newer API; nothing of it is kept."""
    return await _generated(service, caller, RESPONSES, await request.json())


@router.post("/embeddings", responses=CODES)
async def embed(request: Request, service: ServiceOf, caller: CallerOf) -> Response:
    """The encoder's vectors of some texts."""
    return await _generated(service, caller, EMBEDDINGS, await request.json())


async def _generated(service: Service, caller: Caller, route: str, body: object) -> Response:
    asked, stream, usage = await read(service, caller.owner, route, body)
    if asked.model not in model_names(service):
        _check_model(service, asked.model, model_names(service))
    if stream:
        return limited(service, streamed(service, caller.owner, asked, usage), caller.owner)
    return await asyncio.to_thread(large, await answered(service, caller.owner, asked))


async def _begin(
    service: Service, caller: Caller, chat: ChatRequest, who: Sequence[str], retried: bool
) -> tuple[str, int]:
    """Hand the last message to the conversation that the history is surely of, or to a new one."""
    turns = _history(chat)
    key = Threads.key(caller.owner, who, turns)
    start = _start(service, caller, chat, turns, key, who, retried)
    text = turns[-1].text
    if start.conversation is not None:
        received = service.dialogues.conversations.message(start.conversation, key)
        text = text if received is None else received[2]
        return start.conversation, await begin_turn(service, start.conversation, text, key)
    conversation = await service.dialogues.open(caller.owner)
    for earlier in start.asked:  # up to the question that this message may be the answer to
        await whole_turn(service, conversation, await begin_turn(service, conversation, earlier, None))
    text = "\n".join(_latest([*start.unknown, text]))
    return conversation, await begin_turn(service, conversation, text, key)


@dataclass(frozen=True)
class _Start:
    """Where a message goes: to a conversation, or to a new one, and what that has to be told first.

    `asked`: the messages of the open request, where it could be that of several conversations. `unknown`: all that the
    customer said before, in a history that is of none.
    """

    conversation: str | None = None
    asked: Sequence[str] = ()
    unknown: Sequence[str] = ()


def _start(
    service: Service,
    caller: Caller,
    chat: ChatRequest,
    turns: Sequence[Turn],
    key: str,
    who: Sequence[str],
    retried: bool,
) -> _Start:
    """The conversation that a history is of is named, or the only one in which all of it was said and told.

    The same last message once more is asked for again where that is certain: two people may well say the same.
    """
    threads = service.threads
    if chat.interlock is not None:
        check(service, caller, chat.interlock.conversation)
        return _Start(chat.interlock.conversation)
    again = threads.sent_before(key)
    if retried and again is not None and time.time() - again.at < RETRIED_SECONDS:
        if not who:
            threads.doubt(again.conversation)  # the one who tries again may never have been heard
        return _Start(again.conversation)
    asked = max((at for at, turn in enumerate(turns[:-1]) if turn.role == "customer"), default=None)
    if asked is None:
        return _Start()
    before = Threads.key(caller.owner, who, turns[: asked + 1])
    reply = "\n\n".join(turn.text for turn in turns[asked + 1 : -1])
    found = threads.stands(before, reply)
    if found.place is not None:
        if threads.is_last(found.place, before) or threads.is_last(found.place, key):
            return _Start(found.place.conversation)
        if again is not None:  # a history that was changed before, and is sent once more
            return _Start(again.conversation)
    elif found.like is not None:
        return _Start(asked=threads.open_request(found.like))
    return _Start(unknown=[turn.text for turn in turns[:-1] if turn.role == "customer"])


def _history(chat: ChatRequest) -> list[Turn]:
    """What was said by whom; a history may be as long as its client likes, its last message may not."""
    messages = [message.model_dump() for message in chat.messages]
    try:
        refuse_options(chat.model_extra or {}, ())
        turns = [turn for turn in chat_turns(messages) if turn.text]
    except BadRecord as error:
        hint = "Send messages of user and assistant, without options."
        raise ApiError(400, "invalid", str(error), hint, param=named(str(error))) from None
    if not turns or turns[-1].role != "customer":
        raise ApiError(400, "invalid", "The last message is not the user's.", "End with what the user says.")
    if len(turns[-1].text) > LONGEST:
        raise ApiError(400, "invalid", f"The last message has more than {LONGEST:,} characters.", "Shorten it.")
    return turns


def _latest(texts: list[str]) -> list[str]:
    """The last of the texts, as many as a first message may hold."""
    room = LONGEST
    for kept, text in enumerate(reversed(texts)):
        room -= len(text) + 1
        if room < -1:
            return texts[len(texts) - kept :]
    return texts


def _check_model(service: Service, model: str, names: Sequence[str] = ()) -> None:
    known = names or [service.app.name, *model_names(service)]
    if model not in known or (not names and model != service.app.name):
        told = " or ".join(f"'{name}'" for name in known) or "nothing: there is no model here"
        raise ApiError(404, "model_not_found", f"The model '{model[:100]}' does not exist.", f"Ask for {told}.")


async def _chunks(service: Service, chat: ChatRequest, conversation: str, number: int) -> AsyncGenerator[bytes, None]:
    events: list[Numbered] = []
    async with aclosing(turn_pages(service, conversation, number)) as pages:
        async for page in pages:
            events += page
            updates = [numbered.event.text for numbered in page if isinstance(numbered.event, Progress)]
            yield b"".join(map(_comment, updates)) or HEARTBEAT
    done: Completed = completed(service.journal, conversation, events)
    usage = bool(chat.stream_options and chat.stream_options.include_usage)
    for chunk in done.chunks(chat.model, int(time.time()), usage):
        yield f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()
    yield b"data: [DONE]\n\n"


def _comment(text: str) -> bytes:
    return f": {' '.join(text.split())}\n\n".encode()
