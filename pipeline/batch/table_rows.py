"""Table rows: a source read as rows of a table, one after another: lines or an array of JSON, CSV, TSV, Parquet, Arrow,
a folder of texts.

Knows formats by the end of a name; makes no records of rows.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from index.reading.columnar import iterate_columnar
from index.reading.reading import Unreadable
from index.reading.table import bounded, delimiter_of
from pipeline.batch.json_array import PIECE, elements
from pipeline.batch.requests import LONGEST_LINE, json_of, lines_of
from pipeline.batch.sources import COMPRESSED, opened
from pipeline.errors import UsageError
from pipeline.json_text import JsonFault, read_json
from pipeline.record import BadRecord

TEXTS = (".txt", ".md")
SEPARATED = (".csv", ".tsv")
COLUMNAR = (".parquet", ".arrow", ".feather")


def is_table(source: Path | str) -> bool:
    """Whether a source can be nothing else: lines of JSON may be requests as well."""
    address = str(source)
    return _end(address) in (*SEPARATED, *COLUMNAR) or ("://" not in address and Path(address).is_dir())


def _end(address: str) -> str:
    """How a source's name ends, compression aside."""
    for end in COMPRESSED:
        address = address.removesuffix(end)
    return Path(address).suffix.lower()


def table_rows(source: Path | str, several: bool = False) -> Iterator[tuple[int, bytes, object]]:
    """As `Rows`: each value is `{"number", "row"}`; of `several` files the name stands before the number."""
    address = str(source)
    prefix = f"{Path(source).name}:" if several else ""
    end = _end(address)
    if "://" not in address and Path(address).is_dir():
        rows = _folder(Path(address))
    elif end in SEPARATED:
        rows = _separated(address, "\t" if end == ".tsv" else None)
    elif end in COLUMNAR:
        rows = _columnar(address, end)
    elif end == ".json" and _is_array(address):
        rows = _array(address)
    elif end in (".jsonl", ".ndjson", ".json", "") or address == "/dev/stdin" or address.startswith("/dev/fd/"):
        rows = _lines(address)
    else:
        raise UsageError(
            f"{address} is of no format that is read: give lines or an array of JSON, CSV, TSV,"
            " Parquet, Arrow, or a folder of texts."
        )
    for number, row in rows:
        if isinstance(row, BadRecord):
            yield number, b"", row
            continue
        line = _as_json({"number": f"{prefix}{number}", "row": row})
        if len(line) > LONGEST_LINE:
            yield number, b"", BadRecord(f"The row is longer than {LONGEST_LINE // 2**20} MiB.")
            continue
        yield number, line.encode(), json.loads(line)


def _as_json(value: object) -> str:
    """A value as JSON: what is no number (NaN) is null, an infinity its name, bytes are their text, or base64."""
    try:
        return _encode(value)
    except ValueError:
        return _encode(_finite(value))


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def _in_words(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)  # a day, a time, a decimal
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


_encode = json.JSONEncoder(default=_in_words, allow_nan=False).encode


def _lines(address: str) -> Iterator[tuple[int, object]]:
    for number, line in lines_of(address):
        try:
            yield number, json_of(line, numbers=True)
        except BadRecord as error:
            yield number, error


def _is_array(address: str) -> bool:
    with opened(address) as stream:
        return stream.read(PIECE).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def _array(address: str) -> Iterator[tuple[int, object]]:
    with opened(address) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig")
        try:
            for number, row in enumerate(elements(text), start=1):
                try:
                    yield number, read_json(row, "The row", numbers=True)
                except JsonFault as error:
                    yield number, BadRecord(str(error))
        except JsonFault as error:
            raise UsageError(f"{address} cannot be read as a table ({error}): mend it.") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{address} cannot be read as a table (it is not UTF-8): save it as UTF-8.") from error
        finally:
            text.detach()


def _separated(address: str, delimiter: str | None) -> Iterator[tuple[int, object]]:
    """Rows by the names of the first one. `delimiter`: None where that tells it, as in an index."""
    with opened(address) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        reader = csv.reader(())
        try:
            first = next(lines := bounded(text), "")
            reader = csv.reader(chain([first], lines), delimiter=delimiter or delimiter_of(first), strict=True)
            header = next(reader, None)
            if header is None:
                return
            for name in header:
                if header.count(name) > 1:
                    raise UsageError(f"{address} has two columns '{name}': rename one.")
            for number, row in enumerate(reader, start=1):
                if len(row) == len(header):
                    yield number, dict(zip(header, row, strict=True))
                elif row:
                    yield number, BadRecord(f"The row has {len(row)} values for {len(header)} columns.")
        except csv.Error as error:
            raise UsageError(
                f"{address} cannot be read as a table ({error}, line {reader.line_num or 1}): mend it."
            ) from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{address} cannot be read as a table (it is not UTF-8): save it as UTF-8.") from error
        finally:
            text.detach()


def _columnar(address: str, end: str) -> Iterator[tuple[int, object]]:
    with opened(address) as stream:
        try:
            yield from enumerate(iterate_columnar(stream, end), start=1)
        except Unreadable as error:
            raise UsageError(f"{address} {error}.") from error


def _folder(folder: Path) -> Iterator[tuple[int, object]]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in TEXTS and path.is_file())
    if not files:
        raise UsageError(f"{folder} holds no text ({' or '.join(TEXTS)}): give a folder that does.")
    for number, path in enumerate(files, start=1):
        try:
            yield number, {"name": str(path.relative_to(folder)), "text": path.read_text(encoding="utf-8-sig")}
        except UnicodeDecodeError:
            yield number, BadRecord(f"{path.name} is not UTF-8.")
