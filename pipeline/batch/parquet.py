"""Parquet: the answers of a table as a typed file, its columns those of the contract, whatever the first rows hold.

Knows JSON Schema's types and Arrow's; where a schema leaves a type open the column holds JSON as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError

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
    fields += [pa.field(name, kind) for name, kind in _kept(output, keep).items()]
    fields += list(answer) if pa.types.is_struct(answer) else [pa.field("value", answer)]
    typed = pa.schema(fields)
    fitted = {field.name: _fitting(field.type) for field in typed}
    path = output.with_name(FILE)
    unfinished = path.with_name(f"{FILE}.tmp")
    try:
        with parquet.ParquetWriter(unfinished, typed, compression="zstd") as writer:
            rows = _rows(output)
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


def _kept(output: Path, keep: Sequence[str]) -> dict[str, Any]:
    """The types of the columns that are kept: of each that of all its values, or text if they differ."""
    import pyarrow as pa

    seen: dict[str, set[type]] = {name: set() for name in keep}
    for row in _rows(output) if keep else ():
        for name, kinds in seen.items():
            kinds.add(type(row.get(name)))

    def of(kinds: set[type]) -> Any:
        if kinds == {int}:
            return pa.int64()
        if kinds and kinds <= {int, float}:
            return pa.float64()
        return pa.bool_() if kinds == {bool} else pa.string()

    return {name: of(kinds - {type(None)}) for name, kinds in seen.items()}


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


def _fitting(kind: Any) -> Callable[[Any], Any]:
    """What makes of a value one that a column of this type holds."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        fields = {field.name: _fitting(field.type) for field in kind}
        return lambda value: (
            {name: fit(value.get(name)) for name, fit in fields.items()} if isinstance(value, dict) else None
        )
    if pa.types.is_list(kind):
        each = _fitting(kind.value_type)
        return lambda value: None if value is None else [each(one) for one in value]
    return _as_text if pa.types.is_string(kind) else lambda value: value


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
