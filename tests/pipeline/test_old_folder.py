"""What commit 275b3e7 left half finished is finished by the present code with the same results; no step was renamed.

old_folder/make.py made the folders with that commit, and let it finish them as well: what it came to is expected here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_server import ScriptedServer

from scripts.console import console

FOLDER = Path(__file__).with_name("old_folder")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(FOLDER))

from clerk import clerk  # noqa: E402 (found by the path above)
from continuing import Code, continue_batch, continue_conversations, differences, from_scratch, restore  # noqa: E402

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def present(monkeypatch: pytest.MonkeyPatch) -> Iterator[Code]:
    monkeypatch.setattr(console, "width", 200)  # as COLUMNS says it before the terminal is opened, by whichever test
    monkeypatch.chdir(ROOT)
    with ScriptedServer(clerk) as server:
        yield Code(ROOT, server.url)


def expected(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_batch_is_finished_as_the_code_that_began_it_would_have(present: Code, tmp_path: Path) -> None:
    kept = FOLDER / "batch"
    story = continue_batch(present, kept, restore(kept, tmp_path / "out"))
    assert list(differences(expected(FOLDER / "batch.expected.json"), story)) == []


def test_conversations_go_on_as_with_the_code_that_began_them(present: Code, tmp_path: Path) -> None:
    kept = FOLDER / "conversations"
    story = continue_conversations(present, kept, restore(kept, tmp_path / "out"))
    assert list(differences(expected(FOLDER / "conversations.expected.json"), story)) == []


@pytest.mark.parametrize("app", ["relay", "travel"])
def test_steps_have_the_names_positions_and_digests_that_they_had(present: Code, tmp_path: Path, app: str) -> None:
    code, kept = (present, FOLDER / "batch") if app == "relay" else (Code(ROOT), FOLDER / "travel")
    answers = sorted(kept.glob("answers*.jsonl"))
    found = from_scratch(code, kept / "requests.jsonl", answers, tmp_path / "out")
    assert list(differences(expected(FOLDER.with_name("step_identity.json"))[app], found)) == []
