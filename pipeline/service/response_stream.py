"""ResponseStream: an answer of `/v1/responses` as the events of a stream, in pieces while it is decoded, or whole.

Knows the API's form. What was sent is the beginning of the answer, or the stream ends with an error: nothing is ever
taken back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.completions.request import Request
from pipeline.completions.responses import call_item, head, message_item, text_part
from pipeline.completions.wording import answer_id
from pipeline.service.answer_stream import lost


class ResponseStream:
    """That of one request, answered under the id `record`."""

    def __init__(self, request: Request, record: str) -> None:
        self._request = request
        self._id = answer_id(request, record)
        self._created = int(time.time())
        self._number = -1
        self._sent: str | None = None

    def begin(self) -> Iterator[dict[str, Any]]:
        """What is said before anything is decoded."""
        begun = head(self._request, self._id, self._created, "in_progress")
        yield self._event("response.created", response=begun)
        yield self._event("response.in_progress", response=begun)

    def piece(self, index: int, text: str) -> Iterator[dict[str, Any]]:
        """What is new in a text of which this is all so far. ApiError as for `AnswerStream.piece`."""
        sent = self._sent or ""
        if len(text) <= len(sent):
            return
        if not text.startswith(sent):
            raise lost()
        if self._sent is None:
            yield from self._open()
        yield self._said("response.output_text.delta", delta=text[len(sent) :], logprobs=[])
        self._sent = text

    def rest(self, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """All that is left of an answer. ApiError if what was sent is not its beginning."""
        for number, item in enumerate(body["output"]):
            if item["type"] == "function_call":
                call = {"id": item["call_id"], "function": {"name": item["name"], "arguments": ""}}
                begun, place = call_item(call, "in_progress"), {"item_id": item["id"], "output_index": number}
                yield self._event("response.output_item.added", output_index=number, item=begun)
                arguments = item["arguments"]
                yield self._event("response.function_call_arguments.delta", **place, delta=arguments)
                yield self._event(
                    "response.function_call_arguments.done", **place, name=item["name"], arguments=arguments
                )
            else:
                text = item["content"][0]["text"]
                if not text.startswith(self._sent or ""):
                    raise lost()
                yield from self.piece(0, text)
                if self._sent is None:  # an answer of no words
                    yield from self._open()
                yield self._said("response.output_text.done", text=text, logprobs=[])
                yield self._said("response.content_part.done", part=text_part(text))
            yield self._event("response.output_item.done", output_index=number, item=item)
        yield self._event(f"response.{body['status']}", response={**body, "created_at": self._created})

    def _open(self) -> Iterator[dict[str, Any]]:
        item = message_item(self._id, [], "in_progress")
        yield self._event("response.output_item.added", output_index=0, item=item)
        yield self._said("response.content_part.added", part=text_part(""))

    def _said(self, kind: str, **more: Any) -> dict[str, Any]:
        item = message_item(self._id, [], "")["id"]
        return self._event(kind, item_id=item, output_index=0, content_index=0, **more)

    def _event(self, kind: str, **more: Any) -> dict[str, Any]:
        self._number += 1
        return {"type": kind, "sequence_number": self._number, **more}
