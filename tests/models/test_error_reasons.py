"""A file that cannot be read is told in words that belong into a sentence, whoever reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models.bench.throughput.prompts import read_prompts
from models.engines import profiles
from pipeline.prompts.templates import read_templates
from pipeline.routing.dataset import read_rows
from scripts.batch import _read
from scripts.evaluate.results import read_lines


def prompts_folder(file: Path) -> object:
    """A folder of templates, of which one is the file."""
    file.parent.joinpath("prompts").mkdir()
    file.rename(file.parent / "prompts" / "wish.txt")
    return read_templates(file.parent / "prompts")


READERS: list[Callable[[Path], object]] = [
    read_rows, read_lines, read_prompts, _read, lambda file: profiles._known(str(file)),
]  # fmt: skip


@pytest.mark.parametrize("read", READERS)
def test_one_that_is_missing(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(Exception, match=r"nowhere\.jsonl.* cannot be read.* \(No such file or directory\)"):
        read(tmp_path / "nowhere.jsonl")


@pytest.mark.parametrize("read", [*READERS, prompts_folder])
def test_one_in_another_encoding(tmp_path: Path, read: Callable[[Path], object]) -> None:
    file = tmp_path / "sheet.jsonl"
    file.write_bytes("Knödel".encode("cp1252"))
    with pytest.raises(Exception, match=r"cannot be read.* \(it is not UTF-8\)"):
        read(file)
