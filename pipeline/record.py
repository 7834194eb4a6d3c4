"""Record: one request of a batch, and the turns it is made of, checked and made harmless. Knows the two input forms;
reads no files.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from models.grammar.grammar import normalise

MAX_CHARACTERS = 20_000
"""Longest text of a record, all its turns together: about five thousand words, far beyond any request."""
MAX_ID = 256
CHAT = "/v1/chat/completions"
"""The route of OpenAI's API that an app answers."""


@dataclass(frozen=True)
class Turn:
    """What one side said, verbatim. `earlier`: in an earlier request of the same conversation, which has ended."""

    role: Literal["customer", "assistant"]
    text: str
    earlier: bool = False


TEXT_KEYS = frozenset({"custom_id", "text"})
BATCH_KEYS = frozenset({"custom_id", "body", "method", "url"})
"""What is read of a line of requests, of one with a text or of one in OpenAI's form."""


class BadRecord(ValueError):
    """An input line that cannot be served. `str(error)` is the reason in one sentence; `id`: its custom_id, if told."""

    def __init__(self, reason: str, id: str | None = None) -> None:
        super().__init__(reason)
        self.id = id


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
    def parse(cls, line: object, model: str = "") -> Record:
        """Read `{"custom_id", "text"}` or the OpenAI batch form (`custom_id`, `body.messages`). Raises BadRecord.

        `model`: the name that `body.model` may have, the app's; "": none.
        """
        if not isinstance(line, dict):
            raise BadRecord("The line is not a JSON object.")
        turns = turns_of(line, model)
        if not any(turn.text for turn in turns if turn.role == "customer"):
            raise BadRecord("The text is empty.")
        length = sum(len(turn.text) for turn in turns)
        if length > MAX_CHARACTERS:
            raise BadRecord(f"The text has {length:,} characters, and at most {MAX_CHARACTERS:,} are read.")
        return cls(read_id(line.get("custom_id")), tuple(turn for turn in turns if turn.text))

    @classmethod
    def restore(cls, id: str, input: str) -> Record:
        """The record of which `input` is this."""
        record = cls(id, tuple(Turn(*turn) for turn in json.loads(input)))
        vars(record)["input"] = input  # which was made of it before
        return record

    @property
    def text(self) -> str:
        """All that the customer said about this request."""
        return "\n".join(turn.text for turn in self.conversation if turn.role == "customer" and not turn.earlier)

    @cached_property
    def input(self) -> str:
        """The conversation as JSON, by which a later run recognises the record."""
        return json.dumps([[turn.role, turn.text, *([True] if turn.earlier else [])] for turn in self.conversation])


def read_id(value: object, name: str = "custom_id") -> str:
    """A record's id, which `name` holds; a whole number is its digits. BadRecord for what is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise BadRecord(f'"{name}" is missing, or neither a text nor a whole number.')
    if len(value) > MAX_ID or not value.isprintable():
        raise BadRecord(f'"{name}" is longer than {MAX_ID} characters or has some that cannot be printed.')
    return value


NEUTRAL: Mapping[str, object] = {
    **{"n": 1, "stream": False, "store": False, "logprobs": False, "echo": False, "parallel_tool_calls": True},
    **{"top_p": 1, "presence_penalty": 0, "frequency_penalty": 0},
    **{"response_format": {"type": "text"}, "tools": [], "tool_choice": "none", "logit_bias": {}, "stop": []},
    **{"metadata": {}, "modalities": ["text"], "service_tier": "auto"},
    **{"background": False, "truncation": "disabled", "include": []},
}
"""Options of OpenAI's API, each with the value by which it asks for nothing: what holds where it is not given."""


ITSELF = "have the model itself answer, with `interlock batch` or, over HTTP, under its own name"
"""What obeys all options instead."""


def asks(name: str, value: object) -> bool:
    """Whether an option asks for anything: null, and what OpenAI takes where nothing is given, do not."""
    return value is not None and not (name in NEUTRAL and value == NEUTRAL[name])


def refuse_options(body: Mapping[str, Any], obeyed: Collection[str]) -> None:
    """BadRecord, by name, for the first option of a chat that an app does not obey: it speaks for itself."""
    for name, value in body.items():
        if name not in obeyed and asks(name, value):
            raise BadRecord(
                f'"{name}" cannot be obeyed: an app decides itself how its model is asked. Leave it out, or {ITSELF}.'
            )


def turns_of(line: Mapping[str, Any], model: str = "") -> list[Turn]:
    """What was said by whom, normalised, of a line in either form, however long; `model` as for `Record.parse`.

    Raises BadRecord, also for an option that would not be obeyed.
    """
    if "text" in line:
        if not isinstance(line["text"], str):
            raise BadRecord('"text" is not a text.')
        if "body" in line:
            raise BadRecord('There are both "text" and "body": give one of them.')
        return [Turn("customer", normalise(line["text"]))]
    body = line.get("body")
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(messages, list) or not messages:
        raise BadRecord('There is neither "text" nor "body.messages".')
    if line.get("method", "POST") != "POST" or line.get("url", CHAT) != CHAT:
        raise BadRecord(f"The line does not ask for POST {CHAT}, which is all that an app answers.")
    refuse_options(body, ("messages", "model"))
    if body.get("model") not in (None, model):
        named = f'name "{model}" or leave it out.' if model else "leave it out."
        raise BadRecord(f'"body.model" is {json.dumps(body["model"])[:80]}, but an app answers: {named}')
    return chat_turns(messages)


def chat_turns(messages: Sequence[object]) -> list[Turn]:
    """What was said by whom, normalised, of a chat in OpenAI's form. BadRecord for anything else in it."""
    turns = []
    for message in messages:
        if not isinstance(message, dict):
            raise BadRecord('A message in "body.messages" is not a JSON object.')
        role = message.get("role")
        if role in ("system", "developer"):
            raise BadRecord(
                f'A message from "{role}" cannot be obeyed: an app speaks for itself. Leave it out, or {ITSELF}.'
            )
        if role not in ("user", "assistant"):
            raise BadRecord('A message in "body.messages" is from neither "user" nor "assistant".')
        for name, value in message.items():
            if name not in ("role", "content") and value not in (None, []):
                raise BadRecord(f'"{name}" of a message cannot be obeyed: an app reads "role" and "content" only.')
        turns.append(Turn("customer" if role == "user" else "assistant", normalise(_content(message))))
    if not turns or turns[-1].role != "customer":
        raise BadRecord('The last message of "body.messages" is not from "user".')
    return turns


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") if _is_text(part) else None for part in content]
        if parts and all(isinstance(part, str) for part in parts):
            return "\n".join(str(part) for part in parts)
    raise BadRecord('The "content" of a message is not text.')


def _is_text(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and part.keys() <= {"type", "text"}
