"""Conditions on metadata: what they mean over a real index, and what is said about those that cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from index import Embedder, Index, Where, WhereError, build_index

ROWS = [
    {"_id": "a", "text": "one", "lang": "en", "year": 2023, "draft": False, "title": "Fees 50%"},
    {"_id": "b", "text": "two", "lang": "en", "year": 2024.5, "draft": True, "title": "fees_and_more"},
    {"_id": "c", "text": "three", "lang": "de", "year": 2025, "since": "2024-05-01", "my key": "x"},
    {"_id": "d", "text": "four", "lang": 'O\'Hara "q" \\'},
]


@pytest.fixture(scope="module")
def rows(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("rows")
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    with build_index([folder / "rows.jsonl"], folder / "index", embedder) as index:
        yield index


@pytest.mark.parametrize(
    ("condition", "documents"),
    [
        ('lang = "en"', "ab"),
        ("lang == 'en' and year >= 2024", "b"),
        ('lang = "de" or lang = "en" and draft = true', "bc"),
        ('(lang = "de" or lang = "en") and not draft = true', "ac"),
        ("year < 2024.5", "a"),
        ("year > -1e3", "abc"),
        ("draft = false", "a"),
        ("draft != true", "acd"),
        ('lang in ("de", "fr", 7)', "c"),
        ("year in (2023, 2025)", "ac"),
        ('since >= "2024-01-01" and since < "2024-06"', "c"),
        ('title contains "FEES"', "ab"),
        ('title contains "50%"', "a"),
        ('title startswith "fees_"', "b"),
        ('`my key` = "x"', "c"),
        ('path in ("a", "d")', "ad"),
        ('format = "jsonl"', "abcd"),
        ('heading startswith "Fees 5"', "a"),
        ('lang = "O\'Hara \\"q\\" \\\\"', "d"),
        ("NOT NOT year <= 2024", "a"),
        ('lang = "2023"', ""),
        ('nothing = "x"', ""),
    ],
)
def test_a_condition_keeps_what_it_says(condition: str, documents: str, rows: Index) -> None:
    found = rows.passages(rows.rows_where(Where(condition)).tolist())
    assert "".join(sorted(passage.document for passage in found)) == documents


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("", "at its end: a key is expected"),
        ("lang =", "at its end: a value is expected"),
        ("lang = en", r"at character 8, before 'en': a value \(text needs quotation marks\) is expected"),
        ('lang "en"', "at character 6, .*: `=`, `!=`, .* or `in` is expected"),
        ('(lang = "en"', r"at its end: `\)`, `and` or `or` is expected"),
        ('lang = "en', "at character 8, .*: a quotation mark is never closed"),
        ("year = 1 year = 2", "at character 10, .*: `and`, `or` or the end is expected"),
        ("year in 3", r"at character 9, before '3': `\(` is expected"),
        ("year contains 3", "at character 15, .*: text in quotation marks after `contains` is expected"),
        ("year = 1 ; drop", "at character 10, before '; drop'"),
        ("and = 3", "at character 1, .*: a key is expected"),
        ("(" * 100 + "a = 1", "no more than 50 brackets"),
        ("not " * 3000 + "a = 1", "no more than 50 brackets"),
        (" or ".join(["a = 1"] * 600), "more than 500 tests; use `in"),
    ],
)
def test_a_mistake_is_one_sentence_that_points_at_it(condition: str, said: str) -> None:
    with pytest.raises(WhereError, match=said):
        Where(condition)


PIECES = """lang and or not in ( ) , = != < "en" ' 2024 -1.5 true `k` % \\""".split()
WORDS = st.sampled_from(PIECES)


@given(st.one_of(st.text(), st.lists(WORDS, max_size=12).map(" ".join)))
@example('a = "\ud800"')
@example(" or ".join(["heading = 'x'"] * 400))
def test_any_text_is_a_condition_or_a_sentence(rows: Index, condition: str) -> None:
    try:
        where = Where(condition)
    except WhereError:
        return
    assert len(rows.rows_where(where)) <= len(ROWS)


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0")))
def test_any_text_can_be_compared_with(rows: Index, text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    assert Where(f'lang = "{quoted}"').sql()[1] == ("lang", text)
    for test in ("=", "contains", "startswith", ">"):
        assert len(rows.rows_where(Where(f'lang {test} "{quoted}"'))) <= len(ROWS)
