"""The constants of the fusion fitted to an index: only where that holds on questions that had no part in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from index import Embedder, Index, Retriever, build_index
from index.errors import JudgementsError
from index.estimation import estimated, pairs
from index.evaluation import Question, own_questions, tune
from index.retrieval.fusion import Floor, Fusion
from scripts.main import main

WORDS = "amber birch cedar dune ember fjord grove heath inlet jetty knoll lagoon marsh nook oasis prairie".split()


def code(number: int) -> int:
    """Codes that an encoder takes for each other, and words do not."""
    return 10000 + number * 7919 % 90000


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(threads=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Path:
    """Forms that an encoder can hardly tell apart: what is asked for is told by a code alone."""
    place = tmp_path_factory.mktemp("codes")
    rows = [
        {
            "_id": str(n),
            "title": f"Form {word}",
            "text": f"Hand in form {code(n)} at the desk. Then wait.",
        }
        for n, word in enumerate(WORDS * 3)
    ]
    (place / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    build_index([place / "corpus.jsonl"], place / "kb", embedder).close()
    return place


def by_codes() -> list[Question]:
    return [Question(str(n), f"where do I hand in {code(n)}", {str(n): 1.0}) for n in range(48)]


def test_constants_that_are_wrong_are_mended_and_good_ones_stay(folder: Path, embedder: Embedder) -> None:
    with Index.open(folder / "kb") as index:
        retriever = Retriever(index, embedder)
        retriever.fusion = Fusion(weight=0.0, sure=0.0)
        tuned = tune(retriever, by_codes())
        assert tuned.after > tuned.before + 0.05
        assert tuned.fusion.weight > 0
        retriever.fusion = tuned.fusion
        again = tune(retriever, by_codes())
        assert again.before >= tuned.after - 0.02
        with pytest.raises(JudgementsError, match="There are 3 questions"):
            tune(retriever, by_codes()[:3])
        for question in own_questions(retriever, 30):
            (document,) = question.grades
            assert index.passage(question.id).document == document


def test_the_command_keeps_what_it_finds_in_a_version_that_can_be_taken_back(
    folder: Path, embedder: Embedder, capsys: pytest.CaptureFixture[str]
) -> None:
    kb = folder / "kb"
    (folder / "q.jsonl").write_text("".join(json.dumps({"_id": q.id, "text": q.text}) + "\n" for q in by_codes()))
    (folder / "qrels.tsv").write_text("".join(f"{q.id}\t{q.id}\t1\n" for q in by_codes()))

    def run(*arguments: object) -> dict[str, object]:
        with pytest.raises(SystemExit) as ended:
            main(["index", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert ended.value.code == 0, err
        told: dict[str, object] = json.loads(out.splitlines()[-1])
        return told

    told = run("tune", kb, "--queries", folder / "q.jsonl", "--qrels", folder / "qrels.tsv")
    with Index.open(kb, verify=True) as index:
        assert index.version == told["version"]
        kept = Retriever(index, embedder).fusion
        assert kept.row() == told["fusion"]
    shown = run("versions", kb)
    assert shown["current"] == told["version"]
    assert run("use", kb, 1)["version"] == 1
    with Index.open(kb) as index:
        assert Retriever(index, embedder).fusion == Fusion()
        assert len(index) == 48


def test_another_encoders_constants_come_from_pairs_of_the_passages(embedder: Embedder) -> None:
    texts = [f"Rules > {word}\nThe {word} opens at nine. It is closed on Sundays in {word} weather." for word in WORDS]
    assert len(pairs(texts)) == 16
    same = estimated(texts, embedder.encode, embedder.encode)
    assert same is not None
    assert (same.fusion.weight, same.fusion.sure) == pytest.approx((0.6, 0.65), abs=1e-5)
    assert same.floor.row() == Floor().row()
    assert estimated(texts[:5], embedder.encode, embedder.encode) is None
