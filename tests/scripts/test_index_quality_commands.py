"""`interlock index evaluate`, `inspect`, `make-questions` and `search` with its options, as a user types them."""

from __future__ import annotations

import hashlib
import http.server
import json
import shutil
import threading
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from index import Embedder, Retriever, build_index
from index.errors import JudgementsError
from index.evaluation import MEASURES, Question, Setting, evaluate
from index.evaluation.benchmarks import BENCHMARKS, fetch
from scripts.main import main

CORPUS = [
    {"_id": "t1", "title": "Trains", "text": "Dogs travel free on trains. " * 3, "year": 2024},
    {"_id": "t2", "title": "Flights", "text": "Dogs fly in the hold for forty euros.", "year": 2020},
    {"_id": "t3", "title": "Flights", "text": "Dogs fly in the hold for forty euros.", "year": 2021},
    {"_id": "t4", "title": "", "text": "A bicycle costs ten euros."},
]
QUERIES = [
    {"_id": "1", "text": "Does my dog pay on a train?"},
    {"_id": "2", "text": "bicycle"},
    {"_id": "3", "text": "never judged"},
]
QRELS = "query-id\tcorpus-id\tscore\n1\tt1\t2\n1\tt2\t1\n2\tt4\t1\n2\tgone\t1\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("beir")
    for name, rows in (("corpus", CORPUS), ("queries", QUERIES)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "qrels.tsv").write_text(QRELS)
    build_index([folder / "corpus.jsonl"], folder / "ix", Embedder(threads=1)).close()
    return folder


@pytest.fixture
def folder(built: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(built)
    return built


def interlock(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    with pytest.raises(SystemExit) as ended:
        main(["index", *arguments])
    printed = capsys.readouterr()
    line = printed.out.splitlines()[-1] if printed.out else "null"
    return int(ended.value.code or 0), json.loads(line), " ".join(printed.err.split())


def test_evaluate_ends_with_the_measures_and_how_settings_compare(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ("--queries", "queries.jsonl", "--qrels", "qrels.tsv")
    code, found, said = interlock(capsys, "evaluate", "ix", *files, "--compare", "dense", "--compare", "lexical")
    assert code == 0
    assert (found["queries"], found["skipped"], found["unknown_documents"]) == (2, 1, 1)
    assert (found["recall@1"], found["recall@5"], found["recall@20"], found["mrr"]) == (0.5, 0.75, 0.75, 1)
    assert 0.5 < found["ndcg@10"] < 1
    assert set(found["intervals"]) == set(MEASURES)
    assert [one["setting"] for one in found["compared"]] == ["dense", "lexical"]
    assert found["compared"][0]["differences"]["mrr"]["mean"] == round(found["compared"][0]["mrr"] - found["mrr"], 4)
    assert "1 of 4 documents that are judged relevant are not in the index." in said
    assert "1 queries have no text or no relevant document" in said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["evaluate", "ix", "--queries", "no.jsonl", "--qrels", "qrels.tsv"], 2, "no.jsonl cannot be read"),
        (["evaluate", "ix", "--queries", "queries.jsonl", "--qrels", "queries.jsonl"], 2, "is no judgement"),
        (["evaluate", "ix", "--queries", "q", "--qrels", "q", "--setting", "best"], 2, "'best' is no way to search"),
        (["search", "ix", "dogs", "--where", "year ~ 3"], 2, "at character 6, before '~ 3'"),
        (["search", "ix", "dogs", "--rerank", "./nowhere"], 1, "There is no cross-encoder folder"),
        (["make-questions", "ix", "-o", ".", "--model", "models/tiny"], 2, "queries.jsonl is there already"),
        (["inspect", "nowhere"], 2, "There is no index at nowhere"),
    ],
)
def test_a_mistake_is_one_sentence_and_an_exit_code(
    arguments: list[str], code: int, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, found, err = interlock(capsys, *arguments)
    assert (ended, found) == (code, None)
    assert said in err
    assert "Traceback" not in err


def test_search_filters_joins_and_explains(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--where", "year >= 2021", "--diversity", "0.2", "--join", "1", "--explain")
    code, found, said = interlock(capsys, "search", "ix", "dogs on trains", *options)
    assert code == 0
    assert [hit["id"] for hit in found["hits"]] == ["t1#0", "t3#0"]
    assert found["hits"][0]["dense_rank"] == found["hits"][0]["lexical_rank"] == 1
    assert found["account"]["allowed"] == 2
    assert "2 of 4 passages fit the condition" in said
    code, found, said = interlock(capsys, "search", "ix", "How do I bake bread?", "--least", "0.9")
    assert (code, found["hits"], found["nothing"]) == (0, [], "no passage is similar enough")
    assert "Nothing was found: no passage is similar enough." in said


def test_inspect_finds_what_deserves_a_look(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found, said = interlock(capsys, "inspect", "ix")
    assert code == 0
    assert (found["documents"], found["passages"], found["near_duplicates"]) == (4, 4, 1)
    assert sum(found["lengths"].values()) == 4
    assert found["longest"][0] == "t1#0"
    assert found["bytes"] > 1000
    assert "t2#0" in said
    assert "t3#0" in said


def test_drafted_questions_can_be_evaluated_at_once(
    folder: Path, random_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--model", str(random_model), "-n", "3", "-o", "drafts")
    code, found, said = interlock(capsys, "make-questions", "ix", *options)
    assert (code, found["questions"], found["left_out"]) == (0, 3, 0)
    assert "Edit drafts/queries.jsonl" in said
    rows = [json.loads(line) for line in Path("drafts/queries.jsonl").read_text().splitlines()]
    assert [row["_id"] for row in rows] == ["q1", "q2", "q3"]
    assert all(row["metadata"]["answered_by"] for row in rows)
    files = ("--queries", "drafts/queries.jsonl", "--qrels", "drafts/qrels.tsv")
    code, found, _ = interlock(capsys, "evaluate", "ix", *files)
    assert (code, found["unknown_documents"]) == (0, 0)
    shutil.rmtree("drafts")


@pytest.fixture
def layout(folder: Path, tmp_path: Path) -> Path:
    """The same corpus in the layout of BEIR's archives."""
    (tmp_path / "mine/qrels").mkdir(parents=True)
    for name in ("corpus.jsonl", "queries.jsonl"):
        shutil.copy(folder / name, tmp_path / "mine" / name)
    shutil.copy(folder / "qrels.tsv", tmp_path / "mine/qrels/test.tsv")
    return tmp_path / "mine"


def test_benchmark_measures_a_folder_like_beirs(layout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found, said = interlock(capsys, "benchmark", str(layout), "--threads", "1")
    assert code == 0
    assert [one["setting"] for one in found["results"]] == ["hybrid", "dense", "lexical"]
    assert (found["documents"], found["queries"], found["published"]) == (4, 2, {})
    assert found["results"][0]["recall@5"] == 0.75  # one of the documents that are judged relevant is not there
    assert "ndcg@10" in said


def test_benchmark_fetches_a_set_once_and_checks_what_it_got(
    layout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(layout.parent / "cache"))
    cache = layout.parent / "cache/interlock/beir"
    archive = layout.parent / "scifact.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in layout.rglob("*.*"):
            packed.write(file, f"scifact/{file.relative_to(layout)}")
    md5 = hashlib.md5(archive.read_bytes(), usedforsecurity=False).hexdigest()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=layout.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/{{name}}.zip"
        published = BENCHMARKS["scifact"]
        with pytest.raises(JudgementsError, match=f"{published.md5} was published"):
            fetch(published, cache, address=address)
        with pytest.raises(JudgementsError, match="404"):
            fetch(replace(published, name="none"), cache, address=address)
        seen: list[int] = []
        place = fetch(replace(published, md5=md5), cache, lambda done, total: seen.append(done), address)
        server.shutdown()
    assert seen[-1] == archive.stat().st_size
    assert sorted(str(file.relative_to(place)) for file in place.rglob("*.*")) == [
        *("corpus.jsonl", "qrels/test.tsv", "queries.jsonl"),
    ]
    # From the cache now: nobody serves it any more.
    code, found, said = interlock(capsys, "benchmark", "scifact", "--threads", "1", "--setting", "dense")
    assert (code, found["published"]) == (0, dict(published.published))
    assert "published: BM25" in said


def test_benchmark_leaves_out_a_query_that_is_a_document(layout: Path) -> None:
    questions = [Question("t2", "Dogs fly in the hold for forty euros.", {"t3": 1})]
    with build_index([layout / "corpus.jsonl"], layout.parent / "ix", Embedder(threads=1)) as index:
        retriever = Retriever(index, Embedder(threads=1))
        first = evaluate(retriever, questions, Setting(), queries_are_documents=True)
        second = evaluate(retriever, questions, Setting())
    assert (first.means["recall@1"], second.means["recall@1"]) == (1, 0)


def test_benchmark_names_what_is_no_test_set(layout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = interlock(capsys, "benchmark", "scifakt")
    assert code != 0
    assert "'scifakt' is no test set: name scifact" in said
    (layout / "qrels/test.tsv").unlink()
    code, _, said = interlock(capsys, "benchmark", str(layout))
    assert code != 0
    assert "holds no qrels/test.tsv" in said
