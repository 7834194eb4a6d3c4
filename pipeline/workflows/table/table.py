"""Table: rows of a table, each answered under one contract or schema, as an app.

Knows the prompt's template and what a row becomes. `interlock batch --contract` writes the app that says it all into
the folder of results, so that whatever goes on with the folder finds the same. Reads no files of rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from models.contract import Contract
from models.engines.engine import Message
from models.schema.document import without_keywords
from pipeline.completions.shape import WIDE
from pipeline.errors import UsageError
from pipeline.json_text import JsonFault, read_json
from pipeline.modules import load_module
from pipeline.record import MAX_ID, BadRecord, Record, Turn, read_id

_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode

ID = "id"
"""What a row's own id is called beside its answer."""
VALUE = "value"
"""What an answer is called that is no object."""
ROW = "Answer as JSON from this row:\n"
"""What stands before a row, as JSON, where no prompt is given."""


@dataclass(frozen=True)
class Table:
    """`contract`: "review.py:Review", or "" where `schema` is the text of a JSON Schema. `prompt`: a template over the
    columns ("{text}"); "": the whole row as JSON. `id`: the column whose values name the rows; "": their numbers.
    `keep`: columns that stand beside an answer. `k`: passages of an index that are put before each row.
    """

    contract: str = ""
    schema: str = ""
    prompt: str = ""
    system: str = ""
    id: str = ""
    keep: tuple[str, ...] = ()
    k: int = 0

    def columns(self) -> tuple[str, ...]:
        """The columns that every row needs, in the order in which they are named. UsageError for a broken template."""
        return _named(self.prompt, self.keep, self.id)

    def kind(self) -> type[Contract]:
        """The contract of an answer. UsageError or ContractError for what is none."""
        if self.schema:
            try:
                schema = read_json(self.schema, "The schema")
            except JsonFault as error:
                raise UsageError(str(error)) from None
            if isinstance(schema, dict) and (names := without_keywords(schema)):
                held = ", ".join(names[:5])
                raise UsageError(
                    f"The schema has no keyword of JSON Schema, but {held}: give one schema of what it holds."
                )
            return Contract.from_json_schema(schema, "Answer", WIDE)
        file, _, name = self.contract.rpartition(":")
        if not file or not name:
            raise UsageError(f"{self.contract} names no contract: write it as review.py:Review.")
        module = load_module(
            file, f"interlock_contract_{Path(file).stem}", "The contract", f"with `class {name}(Contract)`"
        )
        found = getattr(module, name, None)
        if not isinstance(found, type):
            raise UsageError(f"{file} has no contract '{name}': declare `class {name}(Contract)`, or name another.")
        return found if issubclass(found, Contract) else Contract.of(found)

    def unheard(self) -> tuple[str, ...]:
        """Keywords of the schema that say nothing by the standard: misspelt ones, and those of other tools."""
        told: Callable[[], tuple[str, ...]] | None = getattr(self.kind(), "ignored", None)
        return () if told is None else tuple(dict.fromkeys(told()))

    def digest(self) -> str:
        """Eight hexadecimal digits that change with any of it, the contract's own file included."""
        file = Path(self.contract.rpartition(":")[0])
        source = file.read_bytes() if file.is_file() else b""
        return hashlib.sha256(json.dumps(asdict(self)).encode() + source).hexdigest()[:8]

    def read(self, line: object) -> Record:
        """The record of a row: an object with `row`, its columns, and `number`, by which it is called without an id.

        BadRecord for a row that lacks a column.
        """
        if not isinstance(line, dict) or not isinstance(line.get("row"), dict):
            raise BadRecord("The row is no JSON object.")
        row: dict[str, Any] = line["row"]
        id = str(line.get("number", ""))
        if self.id and self.id in row:  # where it is not, that is told with the other columns
            given = row[self.id]
            if isinstance(given, bool) or not isinstance(given, str | int):
                raise BadRecord(f'"{self.id}" is neither a text nor a whole number, and names the row.')
            id = read_id(str(given)[: MAX_ID + 1], self.id)
        for column in self.columns():
            if column not in row:
                raise BadRecord(f'"{column}" is no column of this row: it has {", ".join(map(str, row))[:200]}.', id)
        text = _encode(row)
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadRecord("The row holds half of a surrogate pair, which is no text.", id) from None
        return Record(id, (Turn("customer", text),))

    def asked(self, row: Mapping[str, Any]) -> str:
        """What the model is asked about a row."""
        if self.prompt:
            return self.prompt.format_map({name: _text(row[name]) for name in _columns(self.prompt)})
        return ROW + _encode(row)

    def messages(self, asked: str, passages: Sequence[str]) -> tuple[Message, ...]:
        """The same behind the passages that were found for it, as a chat."""
        numbered = "".join(f"[{number}] {text}\n" for number, text in enumerate(passages, 1))
        system = (Message("system", self.system),) if self.system else ()
        return (*system, Message("user", f"evidence:\n{numbered}\n{asked}" if numbered else asked))

    def answer(self, row: Mapping[str, Any], value: object) -> dict[str, Any]:
        """A row's answer with the columns that are kept; what is no object stands under `value`. UsageError where two
        of them have one name.
        """
        fields = value if isinstance(value, dict) else {VALUE: value}
        self.check_names(fields)
        return {**{name: row[name] for name in self.keep}, **fields}

    def check_names(self, fields: Iterable[str]) -> None:
        """UsageError if a field of an answer is called as what stands beside it: the row's id, or a kept column."""
        for name in fields:
            if name == ID:
                raise UsageError(f"A field of the answer is called '{ID}', as the row's own id beside it: rename it.")
            if name in self.keep:
                raise UsageError(f"--keep {name} is a field of the answer as well: rename one of them.")


def source_of(table: Table) -> str:
    """The Python file that makes the app again."""
    lines = ",\n".join(f"    {name}={value!r}" for name, value in asdict(table).items())
    return (
        '"""Made by `interlock batch`: what the rows of this folder are answered with."""\n\n'
        "from pipeline.workflows.table import Table, app_of\n\n"
        f"table = Table(\n{lines},\n)\napp = app_of(table)\n"
    )


@cache
def _named(prompt: str, keep: tuple[str, ...], id: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*_columns(prompt), *keep, *([id] if id else [])]))


@cache
def _columns(template: str) -> tuple[str, ...]:
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise UsageError(
            f"The prompt has a stray brace ({error}): write {{{{ or }}}} for one that is meant."
        ) from error
    names = []
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if not name or form or conversion or any(mark in name for mark in ".[]"):
            raise UsageError(
                f"The prompt has '{{{name}}}' in a form that is not known: write {{column}}, or {{{{ for a brace."
            )
        names.append(name)
    return tuple(names)


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _encode(value)
