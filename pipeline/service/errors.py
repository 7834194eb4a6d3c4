"""ApiError: what a client is told when a request cannot be served: one sentence, and what to do. Never a traceback.

Knows statuses and the JSON form {"error": {"code", "message", "hint"}}, to which OpenAI's routes add its "type" and
"param"; every other error is turned into one here.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from models.errors import ModelError
from pipeline.errors import Busy, InterlockError, JournalError, UnknownConversation, UsageError
from pipeline.files import is_full
from pipeline.record import BadRecord
from pipeline.service.limits import Slots, share
from pipeline.service.strict import UNKNOWN

log = logging.getLogger("interlock.service")

_CODES = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
OPENAI = "/v1/"
"""Paths below it are OpenAI's, and so are their errors."""


class ApiError(Exception):
    """An answer with a status of 400 and more. `headers` go with it, such as Retry-After (seconds).

    `param`: the option that it is about, where it is about one.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.headers = dict(headers or {})
        self.param = param

    def body(self, path: str) -> dict[str, Any]:
        """What is told of it to whoever asked for a path."""
        error: dict[str, str | None] = {"code": self.code, "message": self.message, "hint": self.hint}
        if path.startswith(OPENAI):
            kind = _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
            error |= {"type": kind, "param": self.param}
        return {"error": error}

    def response(self, path: str) -> JSONResponse:
        """The answer to whoever asked for a path."""
        return JSONResponse(self.body(path), self.status, self.headers)


def named(message: str) -> str | None:
    """The option with whose name in quotes a message begins."""
    return message.split('"')[1] if message.startswith('"') else None


def not_found(what: str, hint: str = "") -> ApiError:
    """There is no such thing, or none that the caller may see."""
    return ApiError(404, "not_found", f"There is no such {what}.", hint)


def overloaded(message: str, seconds: float) -> ApiError:
    """Too much at once: come back in so many seconds."""
    wait = max(1, math.ceil(seconds))
    return ApiError(
        429, "overloaded", message, f"Try again in {wait} s, or send less at once.", {"Retry-After": str(wait)}
    )


def check_room(slots: Slots, owner: str, what: str, seconds: float) -> None:
    """ApiError 429 where all of them are taken, by all or by this owner: `what` there are, and when to come back."""
    if slots.taken >= slots.most:
        raise overloaded(f"{slots.most} {what}, and no more at once.", seconds)
    if slots.full(owner):
        raise overloaded(f"{share(slots.most)} {what} with one token, and no more at once.", seconds)


def install(app: FastAPI) -> None:
    """Answer every error of a route in this form."""
    app.add_exception_handler(ApiError, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(InterlockError, _answer)
    app.add_exception_handler(ModelError, _answer)
    app.add_exception_handler(BadRecord, _answer)
    app.add_exception_handler(Exception, _answer)


async def _answer(request: Request, error: Exception) -> JSONResponse:
    path = request.url.path
    if path.startswith(OPENAI) and isinstance(error, RequestValidationError):
        return _unfit(error).response(path)
    told = as_api_error(error)
    if path.startswith(OPENAI) and told.status == 422:
        told.status = 400  # which is what OpenAI's clients know
    return told.response(path)


def _unfit(error: RequestValidationError) -> ApiError:
    """A body or a query that does not fit, as OpenAI has it: 400, with the option's name."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    if first["type"] == UNKNOWN:
        where = f"{where}.{first['ctx']['name']}".lstrip(".")
    return ApiError(
        400,
        "invalid_request",
        _said(first, f'"{where}"' if where else ""),
        "See /openapi.json for what is expected.",
        param=where or None,
    )


def _said(fault: Mapping[str, Any], where: str) -> str:
    """What is wrong with a body or a query, in a sentence."""
    if fault["type"] == UNKNOWN:
        return f"{fault['msg']}."
    return f"{where}: {fault['msg']}." if where else f"{fault['msg']}."


def as_api_error(error: Exception) -> ApiError:
    """Any error as what a client may know of it; what we did not foresee is logged with its traceback."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the request"
        return ApiError(422, "invalid", _said(first, where), "See /openapi.json for what is expected.")
    if isinstance(error, HTTPException):
        code = _CODES.get(error.status_code, "http_error")
        return ApiError(error.status_code, code, f"{error.detail}.", "See /openapi.json.", error.headers)
    if isinstance(error, BadRecord):
        return ApiError(422, "invalid", str(error), "Send a text as it would be said.")
    if isinstance(error, UnknownConversation):
        return ApiError(404, "not_found", str(error))
    if isinstance(error, Busy):
        return ApiError(409, "busy", str(error), "", {"Retry-After": "1"})  # each says itself what to do
    if isinstance(error, JournalError | ModelError):
        log.error("A request failed: %s", error)  # its text names paths
        return ApiError(503, "unavailable", "This cannot be answered now.", "Try again soon.", {"Retry-After": "5"})
    if is_full(error):
        log.error("A request failed: %s", error)
        return ApiError(503, "unavailable", "There is no space for this now.", "Try again soon.", {"Retry-After": "30"})
    if isinstance(error, UsageError):
        return ApiError(409, "conflict", str(error))
    log.error("A request failed", exc_info=error)
    return ApiError(500, "internal", "Something went wrong here.", "Try again; the server's log says what it was.")
