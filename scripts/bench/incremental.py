"""How much of a full build a build takes after one document in a hundred changed; real files, any encoder."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

from index import Embedder, build_index
from scripts.bench.corpus import Sentences

_CHANGED = 100
_ROUNDS = 3


def measure(folder: Path, documents: int, sentences: Sentences, embedder: Embedder) -> dict[str, Any]:
    """Seconds of a full build of so many files below `folder`, and of the next ones, 1 % of them changed before each.

    The encoder's weights are loaded before, for all. Each file holds two answers, no two files the same.
    """
    library = folder / "library"
    library.mkdir()
    for number in range(documents):
        _write(library, number, sentences, "edition 1")
    embedder.load()
    full, _ = _build(library, folder / "index", embedder)
    rounds = []
    for edition in range(2, 2 + _ROUNDS):
        for number in range(edition, documents, _CHANGED):
            _write(library, number, sentences, f"edition {edition}")
        seconds, encoded = _build(library, folder / "index", embedder)
        rounds.append(round(seconds, 2))
    again = median(rounds)
    return {
        "documents": documents,
        "changed": len(range(2, documents, _CHANGED)),
        "encoded": encoded,
        "encoder": embedder.name,
        "full_s": round(full, 2),
        "incremental_s": again,
        "rounds_s": rounds,
        "ratio": round(again / full, 4),
    }


def _write(library: Path, number: int, sentences: Sentences, edition: str) -> None:
    answers = sentences.answers
    first, second = answers[number % len(answers)], answers[(number * 7 + number // len(answers)) % len(answers)]
    text = f"# Rule {number}, {edition}\n\n{first} {second}\n"
    (library / f"{number:06}.md").write_text(text, encoding="utf-8")


def _build(library: Path, out: Path, embedder: Embedder) -> tuple[float, int]:
    started = time.perf_counter()
    with build_index([library], out, embedder) as index:
        seconds = time.perf_counter() - started
        return seconds, index.built.encoded_passages if index.built else 0
