"""`interlock new` writes an app that runs, and writes over nothing."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from command import COMMAND, QUIET, ROOT, interlock


def test_the_new_app_passes_its_own_test(tmp_path: Path) -> None:
    done = interlock("new", tmp_path / "my desk")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["begin"] == str(tmp_path / "my desk" / "README.md")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    tried = subprocess.run(command, cwd=tmp_path / "my desk", capture_output=True, text=True, timeout=280, check=False)
    assert tried.returncode == 0, tried.stdout


def test_its_readme_can_be_followed_from_top_to_bottom(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    interlock("new", desk)
    block = (desk / "README.md").read_text(encoding="utf-8").split("```sh\n")[1].split("```")[0]
    lines = [line for line in block.splitlines() if not line.startswith("pip ")]  # the test, which is tried above
    program = f'interlock() {{ {shlex.join(COMMAND)} "$@"; }}'
    script = "\n".join(["set -e", program, *lines])
    environment = {**QUIET, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "pipeline")])}
    told = subprocess.run(
        ["sh", "-c", script],
        cwd=desk,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "The Left Hand of Darkness" in told.stdout + told.stderr


def test_its_contracts_hold(tmp_path: Path) -> None:
    interlock("new", tmp_path / "desk")
    done = interlock("check", tmp_path / "desk" / "app.py", "--attacks", 5)
    assert done.returncode == 0, done.stderr


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = interlock("new", tmp_path)
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
