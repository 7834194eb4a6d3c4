from __future__ import annotations

import importlib.util
import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from index import Embedder, EncoderError, Retriever, build_index
from index.weights import BUNDLE


def encoder_folder(target: Path, **changed: str) -> Path:
    """A sentence-transformers folder with the shipped weights under another name, some files changed."""
    spec = importlib.util.find_spec(BUNDLE)
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).parent / "model"
    for file in source.rglob("*"):
        if file.is_file():
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if file.name in changed:
                copy.write_text(changed[file.name])
            else:
                copy.symlink_to(file)
    return target


def test_vectors_are_unit_length_and_close_when_texts_mean_the_same(embedder: Embedder) -> None:
    vectors = embedder.encode(["cancel my booking", "I want to call off the trip", "the weather is nice"])
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_no_text_gives_no_vector(embedder: Embedder) -> None:
    assert embedder.encode([]).shape == (0, 384)


def test_the_shipped_encoder_loads_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*address: Any, **options: Any) -> None:
        raise AssertionError(f"something tried to reach the network: {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    Embedder().load()


def test_an_encoder_to_be_fetched_without_network_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*address: Any, **options: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(EncoderError, match="not on this machine, and the model hub does not answer; name its folder"):
        Embedder("somebody/some-encoder-that-is-nowhere").load()


def test_nothing_is_printed_while_loading(capfd: pytest.CaptureFixture[str]) -> None:
    Embedder().load()
    assert capfd.readouterr() == ("", "")


def test_any_text_can_be_encoded(embedder: Embedder) -> None:
    texts = ["", "\ud800", "\0\x1b[31m", "😀" * 5000, "नमस्ते दुनिया", "word " * 200_000]
    assert np.isfinite(embedder.encode(texts)).all()


def test_threads_that_encode_at_once_get_their_own_vectors(embedder: Embedder) -> None:
    texts = [f"request number {number} about {number * 7}" for number in range(24)]
    expected = [embedder.encode_query(text) for text in texts]
    found: dict[int, np.ndarray[Any, Any]] = {}

    def encode(place: int) -> None:
        found[place] = embedder.encode_query(texts[place])

    threads = [threading.Thread(target=encode, args=(place,)) for place in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.allclose(found[place], expected[place], atol=1e-6) for place in range(len(texts)))


def test_the_fingerprint_is_the_same_each_time_and_tells_encoders_apart(embedder: Embedder, tmp_path: Path) -> None:
    assert Embedder("sentence-transformers/all-MiniLM-L6-v2").fingerprint == embedder.fingerprint
    renamed = Embedder(str(encoder_folder(tmp_path / "renamed")))
    shorter = Embedder(
        str(encoder_folder(tmp_path / "2" / "renamed", **{"sentence_bert_config.json": '{"max_seq_length": 64}'}))
    )
    assert shorter.max_tokens == 64
    assert len({embedder.fingerprint, renamed.fingerprint, shorter.fingerprint}) == 3


def test_altered_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tmp_path / BUNDLE / "model" / "model.safetensors"
    weights.parent.mkdir(parents=True)
    (tmp_path / BUNDLE / "__init__.py").write_text("")
    weights.write_bytes(b"something else")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(EncoderError, match="not the official ones; reinstall the package"):
        Embedder().load()


def test_a_folder_that_is_no_encoder_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"no modules\.json"):
        Embedder(str(tmp_path))
    for name in (str(tmp_path / "nowhere"), "./nowhere", "a/b/c", ""):
        with pytest.raises(EncoderError, match="There is no encoder folder"):
            Embedder(name)


def test_a_broken_encoder_folder_is_one_sentence(tmp_path: Path) -> None:
    folder = encoder_folder(tmp_path / "broken", **{"model.safetensors": "torn"})
    with pytest.raises(EncoderError, match="cannot be loaded") as caught:
        Embedder(str(folder)).load()
    assert "\n" not in str(caught.value)


def test_a_build_takes_all_cores_and_answers_half(embedder: Embedder) -> None:
    cores = len(os.sched_getaffinity(0))
    assert Embedder.for_build().threads == cores
    assert Embedder().threads == max(1, cores // 2)
    assert (embedder.device, embedder.precision) == ("cpu", "float32")


def test_queries_and_passages_get_the_prompts_that_a_model_has(embedder: Embedder, tmp_path: Path) -> None:
    settings = {"prompts": {"query": "query: ", "passage": "passage: "}, "default_prompt_name": None}
    name = "config_sentence_transformers.json"
    prompted = Embedder(str(encoder_folder(tmp_path / "prompted", **{name: json.dumps(settings)})), threads=1)
    for text in ("cancel my booking", "pets"):
        assert np.allclose(prompted.encode([text])[0], embedder.encode([f"passage: {text}"])[0], atol=1e-5)
        assert np.allclose(prompted.encode_query(text), embedder.encode([f"query: {text}"])[0], atol=1e-5)
    assert prompted.fingerprint != embedder.fingerprint


def test_sixteen_bits_give_nearly_the_same_vectors_under_the_same_fingerprint(embedder: Embedder) -> None:
    texts = ["cancel my booking", "word " * 300, "", "the weather is nice"]
    expected = embedder.encode(texts)
    for precision, least in (("float16", 0.999), ("bfloat16", 0.99)):
        half = Embedder(threads=1, precision=precision)  # type: ignore[arg-type]
        found = half.encode(texts)
        assert half.precision == precision
        assert half.fingerprint == embedder.fingerprint
        assert (expected * found).sum(axis=1).min() > least
        assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_a_model_too_large_for_float16_goes_on_in_bfloat16(embedder: Embedder, tmp_path: Path) -> None:
    source = importlib.util.find_spec(BUNDLE)
    assert source is not None
    assert source.origin is not None
    folder = encoder_folder(tmp_path / "large")
    tensors = load_file(Path(source.origin).parent / "model" / "model.safetensors")
    tensors["embeddings.LayerNorm.weight"] *= 1e5  # float16 ends at 65,504
    (folder / "model.safetensors").unlink()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    large = Embedder(str(folder), threads=1, precision="float16")
    found = large.encode(["cancel my booking", "pets"])
    assert large.precision == "bfloat16"
    assert np.isfinite(found).all()


def test_the_order_of_texts_does_not_change_their_vectors(embedder: Embedder) -> None:
    texts = [f"text number {number} " * (number % 7 + 1) for number in range(80)]
    assert np.allclose(embedder.encode(texts[::-1])[::-1], embedder.encode(texts), atol=1e-5)


def test_a_static_encoder_builds_and_answers(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    words = ["[UNK]", "dogs", "travel", "free", "a", "bicycle", "costs", "ten", "euros", "."]
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(words)}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=np.eye(10, dtype=np.float32))]).save(
        str(tmp_path / "static")
    )
    static = Embedder(str(tmp_path / "static"), threads=1)
    assert static.max_tokens == 512  # it has no limit of its own
    assert static.tokenizer is not None
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("dogs travel free .")
    (tmp_path / "docs" / "b.txt").write_text("a bicycle costs ten euros .")
    with build_index([tmp_path / "docs"], tmp_path / "ix", static) as index:
        assert Retriever(index, static).search("bicycle", mode="dense")[0].passage.document == "docs/b.txt"
