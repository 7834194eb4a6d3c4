from __future__ import annotations

from pathlib import Path

import pytest

from index import JudgementsError
from index.evaluation import read_judged

QUERIES = '{"_id": "1", "text": "pets?"}\n\n{"_id": 2, "text": "bags?", "metadata": {}}\n{"_id": "3", "text": " "}\n'
QRELS = "query-id\tcorpus-id\tscore\n1\ta\t1\n1\tb\t0\r\n2\ta\t0\n3\ta\t1\n9\tc\t2\n"


def write(folder: Path, queries: str = QUERIES, qrels: str = QRELS) -> tuple[Path, Path]:
    (folder / "queries.jsonl").write_text(queries)
    (folder / "qrels.tsv").write_text(qrels)
    return folder / "queries.jsonl", folder / "qrels.tsv"


def test_queries_without_text_or_relevant_documents_are_skipped_and_counted(tmp_path: Path) -> None:
    judged = read_judged(*write(tmp_path))
    assert [(one.id, one.text, dict(one.grades)) for one in judged.questions] == [("1", "pets?", {"a": 1, "b": 0})]
    assert judged.skipped == 2
    assert judged.documents == {"a"}


@pytest.mark.parametrize(
    ("queries", "qrels", "said"),
    [
        ('{"_id": "1"}\n', QRELS, r"Line 1 of .*queries.jsonl is no query: it needs `_id` and `text`"),
        ('{"_id": "1", "text": "a"}\n{"_id": "1", "text": "b"}\n', QRELS, "Line 2 of .* has the `_id` of another"),
        ("[1]\n", QRELS, "Line 1 of .* is no query"),
        (QUERIES, "1 a 1\n", r"Line 1 of .*qrels.tsv is no judgement: it needs query-id, corpus-id, score"),
        (QUERIES, "query-id\tcorpus-id\tscore\n1\ta\tmuch\n", "Line 2 of .* is no judgement"),
        (QUERIES, "1\ta\t0\n", "None of the 3 queries in .* has a relevant document"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(queries: str, qrels: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(JudgementsError, match=said):
        read_judged(*write(tmp_path, queries, qrels))


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(JudgementsError, match=r"queries.jsonl cannot be read \(No such file or directory\)"):
        read_judged(tmp_path / "queries.jsonl", tmp_path / "qrels.tsv")
