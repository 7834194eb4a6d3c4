"""What the README shows works: the workflow runs, the files and commands it names exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_workflow_runs_as_it_stands(tmp_path: Path) -> None:
    example = next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "@workflow" in block)
    (tmp_path / "shop.py").write_text(example, encoding="utf-8")
    request = {"custom_id": "r1", "text": "I want my money back for order A1234, please refund 80 euros"}
    (tmp_path / "requests.jsonl").write_text(json.dumps(request) + "\n", encoding="utf-8")
    command = [sys.executable, "-c", "from scripts.main import main; main()"]
    options = ["run", "-i", "requests.jsonl", "-o", "out", "--app", "shop.py"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    row = json.loads((tmp_path / "out" / "results.jsonl").read_text())
    assert row["status"] == "needs_input"
    assert row["question"]["text"] == "Refund A1234?"


def test_every_file_it_links_to_exists() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_subcommand_it_names_exists() -> None:
    from scripts.main import app

    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    known |= {group.name for group in app.registered_groups}
    assert set(re.findall(r"`interlock ([a-z][a-z-]*)", README)) <= known
