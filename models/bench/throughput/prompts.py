"""Prompts of a user's own, from a file in one of the shapes that benchmarks have, and prompts made longer.

Knows no server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from models.engines.engine import Message
from models.errors import ModelNotFound, reason_of

TEXTS = ("prompt", "messages", "conversations", "text", "text_input")
"""What is sent, as `vllm bench serve --dataset-name custom` and guidellm, OpenAI, ShareGPT, and AIPerf name it."""
LENGTHS = ("output_tokens", "output_tokens_count", "output_length")
"""How long free text is, as vLLM, guidellm and AIPerf name it."""
PEOPLE = ("human", "user")
"""Who asks in a conversation of ShareGPT's."""
LABELS = ("id", "prompt_tokens_count", "input_length")
"""What such a row tells of itself, and asks for nothing."""
_SHAPES = ", ".join(f"`{name}`" for name in TEXTS)
_WORDS = "the customer wrote that train ticket and hotel were late when she came to town with two bags for her".split()


@dataclass(frozen=True)
class Prompt:
    """What is sent. `output_tokens`: how long free text is; None: as long as `answer`, which somebody gave to it, or
    where that is not known either, as constrained answers are."""

    messages: tuple[Message, ...]
    output_tokens: int | None = None
    answer: str = ""

    @property
    def size(self) -> int:
        """Characters of all that is sent and answered: four for a token where an answer's length alone is told."""
        answer = 4 * self.output_tokens if self.output_tokens else len(self.answer)
        return sum(len(message.content) for message in self.messages) + answer


def read_prompts(file: Path, tell: Callable[[str], None] = lambda _: None) -> tuple[Prompt, ...]:
    """The prompts of a file with one JSON object a line, or of one JSON array: each has one of TEXTS, and may have one
    of LENGTHS, and LABELS. Of a conversation the first turn of a person is sent, behind what the system says, and the
    turn that answers it says how long free text is, as in `vllm bench serve`; `tell` hears how many have no person's.

    Raises ModelNotFound for a file that cannot be read, has no prompt, or has another column.
    """
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelNotFound(f"{file} cannot be read ({reason_of(error)}).", "Check the path.") from error
    rows = [_prompt(row, where) for row, where in _rows(text, str(file))]
    found = tuple(row for row in rows if row is not None)
    if not found:
        raise ModelNotFound(f"There is no prompt in {file}.", 'Write one a line, as {"prompt": "…"}.')
    if silent := len(rows) - len(found):
        tell(f"Left out: {silent} conversations of {file} in which no person speaks.")
    return found


def lengthened(messages: Sequence[Message], words: int, number: int) -> list[Message]:
    """The same with `words` words in front of the first one, others for each request `number`: a prefix that several
    prompts share would come from the server's cache."""
    if not words:
        return list(messages)
    random, (first, *others) = Random(number), messages
    filler = " ".join([f"Record {number}:", *(random.choice(_WORDS) for _ in range(words)), "(end of record)"])
    return [Message(first.role, f"{filler} {first.content}"), *others]


def _rows(text: str, file: str) -> list[tuple[Any, str]]:
    """Each row, and where it stands."""
    if text.lstrip().startswith("["):
        try:
            return [(row, f"{file}, row {number}") for number, row in enumerate(json.loads(text), 1)]
        except ValueError as error:
            raise ModelNotFound(f"{file} is no JSON ({error}).", "Write an array of objects, or one a line.") from None
    found: list[tuple[Any, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        where = f"{file}, line {number}"
        try:
            found += [(json.loads(line), where)] if line.strip() else []
        except ValueError:
            raise ModelNotFound(f"{where} is no JSON.", 'Write one object a line, as {"prompt": "…"}.') from None
    return found


def _prompt(row: Any, where: str) -> Prompt | None:
    """None for a conversation in which no person speaks."""
    given = [name for name in TEXTS if name in row] if isinstance(row, dict) else []
    if len(given) != 1:
        raise ModelNotFound(f"{where} needs one of {_SHAPES}, and has {len(given)}.", 'Write {"prompt": "…"}.')
    if unknown := [name for name in row if name not in (*TEXTS, *LENGTHS, *LABELS)]:
        raise ModelNotFound(
            f"{where} has a column `{unknown[0]}`.", f"Leave only {', '.join((*TEXTS, *LENGTHS, *LABELS))}."
        )
    lengths = [name for name in LENGTHS if row.get(name) is not None]
    if len(lengths) > 1:
        raise ModelNotFound(f"{where} has `{lengths[0]}` and `{lengths[1]}`.", "Leave one of them.")
    tokens = row[lengths[0]] if lengths else None
    if tokens is not None and (type(tokens) is not int or tokens < 1):
        raise ModelNotFound(f"{where} has {tokens!r} for `{lengths[0]}`.", "Write a whole number from 1.")
    (name,) = given
    if name == "messages":
        return Prompt(_messages(row[name], where), tokens)
    if name == "conversations":
        return _conversation(row[name], where, tokens)
    if not isinstance(row[name], str):
        raise ModelNotFound(f"{where} has a `{name}` that is no text.", f'Write {{"{name}": "…"}}.')
    return Prompt((Message("user", row[name]),), tokens)


def _conversation(given: Any, where: str, tokens: int | None) -> Prompt | None:
    """The first turn of a person in a conversation of ShareGPT's, which is a list of `from` and `value`."""
    if not isinstance(given, list) or not all(isinstance(one, dict) and "value" in one for one in given):
        raise ModelNotFound(
            f"{where} has `conversations` that are none.", 'Write [{"from": "human", "value": "…"}], as ShareGPT does.'
        )
    if not all(isinstance(one["value"], str) for one in given):
        raise ModelNotFound(f"{where} has a turn that is no text.", 'Write {"from": "human", "value": "…"}.')
    turns = [(one.get("from", "human"), one["value"]) for one in given]
    place = next((place for place, (who, _) in enumerate(turns) if who in PEOPLE), None)
    if place is None:
        return None
    system = [Message("system", text) for who, text in turns[:place] if who == "system"]
    answer = next((text for who, text in turns[place + 1 : place + 2] if who not in PEOPLE), "")
    return Prompt((*system, Message("user", turns[place][1])), tokens, answer)


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
