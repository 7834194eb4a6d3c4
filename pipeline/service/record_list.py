"""RecordList: the records of a run, searched, filtered and sorted, a page at a time; and the figures of all of them.

Reads a journal; 100,000 records cost no more memory than a page.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.intents import OUT_OF_SCOPE
from pipeline.journal.queries import Queries
from pipeline.runtime.messages import words
from pipeline.service.timeline import begins

Sort = Literal["begun", "ended", "slowest", "tokens", "name"]
"""By when they were begun; the latest ended first; by seconds in steps and by tokens, most first; by name."""

UNDECIDED = "undecided"
"""What the intent of a record is called that has none."""
MOST_WORDS = 8
_PLAIN = re.compile(r"[A-Za-z0-9]+")
"""What is written in JSON as it is, whatever stands around it."""

_SECONDS = "coalesce(json_extract(outcome, '$.receipt.seconds'), -1)"
_TOKENS = "(SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) FROM steps WHERE record = records.id)"
_SORTS: dict[Sort, tuple[str, str]] = {
    "begun": ("rowid", "ASC"),
    "ended": ("coalesce(finished, 0)", "DESC"),
    "slowest": (_SECONDS, "DESC"),
    "tokens": (_TOKENS, "DESC"),
    "name": ("id", "ASC"),
}
# As text: in the columns it is JSON, in which letters beyond ASCII may be escaped.
_SAID = "(SELECT group_concat(json_extract(value, '$[1]'), ' ') FROM json_each(input))"
_TOLD = " || ' ' || ".join(
    f"coalesce(json_extract(outcome, '$.{name}'), '')"
    for name in ("message", "question.text", "escalation.reason", "error", "result")
)


@dataclass(frozen=True)
class Asked:
    """Which records: with a status (None: any), an intent, words in the name, in what was said or in what came of it;
    behind the one with the number `after` (0: from the first on). `declined`: those completed which asked for what is
    not done here, or all but those.
    """

    status: str | None = None
    intent: str | None = None
    words: str = ""
    declined: bool | None = None
    sort: Sort = "begun"
    after: int = 0

    def sql(self) -> tuple[str, list[object]]:
        """The condition and the order of a query of `records`, and the parameters."""
        conditions: list[str] = ["1"]
        parameters: list[object] = []
        if self.status == "running":
            conditions.append("status IS NULL")
        elif self.status is not None:
            conditions.append("status = ?")
            parameters.append(self.status)
        if self.intent is not None:
            conditions.append(f"coalesce(intent, '{UNDECIDED}') = ?")
            parameters.append(self.intent)
        if self.declined is not None:
            refused = f"coalesce(intent = '{OUT_OF_SCOPE}' AND status = 'completed', 0)"
            conditions.append(refused if self.declined else f"NOT {refused}")
        for word in self.words.split()[:MOST_WORDS]:
            plain = max(_PLAIN.findall(word), key=len, default="")
            if plain:  # looked for in the columns as they are, before any of them is taken apart
                conditions.append("(id LIKE ? OR input LIKE ? OR outcome LIKE ?)")
                parameters += [f"%{plain}%"] * 3
            like = "%" + "".join(f"~{sign}" if sign in "~%_" else sign for sign in word) + "%"
            conditions.append(f"(id LIKE ? ESCAPE '~' OR {_SAID} LIKE ? ESCAPE '~' OR {_TOLD} LIKE ? ESCAPE '~')")
            parameters += [like] * 3
        rank, order = _SORTS[self.sort]
        if self.after:
            beyond = "<" if order == "DESC" else ">"
            conditions.append(f"({rank}, rowid) {beyond} (SELECT {rank}, rowid FROM records WHERE rowid = ?)")
            parameters.append(self.after)
        return f"{' AND '.join(conditions)} ORDER BY {rank} {order}, rowid {order}", parameters


def records(journal: Queries, asked: Asked, limit: int) -> list[dict[str, Any]]:
    """At most `limit` records, each with its number."""
    condition, parameters = asked.sql()
    # First which ones: a sorter would carry, and count, what is shown of every record that it leaves out.
    numbers = [
        number
        for (number,) in journal.read(f"SELECT rowid FROM records WHERE {condition} LIMIT ?", (*parameters, limit))
    ]
    rows = journal.read(
        f"SELECT rowid, id, status, intent, started, finished, outcome, input, {_TOKENS} FROM records"
        f" WHERE rowid IN ({', '.join('?' * len(numbers))})",
        numbers,
    )
    found = {row[0]: _row(*row) for row in rows}
    return [found[number] for number in numbers if number in found]


def _row(
    number: int,
    id: str,
    status: str | None,
    intent: str | None,
    started: float,
    finished: float | None,
    outcome: str | None,
    input: str,
    tokens: int,
) -> dict[str, Any]:
    ended = json.loads(outcome) if outcome else {}
    return {
        "number": number,
        "custom_id": id,
        "status": status or "running",
        "intent": intent,
        "started": started,
        "finished": finished,
        "seconds": (ended.get("receipt") or {}).get("seconds"),
        "text": begins(id, input),
        "tells": _tells(ended),
        "tokens": tokens,
    }


def _tells(row: dict[str, Any]) -> str | None:
    """One line about an outcome: its message, question, reason, error or result."""
    question, escalation = row.get("question") or {}, row.get("escalation") or {}
    text = row.get("message") or question.get("text") or escalation.get("reason") or row.get("error")
    if not text and row.get("result"):
        text = words(row["result"], row.get("contract") or "")
    return None if text is None else str(text)[:300]
