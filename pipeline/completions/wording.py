"""Wording: answers in the form of OpenAI's API: ids, choices, calls of tools, vectors. Asks nobody."""

from __future__ import annotations

import base64
import hashlib
import json
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.completions.drawing import Drawn
from pipeline.completions.options import RESPONSES, TEXT
from pipeline.completions.request import Request
from pipeline.record import CHAT

_IDS = {CHAT: "chatcmpl-", TEXT: "cmpl-", RESPONSES: "resp_"}


def answer_id(request: Request, record: str) -> str:
    """What the API calls the answer to a request under an id."""
    return f"{_IDS[request.route]}{short_digest(record)}"


def chat_choice(request: Request, index: int, drawn: Drawn, record: str) -> dict[str, Any]:
    """One choice of a chat's answer."""
    message: dict[str, Any] = {"role": "assistant", "content": drawn.text, "refusal": None}
    reason = drawn.finish_reason
    if request.shape.calls:
        said = json.loads(drawn.text)
        if "tool_calls" in said:
            message |= {"content": None, "tool_calls": _tool_calls(said["tool_calls"], f"{record}\0{index}")}
            reason = "tool_calls"
        else:
            content = said["content"]
            message["content"] = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    scores = None if request.sampling.logprobs is None else {"content": list(drawn.logprobs), "refusal": None}
    return {"index": index, "message": message, "finish_reason": reason, "logprobs": scores}


def _tool_calls(calls: Sequence[Mapping[str, Any]], where: str) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{short_digest(f'{where}{number}')}",
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)},
        }
        for number, call in enumerate(calls)
    ]


def text_choice(request: Request, index: int, drawn: Drawn, record: str) -> dict[str, Any]:
    """One choice of what a text goes on with."""
    scores: dict[str, Any] | None = None
    if request.sampling.logprobs is not None:
        tokens = [str(one["token"]) for one in drawn.logprobs]
        scores = {
            "tokens": tokens,
            "token_logprobs": [one["logprob"] for one in drawn.logprobs],
            "top_logprobs": [
                {other["token"]: other["logprob"] for other in one["top_logprobs"]} for one in drawn.logprobs
            ],
            "text_offset": [sum(map(len, tokens[:number])) for number in range(len(tokens))],
        }
    text = request.prefix + drawn.text
    return {"index": index, "text": text, "finish_reason": drawn.finish_reason, "logprobs": scores}


def packed(row: Sequence[float]) -> str:
    """A vector as `encoding_format` base64 has it."""
    return base64.b64encode(array("f", row).tobytes()).decode()


def short_digest(text: str) -> str:
    """Twenty-four hexadecimal digits for an id."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
