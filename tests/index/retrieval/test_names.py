"""What a conversation is about: names are carried along, never made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from index import Embedder, Index, Retriever, build_index
from index.errors import JudgementsError
from index.evaluation import Setting, evaluate, read_judged
from index.retrieval.names import Names, Subject

HOTELS = (
    "Acorn Guest House",
    "Worth House",
    "Autumn House",
    "The Lensfield Hotel",
    "Gonville Hotel",
    "A and B Guest House",
    "Ashley Hotel",
)
NAMES = Names(
    [("title", name, 3) for name in HOTELS] + [("title", "House", 9), ("title", "Pets", 1), ("lang", "en", 5)]
)


def called(text: str) -> list[str]:
    return [subject.value for subject in NAMES.said(text)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Is there parking at ACORN guest house?", ["Acorn Guest House"]),
        ("I'd like the Lensfield, or the gonville hotel", ["The Lensfield Hotel", "Gonville Hotel"]),
        ("a & b guest house please", ["A and B Guest House"]),
        ("is autumn nice?", ["Autumn House"]),
        ("is it worth it?", []),  # five letters are a word of every day
        ("are pets allowed?", []),  # the title of one document alone
        ("", []),
    ],
)
def test_names_are_recognised_as_people_say_them(text: str, names: list[str]) -> None:
    assert called(text) == names


def test_a_question_is_about_what_was_named_last() -> None:
    turns = ["What about Acorn Guest House?", "no, another", "Then Gonville Hotel.", "yes, book it"]
    assert NAMES.about("is breakfast included there?", turns) == (Subject("title", "Gonville Hotel"),)
    assert NAMES.about("and in the Ashley?", turns) == (Subject("title", "Ashley Hotel"),)
    assert NAMES.about("anything", ["hello"]) == ()
    assert NAMES.refers_back("is breakfast included there?")
    assert NAMES.refers_back("what does the house cost")
    assert not NAMES.refers_back("do taxis take cards")


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    folder = tmp_path_factory.mktemp("places")
    facts = ["Parking is free of charge.", "Pets are not allowed.", "Breakfast is from 7 to 10."]
    rows = [
        {"_id": f"{number}-{place}", "title": name, "text": text}
        for place, name in enumerate(HOTELS)
        for number, text in enumerate(facts)
    ]
    rows.append(
        {"_id": "taxi", "title": "Taxis", "text": "Every taxi takes cards and cash, and cabs can be cancelled."}
    )
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    embedder = Embedder(threads=1)
    build_index([folder / "corpus.jsonl"], folder / "kb", embedder).close()
    return Retriever(Index.open(folder / "kb"), embedder)


def test_a_search_is_held_to_what_the_conversation_is_about(retriever: Retriever) -> None:
    turns = ["How about Worth House?", "no, something else", "Gonville Hotel has rooms.", "ok"]
    hits = retriever.search("can I leave my car there?", 2, turns=turns)
    assert (hits[0].passage.document, hits.about) == ("0-4", ("Gonville Hotel",))
    assert {hit.passage.document[-1] for hit in hits} == {"4"}
    named = retriever.search("can I leave my car at the Lensfield Hotel?", 1, turns=turns)
    assert named[0].passage.document == "0-3"
    narrowed = retriever.search("can I leave my car there?", 4, turns=turns, where='path startswith "1-"')
    assert [hit.passage.document for hit in narrowed] == ["1-4"]


def test_a_new_subject_is_not_held_to_the_old_one(retriever: Retriever) -> None:
    hits = retriever.search("do taxis take cards?", 1, turns=["Gonville Hotel has rooms.", "fine"])
    assert (hits[0].passage.document, hits.about) == ("taxi", ())


def test_conversations_are_evaluated_with_and_without_what_was_said(retriever: Retriever, tmp_path: Path) -> None:
    queries, qrels = tmp_path / "queries.jsonl", tmp_path / "qrels.tsv"
    chat = [
        {"role": "assistant", "content": "Acorn Guest House has rooms."},
        {"role": "user", "content": "parking there?"},
    ]
    rows = [{"_id": "a", "turns": ["Worth House?", "is it fine to bring my dog there?"]}, {"_id": "b", "turns": chat}]
    queries.write_text("".join(json.dumps(row) + "\n" for row in rows))
    qrels.write_text("a\t1-1\t1\nb\t0-0\t1\n")
    questions = read_judged(queries, qrels).questions
    assert [(one.text, len(one.turns)) for one in questions] == [(rows[0]["turns"][-1], 1), ("parking there?", 1)]
    assert evaluate(retriever, questions, Setting.read("hybrid")).means["recall@1"] == 1
    assert evaluate(retriever, questions, Setting.read("hybrid,turns=0")).means["recall@1"] < 1
    for bad in ({"_id": "x", "turns": []}, {"_id": "x", "turns": [3]}, {"_id": "x", "turns": ["a"], "text": "b"}):
        queries.write_text(json.dumps(bad))
        with pytest.raises(JudgementsError, match="Line 1"):
            read_judged(queries, qrels)
