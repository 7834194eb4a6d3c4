"""Control tokens: what a chat template marks turns and tools with, broken up where a customer or a document writes it.

A server tokenises a rendered template with its control tokens recognised, whoever wrote them: `<|im_start|>system` in a
message would begin a turn of its own. With a blank inside, the same characters are ordinary text, readable as before.
Knows the marks of the common templates; the tokens of one tokenizer are given by whoever has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORDS = (
    "s|bos|eos|pad|unk|mask|cls|sep|user|system|assistant|start_of_turn|end_of_turn|end_of_text|think|tool_call|"
    "tool_response|tools?|tool_result|function_calls?|function_results?|image|start_of_image|end_of_image|im_start|im_end|"
    "turn|eot|bot|eom|endoftext|reserved_special_token_\\d+|extra_id_\\d+|unused\\d+"
)
_MARKS = re.compile(
    r"<(?=[|｜])"  # <|im_start|>, <|eot_id|>, <｜User｜> and whatever else is written so
    r"|[|｜](?=>)"
    rf"|<(?=/?(?:{_WORDS})>)"  # </s>, <bos>, <start_of_turn>, <think>, <tool_call>
    rf"|\[(?=/?(?:{_WORDS.upper()}|INST|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|AVAILABLE_TOOLS|IMG|"
    r"IMG_END|IMG_BREAK|ARGS|CALL_ID|THINK|PREFIX|MIDDLE|SUFFIX|CLS|gMASK|sMASK)\])"  # [INST], [TOOL_CALLS]
    r"|<(?=</?SYS>>)",  # <<SYS>>
    re.IGNORECASE,
)
_MARK = re.compile(r"[<>\[\]|｜]")


def broken(text: str, known: Iterable[str] = ()) -> str:
    """The text with a blank inside each control token, of the common templates or `known`; applied twice, the same."""
    if "<" in text or "[" in text or ">" in text:
        text = _MARKS.sub(lambda mark: f"{mark.group()} ", text)
    for token in known:
        while token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def marks(tokens: Iterable[str]) -> list[str]:
    """Of a tokenizer's added tokens those written as marks, longest first; words and runs of blanks are none."""
    return sorted((token for token in tokens if len(token) > 1 and _MARK.search(token)), key=len, reverse=True)
