"""The desk over HTTP: questions of runs, approvals and escalations, of conversations and of runs alike."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field

from models.grammar.grammar import normalise
from pipeline.chat.case import case_of
from pipeline.chat.dialogues import LONGEST
from pipeline.chat.inbox import Case, Kind, State, Wanted
from pipeline.journal.queries import reading
from pipeline.service.access import Operator, ServiceOf
from pipeline.service.cases import of_mark, to_text
from pipeline.service.errors import ApiError
from pipeline.service.json_route import JsonRoute
from pipeline.service.service import Service
from pipeline.service.strict import Strict
from pipeline.service.timeline import timeline
from pipeline.service.tokens import Caller

router = APIRouter(route_class=JsonRoute, prefix="/desk", tags=["desk"])

CONVERSATION = "-"
"""In a path, the run of a case that is of a conversation."""

Run = Annotated[str, Path(max_length=100, description="The run's id, or - for a case of a conversation.")]
Of = Annotated[str, Path(max_length=300)]


class Words(Strict):
    """An answer, or last words."""

    text: str = Field("", max_length=LONGEST)


class Answering(Words):
    """An answer. `question`: what it answers, as the case's `asks` has it; it is then given to nothing else."""

    question: str | None = Field(None, max_length=LONGEST)


@router.get("")
async def list_cases(
    service: ServiceOf,
    caller: Operator,
    state: State = "active",
    kind: Kind | None = None,
    mine: bool = False,
    q: Annotated[str, Query(max_length=200, description="Words in the text, the question or the record's name.")] = "",
    run: Annotated[str | None, Query(max_length=100, description="One run's; - for those of conversations.")] = None,
    after: Annotated[str | None, Query(max_length=500, description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=0, le=500)] = 50,
) -> dict[str, Any]:
    """What waits for a person, oldest first; with `state=closed` what is done, latest first.

    `counts`: how many are open, taken, the caller's own, and what was asked for in all.
    """
    wanted = Wanted(state, kind, caller.shown if mine else "", q)
    mark = None if after is None else of_mark(after)
    which = "" if run == CONVERSATION else run
    found = await asyncio.to_thread(service.cases.page, wanted, caller.shown, which, mark, limit)
    return {
        "cases": [case.row() for case in found.cases],
        "next": None if found.next is None else to_text(found.next),
        "counts": found.counts,
    }


@router.get("/{run}/{record:path}")
async def read_case(run: Run, record: Of, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """What is asked or why it was handed over, what was said, what was found, tried and done."""
    if run == CONVERSATION:  # what the loop's own connection reads
        return _known(service, "", record, caller)
    return await asyncio.to_thread(_known, service, run, record, caller)


@router.post("/{run}/{record:path}/take")
async def take_case(run: Run, record: Of, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """From now on the case is this operator's; what a conversation's customer writes goes to them."""
    await service.cases.take(_run(run), record, caller)
    return service.cases.one(_run(run), record).row()


@router.post("/{run}/{record:path}/answer")
async def answer_case(run: Run, record: Of, words: Answering, service: ServiceOf, caller: Operator) -> dict[str, Any]:
    """Answer a question, approve ("yes" or "no"), say something into a conversation, or say what came of a run's
    record. A run goes on by itself. 409 for one that comes after the question has expired.
    """
    text = normalise(words.text)
    if not text:
        raise ApiError(422, "invalid", "The answer is empty.", "Write one.")
    await service.cases.answer(_run(run), record, text, caller, words.question)
    return service.cases.one(_run(run), record).row()


@router.post("/{run}/{record:path}/close")
async def close_case(
    run: Run, record: Of, service: ServiceOf, caller: Operator, words: Words | None = None
) -> dict[str, Any]:
    """An escalation is settled, with last words or without."""
    await service.cases.close(_run(run), record, normalise(words.text) if words else "", caller)
    return service.cases.one(_run(run), record).row()


def _run(run: str) -> str:
    return "" if run == CONVERSATION else run


def _known(service: Service, run: str, record: str, caller: Caller) -> dict[str, Any]:
    case = service.cases.one(run, record)
    said: list[Any] = []
    if case.conversation is not None:  # all of it, also what was said before and after this record
        said = list(service.dialogues.transcript(case.conversation).row()["turns"])
    path = service.runs.journal(run) if run else service.journal.path
    assert path is not None  # it holds the case
    with reading(path) as journal:
        story = timeline(journal, record) or {"steps": [], "outcome": None, "transcript": []}
        known = case_of(journal, record, ("contract", "rung", "error", "started", "seconds"))
    return {
        **case.row(),
        "may": _may(case, caller),
        "transcript": said or story["transcript"],
        "steps": story["steps"],
        "receipt": (story["outcome"] or {}).get("receipt"),
        **known,
    }


def _may(case: Case, caller: Caller) -> bool:
    """Whether the caller may answer it, as far as roles and who has taken it say."""
    free = case.state != "taken" or case.by == caller.shown
    return free and (case.kind != "approval" or caller.approves(case.to))
