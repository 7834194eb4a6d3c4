"""Responses: the answer to a chat as `/v1/responses` words it: items of output, and what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.completions.request import Request

CUT = "length"


def response(request: Request, chat: Mapping[str, Any]) -> dict[str, Any]:
    """The response that an answer to a chat comes to."""
    (choice,) = chat["choices"]
    usage = chat["usage"]
    cut = choice["finish_reason"] == CUT
    return {
        **head(request, chat["id"], chat["created"], "incomplete" if cut else "completed"),
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": output(chat["id"], choice),
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage["total_tokens"],
        },
    }


def head(request: Request, id: str, created: int, status: str) -> dict[str, Any]:
    """A response that has no output yet."""
    defaults: dict[str, Any] = {
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "tools": [],
        "tool_choice": "auto",
    }
    return {
        "id": id,
        "object": "response",
        "created_at": created,
        "status": status,
        "model": request.model,
        "error": None,
        "incomplete_details": None,
        "output": [],
        "previous_response_id": None,
        "store": False,
        "truncation": "disabled",
        "usage": None,
        **defaults,
        "text": {"format": {"type": "text"}},
        **request.told,
    }


def output(id: str, choice: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The items of a choice: a message, or calls of functions."""
    message = choice["message"]
    if "tool_calls" in message:
        return [call_item(call, "completed") for call in message["tool_calls"]]
    status = "incomplete" if choice["finish_reason"] == CUT else "completed"
    return [message_item(id, [text_part(message["content"])], status)]


def message_item(id: str, content: list[dict[str, Any]], status: str) -> dict[str, Any]:
    """A message of the response with this id."""
    name = f"msg_{id.removeprefix('resp_')}"
    return {"id": name, "type": "message", "role": "assistant", "status": status, "content": content}


def text_part(text: str) -> dict[str, Any]:
    """What a message says."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def call_item(call: Mapping[str, Any], status: str) -> dict[str, Any]:
    """A call of a function."""
    function = call["function"]
    name = f"fc_{call['id'].removeprefix('call_')}"
    return {"id": name, "type": "function_call", "status": status, "call_id": call["id"], **function}
