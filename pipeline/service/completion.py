"""Completion: a turn's events as OpenAI's API words them, and the request as it words that. Knows no conversation."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline.chat.transcript import turns
from pipeline.events import Answered, Asked, Numbered, TurnFinished
from pipeline.journal.queries import Queries
from pipeline.service.strict import Strict
from pipeline.service.timeline import tokens

MOST_MESSAGES = 500
WITH_A_PERSON = "A person will answer you."
NOTHING = "This is still being worked on: ask again in a moment."


class ChatMessage(BaseModel):
    """One message of the history. What else it holds is kept, so that what cannot be obeyed is refused by name."""

    model_config = ConfigDict(extra="allow")

    role: str = Field(max_length=40)
    content: str | list[dict[str, Any]] | None = None


class StreamOptions(Strict):
    """What a stream holds besides text."""

    include_usage: bool = False


class Thread(Strict):
    """Which conversation a history is of, for clients that know: `interlock.conversation` of the last completion."""

    conversation: str = Field(max_length=200)


class ChatRequest(BaseModel):
    """A chat as OpenAI's clients send it. Other options are kept, so that what cannot be obeyed is refused by name."""

    model_config = ConfigDict(extra="allow")

    model: str
    messages: list[ChatMessage] = Field(min_length=1, max_length=MOST_MESSAGES)
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: str | None = Field(None, max_length=200)
    safety_identifier: str | None = Field(None, max_length=200)
    metadata: dict[str, Any] | None = None
    interlock: Thread | None = None


@dataclass(frozen=True)
class Completed:
    """What came of a message: the text for the user, and what a program can use under `interlock`."""

    conversation: str
    number: int
    text: str
    extra: dict[str, Any]
    spent: tuple[int, int]

    @property
    def id(self) -> str:
        """As the API names a completion."""
        return f"chatcmpl-{self.conversation}-{self.number}"

    @property
    def usage(self) -> dict[str, int]:
        """Tokens of the whole request: every attempt and every question before it."""
        prompt, completion = self.spent
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

    def body(self, model: str) -> dict[str, Any]:
        """All of it at once."""
        message = {"role": "assistant", "content": self.text, "refusal": None}
        return {
            "id": self.id,
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            "usage": self.usage,
            "interlock": self.extra,
        }

    def chunks(self, model: str, created: int, usage: bool) -> Iterator[dict[str, Any]]:
        """Piece by piece."""
        head = {"id": self.id, "object": "chat.completion.chunk", "created": created, "model": model}
        yield {**head, "choices": [_choice({"role": "assistant", "content": self.text})]}
        yield {**head, "choices": [_choice({}, "stop")], "interlock": self.extra}
        if usage:
            yield {**head, "choices": [], "usage": self.usage}


def completed(journal: Queries, conversation: str, events: Sequence[Numbered]) -> Completed:
    """What a turn's events say."""
    record, status = "", "unfinished"
    extra: dict[str, Any] = {"question": None, "choices": None, "result": None, "contract": None, "quotes": []}
    for numbered in events:
        record = numbered.event.record
        match numbered.event:
            case Answered() as answered:
                extra |= {"result": answered.result, "contract": answered.contract, "quotes": list(answered.quotes)}
            case Asked(question=question):
                extra |= {"question": question.row(), "choices": question.choices}
            case TurnFinished() as finished:
                status = str(finished.status)
    spoken = [turn.text for turn in turns(events) if turn.role != "customer"]
    text = "\n\n".join(spoken) or (WITH_A_PERSON if status == "escalated" else NOTHING)
    extra = {"status": status, "conversation": conversation, **extra}
    return Completed(conversation, events[-1].id if events else 0, text, extra, tokens(journal, record))


def _choice(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
