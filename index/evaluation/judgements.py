"""Queries and judgements from files in BEIR's layout: queries.jsonl (`_id` and `text`, or `_id` and `turns`: a
conversation whose last turn is the query), and a TSV of judgements with the header query-id, corpus-id, score. Knows
nothing of an index.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from index.errors import JudgementsError

_HEADER = ("query-id", "corpus-id", "score")


@dataclass(frozen=True)
class Question:
    """`grades`: document → how relevant it is; above 0 for one document at least. `turns`: what was said before."""

    id: str
    text: str
    grades: Mapping[str, float]
    turns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """`skipped` queries have no text, or no document was judged relevant to them."""

    questions: Sequence[Question]
    skipped: int

    @property
    def documents(self) -> set[str]:
        """Every document that was judged relevant to something."""
        return {name for question in self.questions for name, grade in question.grades.items() if grade > 0}


def read_judged(queries: Path, qrels: Path) -> Judged:
    """Raises JudgementsError, which names the line."""
    texts = _texts(queries)
    grades = _grades(qrels)
    questions = [
        Question(name, text, grades[name], turns)
        for name, (text, turns) in texts.items()
        if text.strip() and any(grade > 0 for grade in grades.get(name, {}).values())
    ]
    if not questions:
        raise JudgementsError(f"None of the {len(texts)} queries in {queries} has a relevant document in {qrels}")
    return Judged(questions, len(texts) - len(questions))


def _texts(file: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    """`_id` → the query, and what was said before it."""
    texts: dict[str, tuple[str, tuple[str, ...]]] = {}
    for number, line in lines(file):
        try:
            row = json.loads(line)
            name = str(row["_id"])
            turns = row.get("turns")
            said = [row["text"]] if turns is None else [_said(turn) for turn in turns]
            if turns is not None and "text" in row and row["text"] != said[-1]:
                raise JudgementsError(f"Line {number} of {file} has a `text` that is not the last of its `turns`")
            *before, text = said
        except (ValueError, KeyError, TypeError, RecursionError, IndexError, AttributeError):
            raise JudgementsError(
                f"Line {number} of {file} is no query: it needs `_id` and `text`, or `_id` and `turns`, a list of texts"
            ) from None
        if not all(isinstance(one, str) for one in said) or name in texts:
            raise JudgementsError(f"Line {number} of {file} is no query, or has the `_id` of another")
        texts[name] = text, tuple(before)
    return texts


def _said(turn: object) -> str:
    """A turn is a text, or as chats have it {"role": …, "content": …} or {"text": …}."""
    if isinstance(turn, dict):
        return str(turn["text"] if "text" in turn else turn["content"])
    if not isinstance(turn, str):
        raise TypeError
    return turn


def _grades(file: Path) -> dict[str, dict[str, float]]:
    grades: dict[str, dict[str, float]] = {}
    for number, line in lines(file):
        cells = line.split("\t")
        if number == 1 and cells[0].strip().lower() == _HEADER[0]:
            continue
        try:
            query, document, score = cells
            grades.setdefault(query.strip(), {})[document.strip()] = float(score)
        except ValueError:
            raise JudgementsError(
                f"Line {number} of {file} is no judgement: it needs {', '.join(_HEADER)} between tabs"
            ) from None
    return grades


def lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines that hold something, with their numbers. Raises JudgementsError."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise JudgementsError(f"{file} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise JudgementsError(f"{file} is not UTF-8") from None
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.removesuffix("\r")
