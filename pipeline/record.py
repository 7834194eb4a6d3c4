"""Record: one request of a batch, and the turns it is made of, checked and made harmless. Knows the two input forms;
reads no files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from models.grammar.grammar import normalise

MAX_CHARACTERS = 20_000
"""Longest text of a record, all its turns together: about five thousand words, far beyond any request."""
MAX_ID = 256


@dataclass(frozen=True)
class Turn:
    """What one side said, verbatim. `earlier`: in an earlier request of the same conversation, which has ended."""

    role: Literal["customer", "assistant"]
    text: str
    earlier: bool = False


class BadRecord(ValueError):
    """An input line that cannot be served. `str(error)` is the reason in one sentence."""


@dataclass(frozen=True)
class Record:
    """A conversation under an id that is unique in its batch. Texts are normalised: no control characters, NFC."""

    id: str
    conversation: tuple[Turn, ...]

    @classmethod
    def of(cls, id: str, text: str) -> Record:
        """A record with a single message of a customer. BadRecord as for `parse`."""
        return cls.parse({"custom_id": id, "text": text})

    @classmethod
    def parse(cls, line: object) -> Record:
        """Read `{"custom_id", "text"}` or the OpenAI batch form (`custom_id`, `body.messages`). Raises BadRecord."""
        if not isinstance(line, dict):
            raise BadRecord("The line is not a JSON object.")
        turns = turns_of(line)
        if not any(turn.text for turn in turns if turn.role == "customer"):
            raise BadRecord("The text is empty.")
        length = sum(len(turn.text) for turn in turns)
        if length > MAX_CHARACTERS:
            raise BadRecord(f"The text has {length:,} characters, and at most {MAX_CHARACTERS:,} are read.")
        return cls(_id(line.get("custom_id")), tuple(turn for turn in turns if turn.text))

    @classmethod
    def restore(cls, id: str, input: str) -> Record:
        """The record of which `input` is this."""
        return cls(id, tuple(Turn(*turn) for turn in json.loads(input)))

    @property
    def text(self) -> str:
        """All that the customer said about this request."""
        return "\n".join(turn.text for turn in self.conversation if turn.role == "customer" and not turn.earlier)

    @property
    def input(self) -> str:
        """The conversation as JSON, by which a later run recognises the record."""
        return json.dumps([[turn.role, turn.text, *([True] if turn.earlier else [])] for turn in self.conversation])


def _id(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadRecord('"custom_id" is missing or not a text.')
    if len(value) > MAX_ID or not value.isprintable():
        raise BadRecord(f'"custom_id" is longer than {MAX_ID} characters or has some that cannot be printed.')
    return value


def turns_of(line: Mapping[str, Any]) -> list[Turn]:
    """What was said by whom, normalised, of a line or a body in either form, however long. Raises BadRecord."""
    if "text" in line:
        if not isinstance(line["text"], str):
            raise BadRecord('"text" is not a text.')
        return [Turn("customer", normalise(line["text"]))]
    body = line.get("body")
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list) or not messages:
        raise BadRecord('There is neither "text" nor "body.messages".')
    turns = []
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        if role in ("user", "assistant"):
            turns.append(Turn("customer" if role == "user" else "assistant", normalise(_content(message))))
        elif role not in ("system", "developer"):  # the app speaks for itself: other instructions are not followed
            raise BadRecord('A message in "body.messages" is from neither "user" nor "assistant".')
    if not turns or turns[-1].role != "customer":
        raise BadRecord('The last message of "body.messages" is not from "user".')
    return turns


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [
            part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in content
        ]
        if parts and all(isinstance(part, str) for part in parts):
            return "\n".join(str(part) for part in parts)
    raise BadRecord('The "content" of a message is not text.')
