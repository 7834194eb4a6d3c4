"""Messages: a chat of OpenAI's form as an engine takes it. Whatever cannot be taken is a BadRecord, with its place."""

from __future__ import annotations

import json
from collections.abc import Sequence

from models.engines.engine import Message
from pipeline.completions.scalars import shown
from pipeline.json_text import JsonFault, read_json
from pipeline.record import BadRecord

ROLES = ("system", "developer", "user", "assistant", "tool")
_CALL = {"id", "type", "function", "index"}
"""What a call may hold: clients that put one together from a stream send its `index` back."""


def read_messages(value: object) -> tuple[Message, ...]:
    """A chat as an engine takes it. BadRecord, with the place of what is wrong.

    The calls of an assistant stand in its turn as the JSON that a model writes; what tools returned is told by the
    user's side, several results in one turn.
    """
    if not isinstance(value, list) or not value:
        raise BadRecord('"messages" is no list of messages, or an empty one.')
    messages: list[Message] = []
    called: dict[str, str] = {}
    answered = False
    for number, one in enumerate(value):
        where = f"messages[{number}]"
        if not isinstance(one, dict):
            raise BadRecord(f'"{where}" is no JSON object.')
        role = one.get("role")
        if role not in ROLES:
            raise BadRecord(f'"{where}.role" is {shown(role)}, and may be {", ".join(ROLES)}.')
        taken = {"tool_calls"} if role == "assistant" else {"tool_call_id", "name"} if role == "tool" else set()
        for name, more in one.items():
            if name not in {"role", "content", *taken} and more not in (None, [], {}):
                raise BadRecord(f'"{where}.{name}" is refused: it is not known here.')
        text = _content(one.get("content"), where, role == "assistant" and bool(one.get("tool_calls")))
        if role in ("system", "developer"):
            messages.append(Message("system", text))
        elif role == "user":
            messages.append(Message("user", text))
        elif role == "assistant":
            calls = _calls(one.get("tool_calls"), where, called)
            messages.append(Message("assistant", "\n".join(part for part in (text, calls) if part)))
        else:
            id = one.get("tool_call_id")
            if not isinstance(id, str) or id not in called:
                raise BadRecord(f'"{where}.tool_call_id" names no call of a message before it.')
            if one.get("name") not in (None, called[id]):
                raise BadRecord(f'"{where}.name" is {shown(one["name"])}, and the call was of {called[id]}.')
            result = f"{called[id]} returned: {text}"
            if answered:
                result = f"{messages.pop().content}\n{result}"
            messages.append(Message("user", result))
        answered = role == "tool"
    return tuple(messages)


def _calls(value: object, where: str, called: dict[str, str]) -> str:
    if not value:
        return ""
    if not isinstance(value, list):
        raise BadRecord(f'"{where}.tool_calls" is no list.')
    rows: list[dict[str, object]] = []
    ids = set[str]()
    for number, call in enumerate(value):
        place = f"{where}.tool_calls[{number}]"
        function = call.get("function") if isinstance(call, dict) and call.get("type", "function") == "function" else {}
        id = call.get("id") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not isinstance(id, str):
            raise BadRecord(f'"{place}" is no call of a function with an id.')
        for name in [*(call.keys() - _CALL), *(f"function.{name}" for name in function.keys() - {"name", "arguments"})]:
            raise BadRecord(f'"{place}.{name}" is refused: it is not known here.')
        if id in ids:  # of the same turn; some servers begin to count anew in each
            raise BadRecord(f'"{place}.id" is that of a call beside it.')
        ids.add(id)
        called[id] = function["name"]
        rows.append({"name": function["name"], "arguments": _arguments(function.get("arguments"), place)})
    return json.dumps({"tool_calls": rows}, ensure_ascii=False, separators=(",", ":"))


def _arguments(value: object, place: str) -> object:
    try:
        read: object = read_json(value or "{}", "The text") if isinstance(value, str) else None
    except JsonFault as error:
        raise BadRecord(f'"{place}.function.arguments" cannot be read: {error}') from None
    if not isinstance(read, dict):
        raise BadRecord(f'"{place}.function.arguments" is no text of a JSON object.')
    return read


def _content(value: object, where: str, empty: bool) -> str:
    if value is None and empty:
        return ""
    if isinstance(value, str):
        return value
    for part in value if isinstance(value, list) and value else [None]:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            kind = part.get("type") if isinstance(part, dict) else None
            told = (
                f"{kind} is refused: models here read text only." if kind else "is neither a text nor a list of parts."
            )
            raise BadRecord(f'"{where}.content": {told}')
        for name in part.keys() - {"type", "text"}:
            raise BadRecord(f'"{where}.content.{name}" is refused: it is not known here.')
    return "\n".join(part["text"] for part in value) if isinstance(value, list) else ""


def instructed(messages: Sequence[Message], more: str) -> tuple[Message, ...]:
    """The messages, with this behind the first system message, or in one of its own."""
    first, *others = messages
    if first.role == "system":
        return (Message("system", f"{first.content}\n\n{more}"), *others)
    return (Message("system", more), *messages)
