"""Evaluation over a real index: the travel policies of conftest.py, and a public FAQ in BEIR's layout."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from index import Embedder, JudgementsError, Retriever, build_index
from index.evaluation import MEASURES, Question, Setting, compare, evaluate, read_judged

FAQ = Path(__file__).parents[4] / "shared" / "data" / "dstc9_faq" / "knowledge.json"


def test_a_document_is_found_when_one_of_its_passages_is(retriever: Retriever) -> None:
    questions = [
        Question("1", "How much money do I get when I give back my rail ticket?", {"knowledge/policies.md": 1}),
        Question("2", "Do I need a visa for Bali?", {"knowledge/policies.md": 1, "elsewhere.md": 1}),
    ]
    found = evaluate(retriever, questions, Setting())
    assert found.values["recall@1"] == [1, 0]
    assert found.values["recall@5"] == [1, 0.5]
    assert found.values["mrr"] == [1, 0.5]
    assert found.means["recall@1"] == 0.5
    least = found.least(0.95)
    assert least is not None
    assert -1 < least < found.similarities[0]


def test_what_is_not_similar_enough_counts_as_nothing_found(retriever: Retriever) -> None:
    question = Question("1", "How do I bake bread?", {"knowledge/policies.md": 1})
    assert evaluate(retriever, [question], Setting.read("hybrid, least=0.9")).nothing == 1
    assert evaluate(retriever, [question], Setting.read("dense,diversity=0.5")).nothing == 0


@pytest.mark.parametrize("text", ["sparse", "hybrid,depth=3", "hybrid,diversity=much", "hybrid,diversity=2", ""])
def test_a_setting_that_cannot_be_read_is_one_sentence(text: str) -> None:
    with pytest.raises(JudgementsError, match=r"is no way to search|is no setting of a search|from 0 to 1"):
        Setting.read(text)


def beir_layout(out: Path, domain: str, entities: int, asked: int) -> tuple[Path, Path, Path]:
    """The FAQ's answers as documents under the entity's name, and entity + question as queries."""
    corpus, queries, qrels = [], [], ["query-id\tcorpus-id\tscore"]
    for entity, entry in list(json.loads(FAQ.read_text())[domain].items())[:entities]:
        for number, pair in entry["docs"].items():
            name = f"{domain}-{entity}-{number}"
            corpus.append({"_id": name, "title": entry["name"], "text": pair["body"]})
            queries.append({"_id": name, "text": f"{entry['name']} {pair['title']}"})
            qrels.append(f"{name}\t{name}\t1")
    files = [out / "corpus.jsonl", out / "queries.jsonl", out / "qrels.tsv"]
    for file, rows in zip(files, (corpus, random.Random(0).sample(queries, asked)), strict=False):
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    files[2].write_text("\n".join(qrels) + "\n")
    return files[0], files[1], files[2]


@pytest.mark.skipif(not FAQ.is_file(), reason="needs shared/data/dstc9_faq beside the repository")
def test_both_searches_together_are_better_than_each_on_a_public_faq(embedder: Embedder, tmp_path: Path) -> None:
    corpus, queries, qrels = beir_layout(tmp_path, "hotel", entities=16, asked=200)
    judged = read_judged(queries, qrels)
    with build_index([corpus], tmp_path / "index", embedder) as index:
        retriever = Retriever(index, embedder)
        hybrid, dense, lexical = (
            evaluate(retriever, judged.questions, Setting.read(mode)) for mode in ("hybrid", "dense", "lexical")
        )
    assert hybrid.means["recall@1"] >= 0.75
    assert hybrid.means["recall@5"] >= 0.95
    for name in MEASURES:
        assert hybrid.means[name] >= max(dense.means[name], lexical.means[name]) - 0.005
    assert compare(lexical.values["ndcg@10"], hybrid.values["ndcg@10"]).low > 0
