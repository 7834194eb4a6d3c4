from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import pytest

from index.reading.opening import opened, whole
from index.reading.reading import Unreadable


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"0123456789")
    return path


@pytest.mark.parametrize("most", [10, 11, 1_000_000])
def test_a_file_that_is_small_enough_is_read_to_its_end(file: Path, most: int) -> None:
    with opened(file) as stream:
        assert whole(stream, most) == b"0123456789"


def test_a_larger_file_is_refused_with_its_size(file: Path) -> None:
    with opened(file) as stream, pytest.raises(Unreadable, match="10 bytes; the most is 9"):
        whole(stream, 9)


@pytest.mark.parametrize(("grown", "read"), [(5, True), (6, False)])
def test_a_file_that_grows_while_it_is_read_is_read_whole_or_refused(file: Path, grown: int, read: bool) -> None:
    class Growing:
        """The stream of a file to which somebody adds after its size was asked for."""

        def __init__(self, stream: BinaryIO) -> None:
            self._stream = stream

        def fileno(self) -> int:
            return self._stream.fileno()

        def read(self, size: int) -> bytes:
            if file.stat().st_size == 10:
                with file.open("ab") as more:
                    more.write(b"+" * grown)
            return self._stream.read(size)

    with file.open("rb") as stream:
        growing: Any = Growing(stream)
        if read:
            assert whole(growing, 15) == b"0123456789" + b"+" * grown
        else:
            with pytest.raises(Unreadable, match="16 bytes"):
                whole(growing, 15)


@pytest.mark.skipif(not Path("/proc/version").is_file(), reason="only Linux has files that hold more than their size")
def test_a_file_without_a_size_is_read() -> None:
    with opened(Path("/proc/version")) as stream:
        assert whole(stream, 10_000).startswith(b"Linux")
