"""Answers: a file of answers in, each checked against what was asked; the records that got one can go on.

Knows lines and fields; serves no record. A line that cannot be used changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from models.contract import Contract
from models.grammar import normalise
from models.said import Unread
from pipeline import clarify
from pipeline.errors import UsageError
from pipeline.journal import Journal
from pipeline.requests import BadLine
from pipeline.rows import Waiting


@dataclass(frozen=True)
class Answer:
    """What a person said to a record's question, or about a record that was handed over; `line` counts from 1."""

    line: int
    record: str
    text: str


class BadAnswer(ValueError):
    """An answer that cannot be used. `str(error)` is the reason in one sentence."""


def read_answers(source: Path) -> Iterator[Answer | BadLine]:
    """The lines of a file, each `{"custom_id", "answer"}`. UsageError if it cannot be read or is empty."""
    try:
        lines = source.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()
    except OSError as error:
        raise UsageError(f"{source} cannot be read ({error.strerror}): check the path.") from error
    if not any(line.strip() for line in lines):
        raise UsageError(f'{source} is empty: write one {{"custom_id", "answer"}} a line, as questions.jsonl asks.')
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _parse(number, line)
            except BadAnswer as error:
                yield BadLine(number, str(error))


async def apply(
    journal_of: Callable[[str], Journal], source: Path, contracts: Mapping[str, type[Contract]]
) -> tuple[list[str], list[BadLine]]:
    """Give the answers of a file to the records that wait: which of them can go on now, and which lines were left out.

    `journal_of`: which journal would hold a record. `contracts`: the app's, by name.
    A second answer for the same record is a bad line.
    """
    answered: dict[str, int] = {}
    bad: list[BadLine] = []
    for item in read_answers(source):
        if isinstance(item, BadLine):
            bad.append(item)
            continue
        try:
            if item.record in answered:
                raise BadAnswer(f"Record '{item.record}' was answered in line {answered[item.record]}.")
            await _give(journal_of(item.record), item, contracts)
        except BadAnswer as error:
            bad.append(BadLine(item.line, str(error)))
        else:
            answered[item.record] = item.line
    return list(answered), bad


async def _give(journal: Journal, answer: Answer, contracts: Mapping[str, type[Contract]]) -> None:
    known, past = journal.record(answer.record), journal.past(answer.record)
    if known is None or past is None:
        raise BadAnswer(f"There is no record '{answer.record}'.")
    if known[1] == "escalated":
        await journal.resolve(answer.record, answer.text)
        return
    waiting = next(journal.waiting(answer.record), None)
    if waiting is None:
        raise BadAnswer(f"Record '{answer.record}' does not wait for an answer: it is {known[1] or 'unfinished'}.")
    _check(waiting, answer.text, contracts, past.today)
    await journal.answer(answer.record, answer.text)


def _check(waiting: Waiting, text: str, contracts: Mapping[str, type[Contract]], today: date) -> None:
    """Refuse what the record's own reading of the answer would not understand either."""
    contract = contracts.get(waiting.contract or "")
    if contract is not None and waiting.field in contract.model_fields:
        kind = clarify.said_kind(contract, waiting.field)
        read = text if kind is str else clarify.read_answer(contract, waiting.field, text, today)
        if read is None or isinstance(read, Unread):
            raise BadAnswer(f'"{text[:60]}" is no answer to "{waiting.text}".{_hint(waiting)}')
    elif waiting.choices is not None and clarify.match(text, waiting.choices) is None:
        raise BadAnswer(f'"{text[:60]}" is no answer to "{waiting.text}".{_hint(waiting)}')


def _hint(waiting: Waiting) -> str:
    return f" Choose one of: {', '.join(waiting.choices)}." if waiting.choices else ""


def _parse(number: int, line: bytes) -> Answer:
    try:
        row: Any = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BadAnswer("The line is not JSON in UTF-8.") from None
    if not isinstance(row, dict) or not isinstance(row.get("custom_id"), str):
        raise BadAnswer('The line is no JSON object with a "custom_id".')
    answer = row.get("answer")
    if isinstance(answer, bool):
        answer = "yes" if answer else "no"
    elif isinstance(answer, int | float):
        answer = json.dumps(answer)
    if not isinstance(answer, str) or not normalise(answer):
        raise BadAnswer('There is no "answer" that is a text, a number or true or false.')
    return Answer(number, row["custom_id"], normalise(answer))
