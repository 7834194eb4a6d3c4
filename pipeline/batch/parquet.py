"""Parquet: the answers of a table as a typed file, its columns those of the contract, whatever the first rows hold.

Knows JSON Schema's types and Arrow's; where a schema leaves a type open the column holds JSON as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.files import write_bytes

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

    answer = _type(schema, schema)
    fields = [pa.field("id", pa.string())]
    fields += [pa.field(name, _kept(output, name)) for name in keep]
    fields += list(answer) if pa.types.is_struct(answer) else [pa.field("value", answer)]
    typed = pa.schema(fields)
    sink = pa.BufferOutputStream()
    with parquet.ParquetWriter(sink, typed, compression="zstd") as writer:
        rows = _rows(output)
        while some := list(islice(rows, ROWS)):
            fitted = [{field.name: _fitted(row.get(field.name), field.type) for field in typed} for row in some]
            writer.write_table(pa.Table.from_pylist(fitted, typed))
    path = output.with_name(FILE)
    write_bytes(path, sink.getvalue().to_pybytes())
    return path


def _rows(output: Path) -> Iterator[dict[str, Any]]:
    with output.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _kept(output: Path, name: str) -> Any:
    """The type of a column that is kept: that of all its values, or text if they differ."""
    import pyarrow as pa

    kinds = {type(row.get(name)) for row in _rows(output)} - {type(None)}
    if kinds == {int}:
        return pa.int64()
    if kinds and kinds <= {int, float}:
        return pa.float64()
    return pa.bool_() if kinds == {bool} else pa.string()


def _type(schema: Any, root: Mapping[str, Any]) -> Any:
    """The Arrow type of a JSON Schema's values; text where they may be of several types."""
    import pyarrow as pa

    if not isinstance(schema, Mapping):
        return pa.string()
    if str(schema.get("$ref", "")).startswith("#/$defs/"):
        return _type(root.get("$defs", {}).get(schema["$ref"].removeprefix("#/$defs/")), root)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            kinds = [one for one in schema[several] if not (isinstance(one, Mapping) and one.get("type") == "null")]
            found = {_type(one, root) for one in kinds}
            return found.pop() if len(found) == 1 else pa.string()
    kind = schema.get("type")
    if isinstance(kind, list):
        (kind,) = [one for one in kind if one != "null"][:1] or [None]
    if kind == "object" and schema.get("properties"):
        return pa.struct([pa.field(name, _type(one, root)) for name, one in schema["properties"].items()])
    if kind == "array" and isinstance(schema.get("items"), Mapping):
        return pa.list_(_type(schema["items"], root))
    plain = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
    return plain.get(str(kind), pa.string())


def _fitted(value: Any, kind: Any) -> Any:
    """A value as its column holds it."""
    import pyarrow as pa

    if value is None:
        return None
    if pa.types.is_struct(kind):
        if not isinstance(value, dict):
            return None
        return {field.name: _fitted(value.get(field.name), field.type) for field in kind}
    if pa.types.is_list(kind):
        return [_fitted(one, kind.value_type) for one in value]
    if pa.types.is_string(kind) and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return value
