"""Another encoder takes over an index: beside the old version, after a kill where it was, and back again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from editions import DOCUMENTS, WordEncoder, build, documents

from index import Index, IndexBusy, NotAnIndex
from index.build import build_version
from index.embedding import Vectors
from index.storage.versions import VersionedFolder


class Stopping(WordEncoder):
    """Encodes so many batches and is then killed, as far as a build can tell."""

    step = 20

    def __init__(self, batches: int, fingerprint: str = "another encoder") -> None:
        super().__init__(fingerprint)
        self._batches = batches

    def encode(self, texts: Sequence[str]) -> Vectors:
        if self._batches == 0:
            raise KeyboardInterrupt
        self._batches -= 1
        return super().encode(texts)


def test_another_encoder_takes_over_without_an_outage_and_nothing_is_encoded_twice(tmp_path: Path) -> None:
    out = tmp_path / "index"
    build(out, 2)
    first = Stopping(4)
    with pytest.raises(KeyboardInterrupt):
        build_version(documents(2), VersionedFolder(out), first, lambda done, total: None, None)
    with Index.open(out) as reader:  # nothing has changed for readers
        assert (reader.version, reader.manifest.fingerprint) == (1, WordEncoder.fingerprint)
        (kept,) = (out / "versions").glob(".encoded-*")
        kept.write_bytes(kept.read_bytes()[:-7])  # the last record is torn
        second = Stopping(-1)
        seen: list[int] = []
        build_version(documents(2), VersionedFolder(out), second, lambda done, total: seen.append(done), None)
        assert (len(first.encoded), len(second.encoded)) == (80, DOCUMENTS - 79)
        assert seen[0] == 79
        assert not [*(out / "versions").glob(".encoded-*")]
        assert reader.passages([3])[0].text.startswith("Rule 3 ")
    with Index.open(out) as index:
        assert (index.version, index.manifest.fingerprint) == (2, "another encoder")
        texts = [passage.text for passage in index.scan()]
        assert np.allclose(index.vectors(range(len(texts))), WordEncoder().encode(texts), atol=1e-6)


def test_a_switch_can_be_taken_back_and_what_was_in_use_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "index"
    for edition in (1, 2):
        build(out, edition)
    folder = VersionedFolder(out)
    folder.use(folder.pointer_to(1))
    with Index.open(out, verify=True) as index:
        assert index.version == 1
        build(out, 3)
        assert folder.all() == [1, 2, 3]  # 1 was in use until now
        build(out, 4)
        assert folder.all() == [3, 4]
    with pytest.raises(NotAnIndex, match=r"no version 7 .*it has 3, 4"):
        folder.pointer_to(7)
    with folder.writing(), pytest.raises(IndexBusy):
        folder.use(folder.pointer_to(3))
