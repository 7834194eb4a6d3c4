"""Parquet and Arrow files, as Hugging Face's datasets are: a document a row, a batch of rows in memory at a time."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, BinaryIO

from index.documents import Document
from index.reading.reading import Unread, Unreadable
from index.reading.rows import LONGEST_ROW, row_document, text_column

ROWS = 1_000
"""Rows of a batch."""


def iterate_columnar(stream: BinaryIO, ending: str) -> Iterator[Mapping[str, Any]]:
    """The rows of a file, by column. `ending`: ".parquet", or ".arrow" for both of Arrow's forms, file and stream.

    Raises Unreadable, after the rows that could be read.
    """
    try:
        import pyarrow as pa
        from pyarrow import ipc, parquet
    except ImportError:
        raise Unreadable("needs pyarrow, which is not installed: run `pip install pyarrow`") from None
    try:
        if ending == ".parquet":
            batches: Any = parquet.ParquetFile(stream).iter_batches(batch_size=ROWS)
        elif stream.read(6) == b"ARROW1":
            file = ipc.open_file(stream)
            batches = (file.get_batch(number) for number in range(file.num_record_batches))
        else:  # what `Dataset.save_to_disk` writes
            stream.seek(0)
            batches = ipc.open_stream(stream)
        for batch in batches:
            for name in batch.schema.names:
                if batch.schema.names.count(name) > 1:
                    raise Unreadable(f"has two columns '{name}': rename one")
            batch = _told_exactly(batch)
            for start in range(0, batch.num_rows, ROWS):
                yield from batch.slice(start, ROWS).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Unreadable(f"cannot be read as a table ({' '.join(str(error).split())[:120].rstrip('.')})") from None


def _told_exactly(batch: Any) -> Any:
    """A batch with times in nanoseconds as Python holds them, in microseconds, or else as texts."""
    import pyarrow as pa

    for place, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            try:
                times = batch.column(place).cast(pa.timestamp("us", field.type.tz))
            except pa.ArrowInvalid:  # something would be lost
                times = batch.column(place).cast(pa.string())
            batch = batch.set_column(place, field.name, times)
    return batch


def read_parquet(name: str, stream: BinaryIO, column: str | None) -> Iterator[Document | Unread]:
    return _documents(name, stream, column, ".parquet")


def read_arrow(name: str, stream: BinaryIO, column: str | None) -> Iterator[Document | Unread]:
    return _documents(name, stream, column, ".arrow")


def _documents(name: str, stream: BinaryIO, column: str | None, ending: str) -> Iterator[Document | Unread]:
    number, text = 0, ""
    try:
        for row in iterate_columnar(stream, ending):
            text = text or text_column(row, column)  # of a file without it nothing can be read: raises before a row was
            number += 1
            try:
                if len(str(row[text] or "")) > LONGEST_ROW:
                    raise Unreadable(f"is longer than {LONGEST_ROW:,} characters")
                yield row_document(name, number, ending[1:], {key: _plain(value) for key, value in row.items()}, text)
            except Unreadable as error:
                yield Unread(f"{name}#{number}", str(error))
    except Unreadable as error:
        if not number:
            raise
        yield Unread(f"{name}#{number + 1}", f"{error}, and what follows is left out")
    if not number:
        raise Unreadable("holds no rows")


def _plain(value: object) -> object:
    """A value as JSON has it: days and times in ISO 8601, which `--where` orders; decimals as numbers."""
    if isinstance(value, datetime.date | datetime.time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value
