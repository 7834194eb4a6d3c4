"""`interlock new` writes an app that runs, and writes over nothing."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

from command import interlock

from scripts.new import STARTER


def test_the_new_app_passes_its_own_test(tmp_path: Path) -> None:
    done = interlock("new", tmp_path / "my desk")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["begin"] == str(tmp_path / "my desk" / "README.md")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    tried = subprocess.run(command, cwd=tmp_path / "my desk", capture_output=True, text=True, timeout=280, check=False)
    assert tried.returncode == 0, tried.stdout


def test_what_its_readme_tells_to_do_with_its_files_works_from_top_to_bottom(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    interlock("new", desk)
    block = (desk / "README.md").read_text(encoding="utf-8").split("```sh\n")[1].split("```")[0]
    for line in block.splitlines():
        program, *words = shlex.split(line, comments=True)
        if program == "echo":
            (desk / words[-1]).write_text(words[0] + "\n", encoding="utf-8")
        elif program == "interlock" and words[0] in ("index", "run", "answer"):  # others leave the files alone
            files = [desk / word if word in ("out", "index") or (desk / word).exists() else word for word in words[1:]]
            done = interlock(words[0], *files)
            assert done.returncode == 0, f"{line}: {done.stderr}"
    kept = (STARTER / "answerable.jsonl").read_bytes()
    assert (desk / "answerable.jsonl").read_bytes() == kept


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
