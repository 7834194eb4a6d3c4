"""The recipes under examples/ work as they stand: each command is run on its twenty rows."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import COMMAND, QUIET, ROOT
from processes import started

EXAMPLES = ROOT / "examples"


def commands(folder: Path) -> list[list[str]]:
    """Those that the recipe's README shows."""
    blocks = re.findall(r"```sh\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line]


@pytest.mark.parametrize("name", ["extraction", "labelling", "synthetic", "openai_batch"])
def test_a_recipe_answers_all_of_its_rows(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(EXAMPLES / name, folder)
    ((program, *given),) = commands(folder)
    assert program == "interlock"
    environment = {**QUIET, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*COMMAND, *given], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])["request_counts"]
    assert counts == {"total": 20, "completed": 20, "failed": 0}
    lines = [json.loads(line) for line in (folder / "OUT" / "output.jsonl").read_text(encoding="utf-8").splitlines()]
    if name == "extraction":
        said = {row["nr"]: row for row in map(json.loads, (folder / "reviews.jsonl").read_text().splitlines())}
        prompt = (folder / "prompt.md").read_text()
        assert all(row["product"] in prompt.format_map(said[row["id"]]).replace("\n\n", " ") for row in lines)
        assert all(row["shop"] == said[row["id"]]["shop"] for row in lines)
    if name == "labelling":
        assert all(row["label"] in ("billing", "bug", "delivery", "privacy", "other") for row in lines)
    if name == "synthetic":
        assert all(10 <= len(row["question"]) <= 120 for row in lines)


def test_the_tool_calling_client_calls_its_tool(tmp_path: Path) -> None:
    serve, client = commands(EXAMPLES / "tools")
    assert serve[:2] == ["interlock", "serve"]
    command = [*COMMAND, "serve", "-o", str(tmp_path / "out"), *serve[4:], "--port", "0"]
    with started(command, cwd=ROOT, env=QUIET, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        script = [sys.executable, str(EXAMPLES / "tools" / client[1]), f"{url}/v1", client[3]]
        done = subprocess.run(script, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert "days of rain" in done.stdout.splitlines()[0]


def test_every_recipe_is_listed() -> None:
    listed = re.findall(r"\]\((\w+)\)", (EXAMPLES / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())
