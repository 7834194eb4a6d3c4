"""Prompts of a user's own, from a file with one JSON object a line, and prompts made longer. Knows no server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from models.engines.engine import Message
from models.errors import ModelNotFound, reason_of

COLUMNS = ("prompt", "messages", "output_tokens")
"""As `vllm bench serve --dataset-name custom` has them, and OpenAI's `messages`."""
_WORDS = "the customer wrote that train ticket and hotel were late when she came to town with two bags for her".split()


@dataclass(frozen=True)
class Prompt:
    """What is sent. `output_tokens`: how long free text is; None: as long as constrained answers are."""

    messages: tuple[Message, ...]
    output_tokens: int | None = None


def read_prompts(file: Path) -> tuple[Prompt, ...]:
    """The prompts of a JSONL file: each line has `prompt` or `messages`, and may have `output_tokens`.

    Raises ModelNotFound for a file that cannot be read, has no prompt, or has another column.
    """
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelNotFound(f"{file} cannot be read ({reason_of(error)}).", "Check the path.") from error
    found = tuple(_prompt(line, f"{file}, line {number}") for number, line in enumerate(lines, 1) if line.strip())
    if not found:
        raise ModelNotFound(f"There is no prompt in {file}.", 'Write one a line, as {"prompt": "…"}.')
    return found


def lengthened(messages: Sequence[Message], words: int, number: int) -> list[Message]:
    """The same with `words` words in front of the first one, others for each request `number`: a prefix that several
    prompts share would come from the server's cache."""
    if not words:
        return list(messages)
    random, (first, *others) = Random(number), messages
    filler = " ".join([f"Record {number}:", *(random.choice(_WORDS) for _ in range(words)), "(end of record)"])
    return [Message(first.role, f"{filler} {first.content}"), *others]


def _prompt(line: str, where: str) -> Prompt:
    try:
        row = json.loads(line)
    except ValueError:
        raise ModelNotFound(f"{where} is no JSON.", 'Write one object a line, as {"prompt": "…"}.') from None
    if not isinstance(row, dict) or ("prompt" in row) == ("messages" in row):
        raise ModelNotFound(f"{where} needs either a `prompt` or `messages`.", 'Write {"prompt": "…"}.')
    if unknown := [name for name in row if name not in COLUMNS]:
        raise ModelNotFound(f"{where} has a column `{unknown[0]}`.", f"Leave only {', '.join(COLUMNS)}.")
    tokens = row.get("output_tokens")
    if tokens is not None and (type(tokens) is not int or tokens < 1):
        raise ModelNotFound(f"{where} has {tokens!r} for `output_tokens`.", "Write a whole number from 1.")
    if "prompt" in row:
        if not isinstance(row["prompt"], str):
            raise ModelNotFound(f"{where} has a `prompt` that is no text.", 'Write {"prompt": "…"}.')
        return Prompt((Message("user", row["prompt"]),), tokens)
    return Prompt(_messages(row["messages"], where), tokens)


def _messages(given: Any, where: str) -> tuple[Message, ...]:
    if not isinstance(given, list) or not given or not all(map(_is_message, given)):
        raise ModelNotFound(
            f"{where} has `messages` that are none.", 'Write [{"role": "user", "content": "…"}], with texts only.'
        )
    return tuple(Message(one["role"], one["content"]) for one in given)


def _is_message(one: Any) -> bool:
    if not isinstance(one, dict) or one.keys() != {"role", "content"}:
        return False
    return one["role"] in ("system", "user", "assistant") and isinstance(one["content"], str)
