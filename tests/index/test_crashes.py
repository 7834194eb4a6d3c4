"""What builds and readers do to each other, with real processes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from editions import WordEncoder, assert_whole, build, documents
from soak import repeats, soak

from index import Index, IndexBusy, NotAnIndex
from index.build import build_version
from index.storage.versions import VersionedFolder

ROOT = Path(__file__).parents[2]
KILLS, SWAPS, QUERIES = repeats(8, 50), repeats(10, 100), repeats(600, 10_000)


def builder(out: Path, first: int, last: int, *limits: int) -> subprocess.Popen[str]:
    """A process that builds editions, past its imports."""
    command = [sys.executable, Path(__file__).with_name("editions.py"), out, first, last, *limits]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(map(str, command), stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code, and what it said last."""
    with process:
        assert process.stdout is not None
        said = process.stdout.read()  # not communicate(), which would miss what was read along with "ready"
    return process.returncode, said.strip().split("\n")[-1]


@soak
def test_killed_at_any_moment_a_build_leaves_a_whole_index(tmp_path: Path) -> None:
    out = tmp_path / "index"
    chance = random.Random(KILLS)
    started = time.perf_counter()
    build(out, 1)
    once = time.perf_counter() - started
    edition = 1
    for _ in range(KILLS):
        process = builder(out, edition + 1, edition + 40)
        time.sleep(chance.uniform(0, 2 * once))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        told = [int(line) for line in process.stdout.read().split()]
        process.stdout.close()
        with Index.open(out, verify=True) as index:
            # What was said to be there is; one more may be, of which it had no time to speak.
            assert index.version - max([edition, *told]) in (0, 1)
            assert_whole(index, 10)
            edition = index.version
        build_after = edition + 1
        build(out, build_after)
        with Index.open(out) as index:
            # A version that was renamed into place, but never pointed to, keeps its number.
            assert index.version >= build_after
            edition = index.version
        if edition != build_after:
            out = tmp_path / f"index{edition}"
            edition = 1
            build(out, 1)
        assert not list((out / "versions").glob(".building*"))


@soak
def test_a_full_disk_is_one_sentence_and_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    build(tmp_path / "index", 1)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    sizes = [0, *sorted(len(content) - 1 for file, content in before.items() if file.name != ".lock")]
    for most in sizes:
        code, said = finished(builder(tmp_path / "index", 2, 2, most))
        assert code == 1
        assert "cannot be written" in said
        assert said.endswith(".")
        after = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
        assert {file: content for file, content in after.items() if file in before} == before
        with Index.open(tmp_path / "index", verify=True) as index:
            assert index.version == 1
    build(tmp_path / "index", 2)
    with Index.open(tmp_path / "index") as index:
        assert_whole(index, 5)


def test_of_two_builders_at_once_one_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "index"
    started, go_on = threading.Event(), threading.Event()

    def wait(done: int, total: int) -> None:
        started.set()
        go_on.wait(600)

    first = threading.Thread(
        target=lambda: build_version(documents(1), VersionedFolder(out), WordEncoder(), wait, None)
    )
    first.start()
    started.wait(600)
    try:
        code, said = finished(builder(out, 1, 1))
        assert code == 1
        assert said.startswith(f"Another process is building the index at {out}; wait for it to finish")
        with pytest.raises(IndexBusy):
            build(out, 1)
        with pytest.raises(NotAnIndex):
            Index.open(out)
    finally:
        go_on.set()
        first.join()
    with Index.open(out) as index:
        assert_whole(index, 5)


@soak
def test_readers_see_one_edition_whole_whatever_is_swapped_in(tmp_path: Path) -> None:
    out = tmp_path / "index"
    build(out, 1)
    seen: set[int] = set()
    process = builder(out, 2, 1 + SWAPS)
    asked = 0
    while process.poll() is None or asked < QUERIES:
        with Index.open(out) as index:
            for _ in range(3):
                assert_whole(index, 10)
                asked += 10
            seen.add(index.version)
    assert finished(process)[0] == 0
    assert asked >= QUERIES
    assert len(seen) > 2
    with Index.open(out, verify=True) as index:
        assert index.version == 1 + SWAPS
        assert_whole(index, 50)


def test_a_reader_that_stays_open_is_not_disturbed_when_its_version_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "index"
    build(out, 1)
    with Index.open(out) as reader:
        for edition in (2, 3, 4):
            build(out, edition)
            assert_whole(reader, 20)
        assert not (out / "versions" / "1").exists()
        assert reader.version == 1
