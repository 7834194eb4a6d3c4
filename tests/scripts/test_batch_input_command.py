"""`interlock batch` on whatever it is given: an index, compressed files, object stores, pipes, rows that kill, files
in halves. Each is served, or told in one sentence.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command import COMMAND, QUIET, ROOT, interlock

from index import Embedder

SCHEMA = '{"type": "object", "properties": {"tag": {"enum": ["a", "b"]}}, "required": ["tag"]}'
QUOTING = """
from models import Contract, Quote

class Answer(Contract):
    quote: Quote
"""
DEADLY = """
import os, signal
from pydantic import field_validator
from models import Contract, Said

class Words(Contract):
    words: Said[str]

    @field_validator("words")
    @classmethod
    def live(cls, words):
        if "boom" in words:
            os.kill(os.getpid(), signal.SIGKILL)
        return words
"""


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(one) for one in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def lines(*texts: str) -> str:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts)


def sentence(process: subprocess.CompletedProcess[str]) -> str:
    assert process.returncode == 2, process.stderr
    assert "Traceback" not in process.stderr
    assert process.stdout == ""
    return " ".join(process.stderr.split())


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    return write(tmp_path / "s.json", SCHEMA)


def test_quote_fields_quote_the_passages_of_an_index(tmp_path: Path) -> None:
    documents = tmp_path / "kb"
    documents.mkdir()
    write(documents / "dogs.md", "# Dogs\n\nGuide dogs travel in the cabin free of charge.\n")
    write(documents / "bikes.md", "# Bikes\n\nA bicycle costs nine euros and travels in the last coach.\n")
    index = tmp_path / "index"
    assert interlock("index", "build", documents, "-o", index).returncode == 0
    contract = f"{write(tmp_path / 'answer.py', QUOTING)}:Answer"
    source = write(tmp_path / "in.jsonl", lines("May I bring my guide dog?", "What does a bicycle cost?"))
    given = ["batch", "-i", source, "--contract", contract, "--prompt", write(tmp_path / "p.md", "{text}")]
    process = interlock(*given, "-o", tmp_path / "out", "--index", index, "--k", "1")
    assert process.returncode == 0, process.stderr
    first, second = sorted(rows(tmp_path / "out" / "output.jsonl"), key=lambda row: str(row["id"]))
    assert first["quote"] in "Guide dogs travel in the cabin free of charge."
    assert second["quote"] in "A bicycle costs nine euros and travels in the last coach."
    assert len(first["quote"]) > 3
    again = interlock(*given, "-o", tmp_path / "out", "--index", index, "--k", "2")
    assert "another contract, prompt" in sentence(again)
    assert "There is no index at" in sentence(interlock(*given, "-o", tmp_path / "o2", "--index", documents))
    encoder = tmp_path / "encoder"
    folder = Embedder().weights.folder
    assert folder is not None
    shutil.copytree(folder, encoder)
    other = tmp_path / "other"
    assert interlock("index", "build", documents, "-o", other, "--encoder", encoder).returncode == 0
    assert interlock(*given, "-o", tmp_path / "o3", "--index", other).returncode == 0
    shutil.rmtree(encoder)
    gone = interlock(*given, "-o", tmp_path / "o4", "--index", other)
    assert (gone.returncode, gone.stdout, "Traceback" in gone.stderr) == (1, "", False)
    assert f"There is no encoder folder '{encoder}'" in " ".join(gone.stderr.split())


def test_compressed_files_patterns_and_addresses_are_read_alike(tmp_path: Path, schema: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    write(tmp_path / "part-1.jsonl", lines("one"))
    (tmp_path / "part-2.jsonl.gz").write_bytes(gzip.compress(lines("two", "three").encode()))
    with pa.CompressedOutputStream(str(tmp_path / "part-3.jsonl.zst"), "zstd") as stream:
        stream.write(lines("four").encode())
    (tmp_path / "part-4.csv.gz").write_bytes(gzip.compress(b"text\nfive\n"))
    inputs = ["-i", tmp_path / "part-[1-3].*", "-i", f"file://{tmp_path}/part-4.csv.gz"]
    process = interlock("batch", *inputs, "-o", tmp_path / "out", "--schema", schema, "--keep", "text")
    assert process.returncode == 0, process.stderr
    answered = {row["text"]: row["id"] for row in rows(tmp_path / "out" / "output.jsonl")}
    assert set(answered) == {"one", "two", "three", "four", "five"}
    assert answered["three"] == "part-2.jsonl.gz:2"
    matched = interlock("batch", "-i", f"file://{tmp_path}/part-*.zst", "-o", tmp_path / "o2", "--schema", schema)
    assert matched.returncode == 0, matched.stderr
    # A store in memory is this process's own: whoever names an object of it that is not there is told so.
    assert "memory://none.jsonl cannot be read" in sentence(
        interlock("batch", "-i", "memory://none.jsonl", "-o", tmp_path / "o3", "--schema", schema)
    )
    assert "No file matches memory://x*" in sentence(
        interlock("batch", "-i", "memory://x*", "-o", tmp_path / "o3", "--schema", schema)
    )
    for name, end in (("a.jsonl.gz", 30), ("b.jsonl.zst", 10)):
        source = tmp_path / ("part-2.jsonl.gz" if name.endswith("gz") else "part-3.jsonl.zst")
        (tmp_path / name).write_bytes(source.read_bytes()[:end])
        told = sentence(interlock("batch", "-i", tmp_path / name, "-o", tmp_path / "o4", "--schema", schema))
        assert f"{name} cannot be read" in told
    assert not (tmp_path / "o4").exists()


def test_an_object_store_is_read_as_a_file_is(tmp_path: Path, schema: Path) -> None:
    program = (
        "import fsspec\n"
        f"fsspec.filesystem('memory').pipe('/rows/a.jsonl', {lines('one', 'two')!r}.encode())\n"
        f"fsspec.filesystem('memory').pipe('/rows/b.csv', b'text\\nthree\\n')\n"
        "from scripts.main import main\n"
        f"main(['batch', '-i', 'memory://rows/*', '-o', {str(tmp_path / 'out')!r}, '--schema', {str(schema)!r},"
        " '--keep', 'text'])\n"
    )
    done = subprocess.run([COMMAND[0], "-c", program], cwd=ROOT, env=QUIET, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {row["text"] for row in rows(tmp_path / "out" / "output.jsonl")} == {"one", "two", "three"}


def test_rows_of_a_table_come_through_a_pipe(tmp_path: Path, schema: Path) -> None:
    command = [*COMMAND, "batch", "-i", "-", "-o", str(tmp_path / "out"), "--schema", str(schema), "--keep", "text"]
    for size in (2, 3):  # the second has all that the first had, and goes on
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=QUIET,
            input=lines("one", "two", "three")[: 16 * size + 2],
            capture_output=True,
            text=True,
        )
        assert done.returncode == (1 if size == 2 else 0), done.stderr  # at first, a line was cut off
    assert sorted(row["text"] for row in rows(tmp_path / "out" / "output.jsonl")) == ["one", "three", "two"]
    empty = subprocess.run(command, cwd=ROOT, env=QUIET, input="", capture_output=True, text=True)
    assert "it is empty" in sentence(empty)


def test_a_row_that_kills_its_process_is_set_aside_and_the_others_run(tmp_path: Path) -> None:
    contract = f"{write(tmp_path / 'words.py', DEADLY)}:Words"
    texts = [f"a quiet row {number}" for number in range(30)] + ["boom boom boom"]
    source, out = write(tmp_path / "in.jsonl", lines(*texts)), tmp_path / "out"
    command = [*COMMAND, "batch", "-i", str(source), "-o", str(out), "--contract", contract]
    command += ["--prompt", str(write(tmp_path / "p.md", "{text}"))]
    codes = []
    while not codes or codes[-1] < 0:
        done = subprocess.run(command, cwd=ROOT, env=QUIET, capture_output=True, text=True)
        codes.append(done.returncode)
        assert len(codes) < 8, done.stderr
    assert (codes[0], codes[-1]) == (-9, 1), done.stderr  # 1: there is a row that failed
    assert json.loads(done.stdout.splitlines()[-1])["request_counts"] == {"total": 31, "completed": 30, "failed": 1}
    (error,) = rows(out / "errors.jsonl")
    assert error["id"] == "31"
    assert "--retry 31" in error["reason"]
    assert sorted(int(row["id"]) for row in rows(out / "output.jsonl")) == list(range(1, 31))


def test_files_that_are_no_tables_are_one_sentence(tmp_path: Path, schema: Path) -> None:
    out = tmp_path / "out"

    def told(name: str, content: bytes, *more: str) -> str:
        (tmp_path / name).write_bytes(content)
        process = interlock("batch", "-i", tmp_path / name, "-o", out, "--schema", schema, *more)
        return sentence(process)

    for name in ("e.jsonl", "e.csv", "e.tsv"):
        assert f"{name} has no request that can be read (it is empty)" in told(name, b"")
    assert "e.parquet cannot be read" in told("e.parquet", b"")
    assert "x.arrow cannot be read as a table" in told("x.arrow", b"ARROW1 and then nothing of it")
    assert "two columns 'a'" in told("d.csv", b"a,a\n1,2\n")
    assert "cannot be read" in told("u.csv", "text\nm\u00fcde\n".encode("latin-1"))
    assert "cannot be read as a table" in told("q.csv", b'text\n"never closed\n')
    assert '"text" is no column' in told("h.csv", b"txt\nx\n", "--keep", "text")
    assert not out.exists()
