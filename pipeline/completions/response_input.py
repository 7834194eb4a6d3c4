"""ResponseInput: a body of `/v1/responses` as the chat that it asks for. Knows the form of both; obeys nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.record import BadRecord

_NAMES = {
    "response_format.json_schema.schema": "text.format.schema",
    "response_format.json_schema.": "text.format.",
    "response_format": "text.format",
    "max_completion_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "messages": "input",
    ".function.": ".",
}
"""What options of a chat are called here, where it is not the same."""
_REPEATED = ("instructions", "max_output_tokens", "metadata", "text", "tools", "tool_choice", "user", "reasoning")
_PARTS = ("input_text", "output_text", "text")
_KEPT = ("id", "status", "annotations", "logprobs", "type")
"""What clients send back with items of an answer, and asks for nothing."""


def renamed(message: str) -> str:
    """What was said of an option of a chat, with the name that it has here."""
    head, quote, rest = message.partition('" ') if message.startswith('"') else ("", "", message)
    for chat, here in _NAMES.items():
        if chat in head:
            head = head.replace(chat, here)
            break
    return head + quote + rest


def repeated(body: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer says again of its request."""
    given = {name: body[name] for name in _REPEATED if name in body}
    draw = {"temperature": body.get("temperature", 1.0), "top_p": body.get("top_p", 1.0)}
    return {**given, **draw, "parallel_tool_calls": body.get("parallel_tool_calls", True)}


def chat_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the chat. BadRecord, with the place of what cannot be obeyed."""
    same = ("temperature", "top_p", "parallel_tool_calls", "metadata")
    chat = {name: body[name] for name in same if name in body}
    instructions = body.get("instructions")
    if instructions is not None and not isinstance(instructions, str):
        raise BadRecord('"instructions" is not a text.')
    first = [{"role": "system", "content": instructions}] if instructions else []
    chat["messages"] = [*first, *_messages(body.get("input"))]
    if "max_output_tokens" in body:
        chat["max_completion_tokens"] = body["max_output_tokens"]
    if (format := _only(body, "text", "format")) is not None:
        chat["response_format"] = _format(format)
    if (effort := _only(body, "reasoning", "effort")) is not None:
        chat["reasoning_effort"] = effort
    if "tools" in body:
        chat["tools"] = [_tool(tool) for tool in body["tools"]] if isinstance(body["tools"], list) else body["tools"]
    choice = body.get("tool_choice")
    if choice is not None:
        named = isinstance(choice, dict) and choice.get("type") == "function" and choice.keys() == {"type", "name"}
        chat["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}} if named else choice
    return chat


def _messages(given: object) -> list[dict[str, Any]]:
    if isinstance(given, str) and given:
        return [{"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise BadRecord('"input" is neither a text nor a list of items, or it is empty.')
    messages: list[dict[str, Any]] = []
    called = set[str]()
    for number, item in enumerate(given):
        where = f"input[{number}]"
        if not isinstance(item, dict):
            raise BadRecord(f'"{where}" is no JSON object.')
        kind = item.get("type", "message")
        if kind == "message":
            _check(item, where, {"role", "content"})
            messages.append({"role": item.get("role"), "content": _text(item.get("content"), f"{where}.content")})
        elif kind == "function_call":
            _check(item, where, {"call_id", "name", "arguments"})
            if not isinstance(item.get("call_id"), str):
                raise BadRecord(f'"{where}.call_id" is missing, or no text.')
            called.add(item["call_id"])
            function = {"name": item.get("name"), "arguments": item.get("arguments")}
            call = {"type": "function", "id": item.get("call_id"), "function": function}
            last = messages[-1] if messages else {}
            if last.get("role") == "assistant":  # calls beside each other, or beside words, are of one turn
                last["tool_calls"] = [*last.get("tool_calls", []), call]
            else:
                messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif kind == "function_call_output":
            _check(item, where, {"call_id", "output"})
            if not isinstance(item.get("call_id"), str) or item["call_id"] not in called:
                raise BadRecord(f'"{where}.call_id" names no call of an item before it.')
            content = _text(item.get("output"), f"{where}.output")
            messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": content})
        else:
            raise BadRecord(f'"{where}.type" is {kind}, which is refused: messages and calls of functions are taken.')
    return messages


def _check(item: Mapping[str, Any], where: str, names: set[str]) -> None:
    for name in item.keys() - names - set(_KEPT):
        if item[name] is not None:
            raise BadRecord(f'"{where}.{name}" is refused: it is not known here.')


def _text(content: object, where: str) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        raise BadRecord(f'"{where}" is neither a text nor a list of parts.')
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in _PARTS or not isinstance(part.get("text"), str):
            raise BadRecord(f'"{where}": {kind or "a part that is none"} is refused: models here read text only.')
        _check(part, where, {"text"})
    return "\n".join(part["text"] for part in content)


def _only(body: Mapping[str, Any], option: str, name: str) -> Any:
    """The one thing that an option may hold."""
    given = body.get(option)
    if given is None:
        return None
    if not isinstance(given, dict):
        raise BadRecord(f'"{option}" is no JSON object.')
    for other, value in given.items():
        if other != name and value is not None:
            raise BadRecord(f'"{option}.{other}" is refused: "{name}" is all that is obeyed.')
    return given.get(name)


def _format(format: object) -> object:
    if not isinstance(format, dict) or format.get("type") != "json_schema":
        return format
    return {"type": "json_schema", "json_schema": {name: one for name, one in format.items() if name != "type"}}


def _tool(tool: object) -> object:
    if not isinstance(tool, dict) or tool.get("type") != "function":
        return tool
    return {"type": "function", "function": {name: one for name, one in tool.items() if name != "type"}}
