"""Failures: what a server refused or did not deliver, as our own errors.

Knows Outlines' errors and OpenAI's; sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import openai
from outlines.exceptions import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    normalize_provider_errors,
)

from models.engines.vllm.replies import Unfit, Unreadable
from models.errors import EngineError, EngineUnavailable, ModelNotFound, PromptTooLong, RequestRefused

REASON = 400
"""Characters of a server's own words in a sentence of ours, at most."""


@contextmanager
def errors(who: str) -> Iterator[None]:
    """What Outlines reports, as our own errors: the server's text where it helps, and no stack of three libraries."""
    try:
        with normalize_provider_errors("vllm"):
            yield
    except (APIConnectionError, APITimeoutError, ServerError, RateLimitError) as error:
        raise EngineUnavailable(f"{_capital(who)} does not answer ({_reason(error)}).") from error
    except NotFoundError as error:
        raise ModelNotFound(f"{_capital(who)} does not know the model or the request ({_reason(error)}).") from error
    except (AuthenticationError, PermissionDeniedError) as error:
        raise EngineError(f"{_capital(who)} failed: {_sentence(error)}", "Set VLLM_API_KEY to its key.") from error
    except Unreadable as error:
        raise EngineUnavailable(f"{_capital(who)} sent a reply that is no JSON.") from error
    except Unfit as error:
        raise EngineError(f"{_capital(who)} sent a reply that is no chat completion.") from error
    except TimeoutError as error:
        raise EngineUnavailable(f"{_capital(who)} did not come to the end of its answer.") from error
    except openai.APIError as error:  # told in the middle of a stream, as a 500 or a 400 would be at its begin
        raise _told_late(who, error) from error
    except BadRequestError as error:
        if _status(error) == HTTPStatus.REQUEST_TIMEOUT:
            raise EngineUnavailable(f"{_capital(who)} does not answer ({_reason(error)}).") from error
        raise _refused(who, _sentence(error)) from error
    except APIError as error:
        raise EngineError(f"{_capital(who)} failed: {_sentence(error)}") from error


def _told_late(who: str, error: openai.APIError) -> EngineError:
    reason = _brief(error.message)
    told = error.body if isinstance(error.body, dict) else {}
    if str(told.get("code", "")).startswith("4"):
        return _refused(who, f"{reason}.")
    return EngineUnavailable(f"{_capital(who)} failed while it answered ({reason}).")


def _refused(who: str, sentence: str) -> EngineError:
    """A request that the server does not take, for the reason in `sentence`."""
    if "maximum context length" in sentence:
        return PromptTooLong(f"The prompt does not fit {who}: {sentence}")
    return RequestRefused(f"{_capital(who)} refused the request: {sentence}")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith("the ") else text


def _sentence(error: APIError) -> str:
    reason = _reason(error)
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."


def _reason(error: APIError) -> str:
    """The first line of the server's own message, without the layers around it."""
    cause = _cause(error)
    body = getattr(cause, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    return _brief(str(message or cause or error))


def _status(error: APIError) -> int | None:
    return getattr(_cause(error), "status_code", None)


def _cause(error: APIError) -> Exception | None:
    cause: Exception | None = error
    while isinstance(cause, APIError):
        cause = cause.original_exception
    return cause


def _brief(text: str) -> str:
    line = text.strip().split("\n", 1)[0]
    return line if len(line) <= REASON else f"{line[:REASON]}…"
