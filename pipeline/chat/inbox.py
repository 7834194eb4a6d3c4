"""Inbox: what of one journal waits for people, and what they have dealt with: questions of batches, approvals,
escalations. A page at a time, so that thousands cost no more than one.

Knows rows; changes none (desk.py). A question of a conversation is its customer's, and stands in no inbox.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pipeline.journal.queries import Queries
from pipeline.record import Record

Kind = Literal["question", "approval", "escalation"]
State = Literal["active", "open", "taken", "closed"]
"""Active: open or taken."""

Mark = tuple[float, str, str]
"""Where a page ended: the time, the run and the record of its last case. Cases are in this order."""

_COLUMNS = (
    "kind, record, conversation, at, state, by, input, intent, asks, for_whom, field, choices, schema, action,"
    " arguments, answer, expired"
)
_ASKED = (
    "SELECT iif(a.role IS NULL, 'question', 'approval') AS kind, q.record AS record, r.conversation AS conversation,"
    " q.asked AS at, iif(d.state IS 'taken', 'taken', 'open') AS state, iif(d.state IS 'taken', d.operator, '') AS by,"
    " r.input AS input, r.intent AS intent, q.text AS asks, coalesce(a.role, '') AS for_whom, q.field AS field,"
    " q.choices AS choices, q.schema AS schema, a.action AS action, a.arguments AS arguments, NULL AS answer,"
    " 0 AS expired FROM questions AS q JOIN records AS r ON r.id = q.record AND r.status = 'needs_input'"
    " LEFT JOIN approvals AS a ON a.record = q.record AND a.position = q.position"
    " LEFT JOIN desk AS d ON d.record = q.record"
    " WHERE q.answer IS NULL AND (r.conversation IS NULL OR a.role IS NOT NULL)"
    " AND q.number = (SELECT min(number) FROM questions WHERE record = q.record AND answer IS NULL)"
)
_HANDED = (
    "SELECT 'escalation', r.id, r.conversation, r.finished, iif(d.state IS 'taken', 'taken', 'open'),"
    " iif(d.state IS 'taken', d.operator, ''), r.input, r.intent,"
    " coalesce(json_extract(r.outcome, '$.escalation.reason'), ''),"
    " coalesce(json_extract(r.outcome, '$.escalation.to'), ''), NULL, NULL, NULL, NULL, NULL, NULL,"
    " EXISTS (SELECT 1 FROM questions WHERE record = r.id AND kind = 'expired')"
    " FROM records AS r LEFT JOIN desk AS d ON d.record = r.id"
    " WHERE r.status = 'escalated' AND d.state IS NOT 'closed'"
)
_SETTLED = (
    "SELECT CASE WHEN q.kind = 'escalation' THEN 'escalation' WHEN a.role IS NULL THEN 'question' ELSE 'approval' END"
    " AS kind, q.record AS record, r.conversation AS conversation, q.answered AS at, 'closed' AS state,"
    " coalesce(b.by, '') AS by, r.input AS input, r.intent AS intent, q.text AS asks, coalesce(a.role, '') AS for_whom,"
    " q.field AS field, q.choices AS choices, q.schema AS schema, a.action AS action, a.arguments AS arguments,"
    " nullif(q.answer, '') AS answer, q.kind = 'expired' AS expired"
    " FROM questions AS q JOIN records AS r ON r.id = q.record"
    " LEFT JOIN approvals AS a ON a.record = q.record AND a.position = q.position"
    " LEFT JOIN answerers AS b ON b.number = q.number"
    " WHERE q.answer IS NOT NULL AND (r.conversation IS NULL OR a.role IS NOT NULL OR q.kind = 'escalation')"
)


@dataclass(frozen=True)
class Wanted:
    """Which cases: in a state, of a kind (None: any), of an operator ("": anybody's), with words in what was said, in
    what is asked or in the record's name.
    """

    state: State = "active"
    kind: Kind | None = None
    by: str = ""
    words: str = ""

    @property
    def latest_first(self) -> bool:
        """What waits is read from the oldest on, what is done from the latest."""
        return self.state == "closed"

    def conditions(self) -> tuple[str, list[object]]:
        """Of a WHERE, with its parameters."""
        found: list[tuple[str, list[object]]] = [("1", [])]
        if self.state in ("open", "taken"):
            found.append(("state = ?", [self.state]))
        if self.kind is not None:
            found.append(("kind = ?", [self.kind]))
        if self.by:
            found.append(("by = ?", [self.by]))
        for word in self.words.split()[:8]:
            like = "%" + "".join(f"~{sign}" if sign in "~%_" else sign for sign in word) + "%"
            columns = ("record", "asks", "said", "answer")
            either = " OR ".join(f"{one} LIKE ? ESCAPE '~'" for one in columns)
            found.append((f"({either})", [like] * len(columns)))
        return " AND ".join(sql for sql, _ in found), [one for _, more in found for one in more]


@dataclass(frozen=True)
class Case:
    """One of them. `run` is "" for one of a conversation; `at`: when it was asked, handed over, or closed (Unix time).

    `asks`: the question, or why it was handed over; `to`: the role or the desk that it is for; `text`: how what the
    customer said begins; `schema` and `choices`: what an answer is. `expired`: a question that nobody answered in time,
    or what was handed over because of one.
    """

    run: str
    record: str
    kind: Kind
    state: Literal["open", "taken", "closed"]
    at: float
    by: str
    text: str
    asks: str
    to: str
    intent: str | None
    conversation: str | None = None
    field: str | None = None
    choices: list[str] | None = None
    schema: dict[str, Any] | None = None
    action: str | None = None
    arguments: Any = None
    answer: str | None = None
    expired: bool = False

    @property
    def mark(self) -> Mark:
        """Where a page that it ends goes on."""
        return self.at, self.run, self.record

    def row(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


class Inbox:
    """Of one journal. `run`: what its cases are told to be of."""

    def __init__(self, journal: Queries, run: str = "") -> None:
        self._journal = journal
        self._run = run

    def page(self, wanted: Wanted, after: Mark | None, limit: int) -> list[Case]:
        """The first cases behind a mark, of whichever run that is, at most `limit`."""
        conditions, parameters = wanted.conditions()
        order = "DESC" if wanted.latest_first else "ASC"
        if after is not None:
            conditions += f" AND (at, ?, record) {'<' if wanted.latest_first else '>'} (?, ?, ?)"
            parameters += [self._run, *after]
        rows = self._journal.read(
            f"{_all(wanted)} SELECT {_COLUMNS} FROM told WHERE {conditions}"
            f" ORDER BY at {order}, record {order} LIMIT ?",
            (*parameters, limit),
        )
        return [self._case(*row) for row in rows]

    def one(self, record: str) -> Case | None:
        """The case of a record that waits, else the last of it that is closed; None if it never had one."""
        for wanted in (Wanted(), Wanted("closed")):
            rows = self._journal.read(
                f"{_all(wanted)} SELECT {_COLUMNS} FROM told WHERE record = ? ORDER BY at DESC LIMIT 1", (record,)
            )
            if rows:
                return self._case(*rows[0])
        return None

    def count(self, wanted: Wanted) -> int:
        """How many there are."""
        conditions, parameters = wanted.conditions()
        rows = self._journal.read(f"{_all(wanted)} SELECT count(*) FROM told WHERE {conditions}", parameters)
        return int(rows[0][0])

    def _case(
        self,
        kind: Kind,
        record: str,
        conversation: str | None,
        at: float | None,
        state: Literal["open", "taken", "closed"],
        by: str,
        input: str,
        intent: str | None,
        asks: str,
        to: str,
        field: str | None,
        choices: str | None,
        schema: str | None,
        action: str | None,
        arguments: str | None,
        answer: str | None,
        expired: int,
    ) -> Case:
        return Case(
            self._run,
            record,
            kind,
            state,
            at or 0.0,
            by,
            " ".join(Record.restore(record, input).text.split())[:200],
            asks,
            to,
            intent,
            conversation,
            field,
            None if choices is None else json.loads(choices),
            None if schema is None else json.loads(schema),
            action,
            None if arguments is None else json.loads(arguments),
            answer,
            bool(expired),
        )


def _all(wanted: Wanted) -> str:
    cases = _SETTLED if wanted.state == "closed" else f"{_ASKED} UNION ALL {_HANDED}"
    # What was said, as text: in the column it is JSON, in which letters beyond ASCII may be escaped.
    said = "(SELECT group_concat(json_extract(value, '$[1]'), ' ') FROM json_each(input)) AS said"
    return f"WITH cases AS ({cases}), told AS (SELECT *, {said if wanted.words else 'NULL AS said'} FROM cases)"
