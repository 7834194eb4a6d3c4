"""Completions: the endpoints of OpenAI's API that existing chat clients use, over the same conversations.

A client sends the whole history each time; threads.py finds the conversation that it belongs to, so that an answer
reaches the question it is for and nothing is done twice. The text of a turn is sent when the turn has ended, hence
after every guardrail; what happens meanwhile goes out as comments, which clients skip.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, Response

from pipeline.chat.dialogues import LONGEST
from pipeline.completions.options import EMBEDDINGS, TEXT
from pipeline.events import Numbered, Progress
from pipeline.record import CHAT, BadRecord, Turn, chat_turns, refuse_options
from pipeline.service.access import CallerOf, ServiceOf, check
from pipeline.service.completion import ChatRequest, Completed, completed
from pipeline.service.errors import ApiError
from pipeline.service.generation import Refused, answered, model_names, read, streamed
from pipeline.service.service import Service
from pipeline.service.streams import HEARTBEAT, RESPONSES, begin_turn, limited, turn_pages, whole_turn
from pipeline.service.threads import Threads
from pipeline.service.tokens import Caller

router = APIRouter(prefix="/v1", tags=["openai"])


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


@router.post("/chat/completions", responses=RESPONSES)
async def complete(
    chat: ChatRequest,
    request: Request,
    service: ServiceOf,
    caller: CallerOf,
    retry: Annotated[int, Header(alias="X-Stainless-Retry-Count", ge=0)] = 0,
) -> Response:
    """Answer the last message, or ask back; with `stream`, in chunks. What the app does not obey is refused.

    Under the engine's name the model itself answers, with every option obeyed or refused by name.
    """
    if chat.model in model_names(service):
        return await _generated(service, CHAT, await request.json())
    _check_model(service, chat.model)
    conversation, number = await _begin(service, caller, chat, retry > 0)
    if chat.stream:
        return limited(service, _chunks(service, chat, conversation, number))
    try:
        events = await whole_turn(service, conversation, number)
    except TimeoutError:
        raise ApiError(504, "timeout", "The message is still being worked on.", "Send the same again soon.") from None
    return JSONResponse(completed(service.journal, conversation, events).body(chat.model))


@router.post("/completions", responses=RESPONSES)
async def go_on(request: Request, service: ServiceOf, caller: CallerOf) -> Response:
    """Let the model go on with a text."""
    return await _generated(service, TEXT, await _body(request))


@router.post("/embeddings", responses=RESPONSES)
async def embed(request: Request, service: ServiceOf, caller: CallerOf) -> Response:
    """The encoder's vectors of some texts."""
    return await _generated(service, EMBEDDINGS, await _body(request))


async def _body(request: Request) -> object:
    try:
        body: object = await request.json()
    except (ValueError, RecursionError):
        raise Refused("The body is no JSON.") from None
    return body


async def _generated(service: Service, route: str, body: object) -> Response:
    asked, stream, usage = read(route, body)
    if asked.model not in model_names(service):
        _check_model(service, asked.model, model_names(service))
    if stream:
        return limited(service, streamed(service, asked, usage))
    return JSONResponse(await answered(service, asked))


async def _begin(service: Service, caller: Caller, chat: ChatRequest, retried: bool) -> tuple[str, int]:
    """Hand the last message to the conversation that the history is of, or to a new one that is told the history."""
    turns = _history(chat)
    texts = [turn.text for turn in turns if turn.role == "customer"]
    key = Threads.key(caller.owner, texts)
    conversation = _known(service, caller, chat, texts, key, retried)
    text = texts[-1]
    if conversation is None:
        conversation, text = await service.dialogues.open(caller.owner), "\n".join(_latest(texts))
    else:
        received = service.dialogues.conversations.message(conversation, key)
        text = text if received is None else received[2]
    number = await begin_turn(service, conversation, text, key)
    service.threads.moved(conversation, key)
    return conversation, number


def _known(
    service: Service, caller: Caller, chat: ChatRequest, texts: list[str], key: str, retried: bool
) -> str | None:
    """The conversation that a history belongs to: named, or standing where the history does before its last message.

    One that has this last message already is asked for it again: at once if the client says that it tries again, else
    only if no other stands before it, since two people may well say the same.
    """
    if chat.interlock is not None:
        check(service, caller, chat.interlock.conversation)
        return chat.interlock.conversation
    again = service.threads.standing_at(key)
    if retried and again is not None:
        return again
    if len(texts) == 1:
        return None
    return service.threads.standing_at(Threads.key(caller.owner, texts[:-1])) or again


def _history(chat: ChatRequest) -> list[Turn]:
    """What was said by whom; a history may be as long as its client likes, its last message may not."""
    messages = [message.model_dump() for message in chat.messages]
    try:
        refuse_options(chat.model_extra or {}, ())
        turns = [turn for turn in chat_turns(messages) if turn.text]
    except BadRecord as error:
        raise ApiError(400, "invalid", str(error), "Send messages of user and assistant, without options.") from None
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
