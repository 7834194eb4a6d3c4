"""Answers: a file of answers in, each checked against what was asked; the records that got one can go on.

A line answers a question, says what came of a record that was handed over, or says whether an action happened of which
that was not known. Knows lines and fields; serves no record. A line that cannot be used changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from models.contract import Contract
from models.grammar.grammar import normalise
from models.said import Unread
from pipeline.action import Action
from pipeline.app import App
from pipeline.batch.requests import BadLine
from pipeline.chat.conversation_store import ConversationStore
from pipeline.chat.desk import Desk
from pipeline.errors import UsageError
from pipeline.forms import dialogue_acts, slots
from pipeline.intents import GATE_FIELD
from pipeline.journal.expiry import handed_over
from pipeline.journal.journal import Journal
from pipeline.journal.rows import ActionRow, Waiting
from pipeline.json_text import JsonFault, read_json
from pipeline.record import BadRecord, read_id
from pipeline.text import short
from pipeline.workflow import Workflow

OPERATOR = "interlock answer"
"""Who has closed an escalation of a conversation by a line of a file."""


@dataclass(frozen=True)
class Answer:
    """What a person said to a record's question, or about a record that was handed over; `line` counts from 1.

    `question`: what it answers, if the line says so; `closes`: it is about what was handed over. `happened`: whether
    its uncertain action did, `result` what it gave then, `key` which one if there are several.
    """

    line: int
    record: str
    text: str
    happened: bool | None = None
    result: Any = None
    key: str = ""
    question: str | None = None
    closes: bool = False


class BadAnswer(ValueError):
    """An answer that cannot be used. `str(error)` is the reason in one sentence."""


def read_answers(source: Path) -> Iterator[Answer | BadLine]:
    """The lines of a file: `{"custom_id", "answer", "question"?}` or `{"custom_id", "happened", "result"?, "key"?}`.

    UsageError if it cannot be read or is empty.
    """
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
    journal_of: Callable[[str], Journal], source: Path, app: App, by: str = ""
) -> tuple[list[str], list[BadLine]]:
    """Give the answers of a file to the records that wait: which of them got one, and which lines were left out.

    `journal_of`: which journal would hold a record. `by`: who answers, which an approval needs to know. A second answer
    for the same record is a bad line. A file may be given again after a kill: the answer that a record got last is no
    bad line, and changes nothing.
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
            await give(journal_of(item.record), item, app, by)
        except BadAnswer as error:
            bad.append(BadLine(item.line, str(error)))
        else:
            answered[item.record] = item.line
    return list(answered), bad


async def give(journal: Journal, answer: Answer, app: App, by: str = "") -> None:
    """Give one answer to its record, as `apply`. BadAnswer, with nothing changed, if it cannot be used."""
    known, past = journal.record(answer.record), journal.past(answer.record)
    if known is None or past is None:
        raise BadAnswer(f"There is no record '{answer.record}'.")
    if answer.happened is not None:
        await _settle(journal, answer, known[1], app)
        return
    conversation = ConversationStore(journal).of(answer.record)
    if known[1] == "escalated":
        if answer.question is not None and _given_before(journal, answer):
            return
        _check_closing(journal, answer)
        if conversation is None and not by:
            await journal.resolve(answer.record, answer.text)
        else:
            try:
                await Desk(journal).close(answer.record, by or OPERATOR, answer.text)
            except UsageError as error:  # another one has taken it, or was quicker
                raise BadAnswer(str(error)) from None
        return
    waiting = next(journal.waiting(answer.record), None)
    if waiting is None:
        if _given_before(journal, answer):
            return
        raise BadAnswer(f"Record '{answer.record}' does not wait for an answer: it is {known[1] or 'unfinished'}.")
    if answer.question not in (None, waiting.text):
        raise BadAnswer(f"Record '{answer.record}' is asked something else by now: \"{waiting.text}\"")
    answer = replace(answer, text=_chosen(answer.text, waiting.choices))
    if waiting.role is not None:
        if not by:
            raise BadAnswer(
                f"Record '{answer.record}' waits for the approval of the {waiting.role}: say who gives it with --as."
            )
        if slots.match(answer.text, ("yes", "no")) is None:
            raise BadAnswer(f'"{answer.text[:60]}" is no answer to "{waiting.text}": it is yes or no.')
    elif conversation is not None:
        raise BadAnswer(f"Record '{answer.record}' is a conversation's: answer it there.")
    else:
        _check(waiting, answer.text, app.classes, past.today)
    await journal.answer(answer.record, answer.text, by)


async def _settle(journal: Journal, answer: Answer, status: str | None, app: App) -> None:
    uncertain = [action for action in journal.actions(answer.record) if action.state == "reserved"]
    chosen = [action for action in uncertain if action.key.startswith(answer.key)]
    if not uncertain or status is None:
        raise BadAnswer(f"Record '{answer.record}' has no action of which it is not known whether it happened.")
    if len(chosen) != 1:
        raise BadAnswer(
            f"Record '{answer.record}' has {len(uncertain)} such actions: name one by the start of its \"key\", as"
            " `interlock ledger` shows it."
        )
    result = _result(chosen[0], answer.result, app) if answer.happened else None
    await journal.settle_uncertain(answer.record, chosen[0].key, bool(answer.happened), result)


def _result(action: ActionRow, given: object, app: App) -> str:
    """What the action gave, as its annotation writes it."""
    declared = actions_of(app).get(action.name)
    if declared is None:
        raise BadAnswer(f"The app has no action '{action.name}' any more: use the app that the run was made with.")
    try:
        value = declared.adapter.validate_json(json.dumps(given))
        return declared.adapter.dump_json(value).decode()
    except ValueError:
        raise BadAnswer(
            f"The \"result\" is nothing that '{action.name}' returns: give what the system that it changed says."
        ) from None


def actions_of(app: App) -> dict[str, Action[..., Any]]:
    """The actions of an app's workflows, and of those that they call, by name."""
    found: dict[str, Action[..., Any]] = {}
    seen: set[Workflow] = set()
    left = list(app.workflows)
    while left:
        workflow = left.pop()
        if workflow not in seen:
            seen.add(workflow)
            found |= {action.name: action for action in workflow.actions}
            left += workflow.calls
    return found


def _check_closing(journal: Journal, answer: Answer) -> None:
    """Refuse what answers a question that is asked no more: it is not what came of the record."""
    expired = handed_over(journal, answer.record)
    if expired is not None and not answer.closes:
        day = date.fromtimestamp(expired).isoformat()
        raise BadAnswer(
            f"Record '{answer.record}' is with a person since {day}, since its question was not answered in time: to"
            ' close it, keep the "reason" of its line in escalations.jsonl.'
        )
    if answer.question is not None:
        raise BadAnswer(
            f"Record '{answer.record}' is with a person, and is no longer asked \"{short(answer.question)}\"."
        )


def _given_before(journal: Journal, answer: Answer) -> bool:
    last = journal.last_answered(answer.record)
    return last is not None and _chosen(answer.text, last[1]) == last[0]


def _chosen(text: str, choices: Sequence[str] | None) -> str:
    """An answer, or the choice whose number it is, from 1 on, as in a chat."""
    if choices and text.isdecimal() and text not in choices and 0 < int(text) <= len(choices):
        return choices[int(text) - 1]
    return text


def _check(waiting: Waiting, text: str, contracts: Mapping[str, type[Contract]], today: date) -> None:
    """Refuse what the record's own reading of the answer would not understand either."""
    if dialogue_acts.drops(text) or dialogue_acts.withdraws(text):
        return
    contract = contracts.get(waiting.contract or "")
    if contract is not None and waiting.field in contract.model_fields:
        kind = slots.said_kind(contract, waiting.field)
        read = text if kind is str else slots.read_answer(contract, waiting.field, text, today)
        if read is None or isinstance(read, Unread):
            raise BadAnswer(f'"{text[:60]}" is no answer to "{waiting.text}".{_hint(waiting)}')
    elif waiting.field == GATE_FIELD and waiting.choices and slots.match_all(text, waiting.choices):
        return
    elif waiting.choices is not None and slots.match(text, waiting.choices) is None:
        raise BadAnswer(f'"{text[:60]}" is no answer to "{waiting.text}".{_hint(waiting)}')


def _hint(waiting: Waiting) -> str:
    return f" Choose one of: {', '.join(waiting.choices)}." if waiting.choices else ""


def _parse(number: int, line: bytes) -> Answer:
    try:
        row = read_json(line.decode("utf-8"), "The line")
    except UnicodeDecodeError:
        raise BadAnswer("The line is not UTF-8.") from None
    except JsonFault as error:
        raise BadAnswer(str(error)) from None
    try:
        id = read_id(row.get("custom_id") if isinstance(row, dict) else None)
    except BadRecord:
        raise BadAnswer('The line is no JSON object with a "custom_id".') from None
    if "happened" in row:
        if not isinstance(row["happened"], bool) or not isinstance(row.get("key", ""), str) or "answer" in row:
            raise BadAnswer('"happened" is neither true nor false, or stands beside an "answer".')
        if not row["happened"] and row.get("result") is not None:
            raise BadAnswer('"result" stands beside a "happened" that is false: what did not happen gave nothing.')
        return Answer(number, id, "", row["happened"], row.get("result"), row.get("key", ""))
    for name in ("result", "key"):
        if row.get(name) is not None:
            raise BadAnswer(f'"{name}" belongs to "happened", which is not there: leave it out.')
    answer = row.get("answer")
    if isinstance(answer, bool):
        answer = "yes" if answer else "no"
    elif isinstance(answer, int | float):
        answer = json.dumps(answer)
    if not isinstance(answer, str) or not normalise(answer):
        raise BadAnswer('There is no "answer" that is a text, a number or true or false.')
    closes = "reason" in row or row.get("kind") == "escalation"
    question = row.get("question", None if closes else row.get("asks"))  # as `serve` calls it
    if question is not None and not isinstance(question, str):
        raise BadAnswer('"question" is no text: copy it from questions.jsonl, or leave it out.')
    return Answer(number, id, normalise(answer), question=question, closes=closes)
