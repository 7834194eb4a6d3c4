"""What the README shows works: the workflow runs, the files and commands it names exist."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_workflow_runs_as_its_recipe_says(tmp_path: Path) -> None:
    folder = tmp_path / "refund"
    shutil.copytree(ROOT / "examples" / "refund", folder)
    (block,) = re.findall(r"```sh\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    for line in block.splitlines():
        program, *given = shlex.split(line)
        assert program == "interlock"
        command = [sys.executable, "-c", "from scripts.main import main; main()", *given]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "pipeline")])}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}: {done.stderr}"
    rows = {row["custom_id"]: row for row in map(json.loads, (folder / "OUT/results.jsonl").read_text().splitlines())}
    assert rows["r1"]["message"].startswith("Refunded: A1234 under ")
    assert rows["r2"]["question"]["text"] == "Refund A77?"


def test_every_file_it_links_to_exists() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_which_command_when_names_each() -> None:
    from scripts.main import app

    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    known |= {str(group.name) for group in app.registered_groups}
    assert {name for name in known if f"`interlock {name}" not in page} <= {"train_tiny"}  # train-tiny, in a checkout


def test_every_subcommand_it_names_exists() -> None:
    from scripts.main import app

    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    known |= {group.name for group in app.registered_groups}
    assert set(re.findall(r"`interlock ([a-z][a-z-]*)", README)) <= known
