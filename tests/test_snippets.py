"""Every snippet of README, docs and recipes is whole: Python runs, a command is one that there is, with its options.

What cannot run without a server, a GPU or somebody's data stands in `ELSEWHERE`, with the reason.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from scripts.main import GLOBAL, app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").glob("*/README.md"))]
ELSEWHERE = {
    "docs/serve.md": "needs a server that runs: tests/pipeline/service holds the same calls",
}
"""Pages whose Python is not run here, and why; it has to be Python all the same."""
PROSE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Page and text of each fenced block of a language."""
    for page in PAGES:
        for found, text in PROSE.findall(page.read_text(encoding="utf-8")):
            if found == language:
                yield str(page.relative_to(ROOT)), text


PYTHON = list(blocks("python"))
COMMANDS = [
    (page, line)
    for page, text in blocks("sh")
    for line in text.replace("\\\n", " ").splitlines()
    if re.search(r"(^|&& |\| )interlock ", line)
]


def test_python_that_needs_a_server_is_python() -> None:
    pages = {page for page, _ in PYTHON}
    assert ELSEWHERE.keys() <= pages, "a page that has no Python needs no reason"
    for page, text in PYTHON:
        ast.parse(text, page)


def test_all_other_python_runs_as_it_stands(tmp_path: Path) -> None:
    # One process for all, as each would import the same: a snippet begins with no names, in a folder of its own.
    script = ["import os, pathlib"]
    for number, (page, text) in enumerate(PYTHON):
        if page not in ELSEWHERE:
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / "snippet.py").write_text(text, encoding="utf-8")
            script.append(f"os.chdir({str(folder)!r}); print({page!r}, flush=True)")
            script.append("import sys, types; sys.modules['snippet'] = module = types.ModuleType('snippet')")
            script.append("exec(compile(pathlib.Path('snippet.py').read_text(), 'snippet.py', 'exec'), vars(module))")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "pipeline")])}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(script)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@cache
def program() -> Any:
    return typer.main.get_command(app)


def check(words: list[str], where: str) -> None:
    """Words behind `interlock` name a command, and options that it has."""
    command = program()
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    assert not hasattr(command, "commands") or not words or words[0].startswith("-"), f"{where}: no {words[:1]}"
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {*GLOBAL, "--help"}
    for word in words:
        if word.startswith("--") and " " not in word:
            assert word.split("=")[0] in known, f"{where}: there is no {word}"


@pytest.mark.parametrize("page", sorted({page for page, _ in COMMANDS}))
def test_every_command_is_there_with_its_options(page: str) -> None:
    for _, line in (pair for pair in COMMANDS if pair[0] == page):
        for call in re.split(r"&&|\||;", line.split(" # ")[0].split("  #")[0]):
            words = shlex.split(re.sub(r"\$\(.*?\)|2>/dev/null", "", call))
            if words[:1] == ["interlock"]:
                check(words[1:], line)


def test_every_command_of_a_sentence_is_there_with_its_options() -> None:
    cards = [ROOT / "CONTRIBUTING.md", ROOT / "models/tiny/README.md", ROOT / "pipeline/workflows/starter/README.md"]
    for page in [*PAGES, *cards]:
        prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for code in re.findall(r"`interlock ([^`]+)`", prose):
            # "evaluate models | gate": several of one group; "bench …": any of it; "COMMAND": any.
            first, *others = code.replace("[", " ").replace("]", " ").split(" | ")
            group = first.split()[:-1] if others else []
            for words in (first.split(), *([*group, *other.split()] for other in others)):
                if words[-1:] == ["…"] or words[:1] == ["COMMAND"]:
                    continue
                check(words, f"{page.relative_to(ROOT)}: interlock {code}")


def test_the_readme_s_workflow_is_the_recipe() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = next(text for page, text in PYTHON if page == "README.md")
    assert shown == (ROOT / "examples/refund/shop.py").read_text(encoding="utf-8")
    assert "examples/refund" in readme
