"""Generation: requests of OpenAI's API that the model itself answers, with every option obeyed or refused by name.

Knows the API's form of an answer, of a stream, and of an error. Nothing of it is kept: whoever wants an answer that
outlives its connection sends a batch.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from models.errors import EngineUnavailable, ModelError, PromptTooLong, RequestRefused, TooComplex
from pipeline.completions.completing import Completing, Heard
from pipeline.completions.options import EMBEDDINGS, RESPONSES
from pipeline.completions.request import Request
from pipeline.completions.steps import Fleeting
from pipeline.errors import InterlockError
from pipeline.record import BadRecord
from pipeline.service.answer_stream import AnswerStream
from pipeline.service.errors import OPENAI, ApiError, named
from pipeline.service.response_stream import ResponseStream
from pipeline.service.service import Service
from pipeline.service.streams import HEARTBEAT

SILENCE = 10.0
"""Seconds without a word in a stream, after which a comment says that somebody is there."""


class Refused(ApiError):
    """An error whose `param` is, by default, the option with whose name in quotes the message begins."""

    def __init__(
        self, message: str, status: int = 400, code: str = "invalid_request", param: str | None = None
    ) -> None:
        super().__init__(status, code, message, param=param or named(message))


def model_names(service: Service) -> list[str]:
    """What the engine and the encoder are called; none that the app is called."""
    client, encoder = service.pipeline.client, service.pipeline.encoder
    names = [] if client is None else [client.engine.name.partition(":")[2] or client.engine.name]
    named = getattr(encoder, "name", None)
    return [name for name in [*names, *([named] if isinstance(named, str) else [])] if name != service.app.name]


async def read(service: Service, owner: str, route: str, body: object) -> tuple[Request, bool, bool]:
    """A request, whether it is to be streamed, and whether usage comes with that. Refused; ApiError 429."""
    if not isinstance(body, dict):
        raise Refused("The body is no JSON object.")
    asked = dict(body)
    stream, options = asked.pop("stream", None), asked.pop("stream_options", None)
    if stream not in (None, False, True) or (stream and route == EMBEDDINGS):
        raise Refused('"stream" may be true or false, and of a text or a chat only.')
    if options is not None and (
        not stream
        or not isinstance(options, dict)
        or not all(
            name in ("include_obfuscation", *(["include_usage"] if route != RESPONSES else []))
            and isinstance(value, bool)
            for name, value in options.items()
        )
        or options.get("include_obfuscation")
    ):
        may = '"include_obfuscation", false' if route == RESPONSES else '"include_usage", true or false'
        raise Refused(f'"stream_options" may have {may}, and only with "stream".')
    try:
        request = await service.calls.read(owner, route, asked)
    except BadRecord as error:
        raise Refused(str(error)) from None
    return request, bool(stream), bool(options and options.get("include_usage"))


async def answered(
    service: Service, owner: str, request: Request, record: str = "", heard: Heard | None = None
) -> dict[str, Any]:
    """The answer's body. Refused for what cannot be obeyed, or answered now. `heard` as for `Completing`."""
    pipeline, steps = service.pipeline, Fleeting(record or secrets.token_hex(12))
    try:
        async with service.calls.served(owner):
            return await Completing(steps, pipeline.client, pipeline.encoder, heard=heard).complete(request)
    except PromptTooLong as error:
        raise Refused(error.what, code="context_length_exceeded", param=request.asks_by) from None
    except TooComplex as error:
        raise Refused(f'"{request.format}" cannot be enforced: {error}') from None
    except RequestRefused as error:
        raise Refused(str(error)) from None
    except EngineUnavailable as error:
        raise Refused(error.what, 503, "unavailable") from None
    except ModelError as error:
        raise Refused(error.what, 500, "engine_failed") from None
    except InterlockError as error:
        raise Refused(str(error)) from None


async def streamed(service: Service, owner: str, request: Request, usage: bool) -> AsyncGenerator[bytes, None]:
    """The answer as a stream of server-sent events: in pieces where nothing of it needs a check any more."""
    record, pieces = secrets.token_hex(12), asyncio.Queue[tuple[int, str] | None]()
    responds = request.route == RESPONSES
    stream = ResponseStream(request, record) if responds else AnswerStream(request, record, usage)

    def heard(index: int, text: str) -> None:
        pieces.put_nowait((index, text))

    task = asyncio.create_task(answered(service, owner, request, record, heard))
    task.add_done_callback(lambda _: pieces.put_nowait(None))
    try:
        for event in stream.begin():
            yield _event(event)
        while True:
            try:
                async with asyncio.timeout(SILENCE):
                    piece = await pieces.get()
            except TimeoutError:
                yield HEARTBEAT
                continue
            if piece is None:
                break
            for chunk in stream.piece(*piece):
                yield _event(chunk)
        for chunk in stream.rest(task.result()):
            yield _event(chunk)
        if not responds:
            yield b"data: [DONE]\n\n"
    except ApiError as error:
        told = error.body(OPENAI)
        yield _event({**told["error"], **told, "type": "error"} if responds else told)
    finally:
        task.cancel()


def _event(value: Mapping[str, Any]) -> bytes:
    named = f"event: {value['type']}\n" if "type" in value else ""
    return f"{named}data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()
