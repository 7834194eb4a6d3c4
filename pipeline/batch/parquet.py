"""Parquet: the answers of a table as a typed file, its columns those of the contract, whatever the first rows hold.

Knows rows; which type a column has is said by arrow_types.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.batch.arrow_types import Seen, arrow_type, fitting
from pipeline.errors import UsageError
from pipeline.workflows.table.table import ID, VALUE

FILE = "output.parquet"
ROWS = 10_000
"""Rows of a group."""


def check_parquet() -> None:
    """UsageError where Parquet cannot be written."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise UsageError("--parquet needs pyarrow, which is not installed: run `pip install pyarrow`.") from error


def write_parquet(output: Path, schema: Mapping[str, Any], keep: Sequence[str]) -> Path:
    """Write the lines of output.jsonl beside it, as Parquet; returns where. `schema`: the JSON Schema of an answer."""
    import pyarrow as pa
    from pyarrow import parquet

    answer = arrow_type(schema, schema)
    fields = [pa.field(ID, pa.string())]
    fields += [pa.field(name, kind) for name, kind in _kept(output, keep).items()]
    spread = pa.types.is_struct(answer)
    fields += list(answer) if spread else [pa.field(VALUE, answer)]
    typed = pa.schema(fields)
    fitted = {field.name: fitting(field.type) for field in typed}
    path = output.with_name(FILE)
    unfinished = path.with_name(f"{FILE}.tmp")
    try:
        with parquet.ParquetWriter(unfinished, typed, compression="zstd") as writer:
            rows = _rows(output) if spread else _together(output, keep)
            while some := list(islice(rows, ROWS)):
                columns = {name: [fit(row.get(name)) for row in some] for name, fit in fitted.items()}
                writer.write_table(pa.table(columns, typed))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _rows(output: Path) -> Iterator[dict[str, Any]]:
    with output.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _together(output: Path, keep: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The same rows with all that is of the answer as one value, where a schema does not name its fields."""
    beside = (ID, *keep)
    for row in _rows(output):
        answer = {name: value for name, value in row.items() if name not in beside}
        yield {**{name: row.get(name) for name in beside}, VALUE: answer[VALUE] if answer.keys() == {VALUE} else answer}


def _kept(output: Path, keep: Sequence[str]) -> dict[str, Any]:
    """The types of the columns that are kept: of each that of all its values."""
    seen = {name: Seen() for name in keep}
    for row in _rows(output) if keep else ():
        for name, column in seen.items():
            column.add(row.get(name))
    return {name: column.type() for name, column in seen.items()}
