"""AnswerStream: an answer of OpenAI's API as the chunks of a stream, in pieces while it is decoded, or whole.

Knows the API's form. What was sent is the beginning of the answer, or the stream ends with an error: nothing is ever
taken back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.completions.request import Request
from pipeline.completions.wording import answer_id
from pipeline.record import CHAT
from pipeline.service.errors import ApiError


class AnswerStream:
    """That of one request, answered under the id `record`; `usage`: whether it ends with the tokens of all of it."""

    def __init__(self, request: Request, record: str, usage: bool) -> None:
        self._request = request
        self._chat = request.route == CHAT
        self._sent: dict[int, str] = {}
        self._more = {"usage": None} if usage else {}
        self._head = {
            "id": answer_id(request, record),
            "created": int(time.time()),
            "model": request.model,
            "object": "chat.completion.chunk" if self._chat else "text_completion",
        }

    def begin(self) -> Iterator[dict[str, Any]]:
        """What is said before anything is decoded."""
        yield from ()

    def piece(self, index: int, text: str) -> Iterator[dict[str, Any]]:
        """What is new in a choice, of which this is the text so far.

        A server that was lost and asked again begins anew: it is not heard before it is further than what was sent.
        ApiError if it then says something else.
        """
        text = self._request.prefix + text
        sent = self._sent.get(index, "")
        if len(text) <= len(sent):
            return
        if not text.startswith(sent):
            raise lost()
        self._sent[index] = text
        yield self._chunk(index, self._said(text[len(sent) :], first=not sent))

    def rest(self, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """All that is left of an answer. ApiError if what was sent is not its beginning."""
        for choice in body["choices"]:
            index, sent = choice["index"], self._sent.get(choice["index"], "")
            message = choice["message"] if self._chat else choice
            text = message["content" if self._chat else "text"] or ""
            if not text.startswith(sent):
                raise lost()
            said = self._said(text[len(sent) :], first=not sent)
            if self._chat and "tool_calls" in message:
                calls = [{"index": number, **call} for number, call in enumerate(message["tool_calls"])]
                said = {"delta": {"role": "assistant", "content": None, "tool_calls": calls}}
            if not self._chat:
                yield self._chunk(index, {**said, "logprobs": choice["logprobs"]}, choice["finish_reason"])
                continue
            if text[len(sent) :] or not sent:
                yield self._chunk(index, {**said, "logprobs": choice["logprobs"]})
            yield self._chunk(index, {"delta": {}}, choice["finish_reason"])
        if self._more:
            yield {**self._head, "choices": [], "usage": body["usage"]}

    def _said(self, text: str, first: bool) -> dict[str, Any]:
        if not self._chat:
            return {"text": text}
        return {"delta": {"role": "assistant", "content": text} if first else {"content": text}}

    def _chunk(self, index: int, said: Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": index, "finish_reason": reason, "logprobs": None, **said}
        return {**self._head, "choices": [choice], **self._more}


def lost() -> ApiError:
    """What ends a stream of which the beginning is no longer true."""
    return ApiError(
        503,
        "engine_lost",
        "The engine was lost while this answer was sent, and gave another one when it was back.",
        "Send the request again.",
    )
