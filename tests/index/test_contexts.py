"""Sentences of context: both searches see them, nobody quotes them, and each is written once, whatever is killed.

As a program, `python test_contexts.py OUT LOG`, it builds with a writer that notes what it is asked and takes a while.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from editions import WordEncoder

from index import Document, Index
from index.build import build_version
from index.chunking import Chunker
from index.contexts import LONGEST, Surroundings, surroundings
from index.storage.store import Built
from index.storage.versions import VersionedFolder

ROOT = Path(__file__).parents[2]
HOTELS = ("Acorn", "Birch", "Cedar", "Dogwood")


class Opening:
    """Writes what the document begins with: the rule of somebody who reads only that."""

    def __init__(self, name: str = "opening", seconds: float = 0.0, log: Path | None = None) -> None:
        self.name = name
        self.asked: list[Surroundings] = []
        self._seconds, self._log = seconds, log

    def write(self, asked: Sequence[Surroundings], made: Callable[[int, str], None]) -> None:
        for place, one in enumerate(asked):
            self.asked.append(one)
            if self._log:
                with self._log.open("a") as log:
                    log.write(f"{one.text[:20]!r}\n")
            time.sleep(self._seconds)
            made(place, f"About {(one.opening or one.text).split()[0]},\n here.")


def hotels(changed: str = "") -> Iterator[Document]:
    for name in HOTELS:
        rules = [f"Rule {number} of it holds {'no ' * (name == changed)}more." for number in range(12)]
        yield Document(f"{name}.txt", f"{name}\n\n" + "\n\n".join(rules), {}, "text")


def build(out: Path, writer: Opening | None, encoder: WordEncoder | None = None, changed: str = "") -> Built:
    previous = Index.open(out, verify=True) if (out / "CURRENT").exists() else None
    return build_version(
        hotels(changed), VersionedFolder(out), encoder or WordEncoder(), lambda done, total: None, previous,
        tokens=16, context=writer,
    )  # fmt: skip


def test_both_searches_see_the_sentence_and_no_text_holds_it(tmp_path: Path) -> None:
    writer = Opening()
    assert build(tmp_path / "with", writer).written_contexts == len(writer.asked)
    build(tmp_path / "without", None)
    with Index.open(tmp_path / "with", verify=True) as index, Index.open(tmp_path / "without") as plain:
        passages = list(index.scan())
        assert [one.text for one in passages] == [one.text for one in plain.scan()]
        cedar = {row for row, one in enumerate(passages) if one.document == "Cedar.txt"}
        assert len(cedar) > 3
        assert {row for row, _ in index.matching("cedar", 50)} == cedar
        assert len(plain.matching("cedar", 50)) == 1  # the one that says it
        query = WordEncoder().encode(["About Cedar, here."])
        assert set(index.nearest(query, len(cedar))[0][0].tolist()) == cedar
        last = passages[max(cedar)]
        assert (index.context(last.id), plain.context(last.id)) == ("About Cedar, here.", "")
        assert "Cedar" not in last.text
        assert np.allclose(index.vectors([max(cedar)]), WordEncoder().encode(["About Cedar, here.\n" + last.text]))


def test_a_sentence_is_written_again_only_where_what_it_is_made_of_changed(tmp_path: Path) -> None:
    out = tmp_path / "index"
    first = build(out, Opening())
    assert first.written_contexts > 12
    assert build(out, Opening()) == Built(4, 0, 0)
    changed = build(out, Opening(), changed="Birch")
    assert changed.unchanged_documents == 3
    assert 0 < changed.written_contexts < first.written_contexts / 3
    other = build(out, Opening(), WordEncoder("another encoder"), changed="Birch")
    assert (other.written_contexts, other.unchanged_documents) == (0, 0)
    assert build(out, Opening("another model"), changed="Birch").written_contexts == first.written_contexts
    lost = build(out, None, changed="Birch")
    assert lost.lost_contexts == "another model"
    with Index.open(out, verify=True) as index:
        assert index.contexts() == {}
        assert len(index.matching("cedar", 50)) == 1


def test_equal_passages_are_asked_about_once_and_a_sentence_is_one_line_of_bounded_length(tmp_path: Path) -> None:
    class Long(Opening):
        def write(self, asked: Sequence[Surroundings], made: Callable[[int, str], None]) -> None:
            assert len(asked) == 1
            made(0, "word \n " * 100)

    twice = (Document(name, "The same words.", {}, "text") for name in ("a.txt", "b.txt"))
    built = build_version(
        twice, VersionedFolder(tmp_path), WordEncoder(), lambda done, total: None, None, context=Long()
    )
    assert built.written_contexts == 1
    with Index.open(tmp_path) as index:
        (sentence,) = index.contexts().values()
        assert "\n" not in sentence
        assert len(sentence) == LONGEST
        assert index.context("b.txt#0") == sentence


def test_after_a_kill_no_sentence_is_written_twice(tmp_path: Path) -> None:
    out, log = tmp_path / "index", tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, __file__, out, log], env=environment)
    while process.poll() is None and (not log.exists() or log.read_text().count("\n") < 9):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    begun = log.read_text().count("\n")
    (kept,) = (out / "versions").glob(".sentences-*")
    with kept.open("ab") as torn:
        torn.write(b'{"key": "00')
    writer = Opening()
    written = build(out, writer).written_contexts
    with Index.open(out, verify=True) as index:
        assert begun + written - len(index) in (0, 1)  # the one that was under way
        assert all(index.context(one.id) == f"About {one.document[:-4]}, here." for one in index.scan())
    assert not [*(out / "versions").glob(".sentences-*")]


def test_a_writer_that_fails_leaves_what_was_written_for_the_next_time(tmp_path: Path) -> None:
    class Failing(Opening):
        def write(self, asked: Sequence[Surroundings], made: Callable[[int, str], None]) -> None:
            super().write(asked[:7], made)
            raise RuntimeError("the model went away")

    with pytest.raises(RuntimeError, match="the model went away"):
        build(tmp_path, Failing())
    writer = Opening()
    build(tmp_path, writer)
    with Index.open(tmp_path) as index:
        assert len(writer.asked) == len(index) - 7


def test_a_passage_is_told_by_its_heading_its_documents_beginning_and_what_stands_before_it() -> None:
    text = "# Acorn House\n\nA hotel by the river.\n\n## Pets\n\n" + "They stay at home. " * 60
    document = Document("acorn.md", text)
    passages = Chunker(None, 256, 32).split(document)
    first, *_, last = surroundings(document, passages)
    assert (first.heading, first.opening, first.before) == ("Acorn House", "# Acorn House", "")
    assert last.heading == "Acorn House > Pets"
    assert last.opening.startswith("# Acorn House\n\nA hotel by the river.")
    assert last.before.endswith("home.")
    assert last.text in text


if __name__ == "__main__":
    build(Path(sys.argv[1]), Opening(seconds=0.05, log=Path(sys.argv[2])))
