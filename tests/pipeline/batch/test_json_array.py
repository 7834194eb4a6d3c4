"""A JSON array is read as its elements are, whatever piece of the file they lie in."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import UsageError
from pipeline.batch import json_array
from pipeline.batch.json_array import elements
from pipeline.batch.table_rows import table_rows

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=6), st.sampled_from([None, 1, 3]), st.booleans(), st.integers(1, 40))
def test_every_array_is_read_in_pieces_of_any_size(
    values: list[object], indent: int | None, ascii: bool, piece: int
) -> None:
    text = f" \n{json.dumps(values, indent=indent, ensure_ascii=ascii)}\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_array, "PIECE", piece)
        assert [json.loads(one) for one in elements(io.StringIO(text.lstrip()))] == values


def told(path: Path) -> str:
    with pytest.raises(UsageError) as error:
        list(table_rows(path))
    return str(error.value).removeprefix(f"{path} ")


def test_a_file_of_an_array_or_of_lines_is_a_table(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_bytes(b'\xef\xbb\xbf [{"a": 1},\n {"a": 2, "a": 3}, 4, {"a": NaN}\n]\n')
    (one, _, first), (_, _, twice), (_, _, four), (_, _, null) = table_rows(file)
    assert (one, first) == (1, {"number": "1", "row": {"a": 1}})
    assert str(twice) == '"a" stands twice in one object of the row: give it once.'
    assert (four, null) == ({"number": "3", "row": 4}, {"number": "4", "row": {"a": None}})
    file.write_text('{"a": 1}\n{"a": 2}\n', encoding="utf-8")
    assert [value["row"] for _, _, value in table_rows(file) if isinstance(value, dict)] == [{"a": 1}, {"a": 2}]
    for text in ('[{"a": 1}, {"a"', '[{"a": 1}', '[{"a": 1},]', '[{"a": 1}; 2]', "[,]"):
        file.write_text(text, encoding="utf-8")
        assert "is no JSON, is cut off, or has more than 16 MiB" in told(file)
    file.write_text("[1] [2]", encoding="utf-8")
    assert told(file) == "cannot be read as a table (there is something behind the end of its array): mend it."
