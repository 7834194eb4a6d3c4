"""Answers in OpenAI's form among results, as a table tells of them: what they say. Knows the forms; makes none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEYS = {"object", "model", "usage"}
_STAMPS = {"created", "created_at"}


def said(result: Mapping[str, Any]) -> str | None:
    """The texts of an answer and its calls of functions, or how many embeddings it has; None for what is no such."""
    if not result.keys() >= _KEYS:
        return None
    match result["object"]:
        case "chat.completion":
            told = [_message(choice["message"]) for choice in result["choices"]]
        case "text_completion":
            told = [choice["text"] for choice in result["choices"]]
        case "response":
            told = [_item(item) for item in result["output"]]
        case "list":
            told = [f"{len(result['data'])} embeddings"]
        case _:
            return None
    return "\n".join(told)


def unstamped(result: Any) -> Any:
    """A result without the time at which it was made, for whoever compares two."""
    if isinstance(result, Mapping) and result.keys() >= _KEYS:
        return {name: value for name, value in result.items() if name not in _STAMPS}
    return result


def _message(message: Mapping[str, Any]) -> str:
    return message.get("content") or "\n".join(_call(call["function"]) for call in message.get("tool_calls", ()))


def _item(item: Mapping[str, Any]) -> str:
    return _call(item) if item["type"] == "function_call" else "".join(part["text"] for part in item["content"])


def _call(function: Mapping[str, Any]) -> str:
    return f"{function['name']}({function['arguments']})"
