"""`interlock bench validity`: what one of its two trials is asked for is not ignored by the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import interlock


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--schemas", "."), "--schemas belongs to --budgets"),
        (("--no-jump-forward",), "--jump-forward belongs to --budgets"),
        (("--budgets", "64", "--tokenizer", "byte"), "--tokenizer is not of --budgets"),
        (("--budgets", "64", "--context", "4096"), "--context is not of --budgets"),
        (("--budgets", "64", "--jump-forward", "--model", "http://127.0.0.1:1"), "--jump-forward is of a server that"),
        (("--budgets", "64,some"), "--budgets 64,some is no list of numbers of tokens"),
        (("--model", "models/tiny"), "'models/tiny' is no server"),
    ],
)
def test_what_the_other_trial_is_asked_for_is_refused_by_name(given: tuple[str, ...], told: str) -> None:
    process = interlock("bench", "validity", *given)
    assert process.returncode == 2
    assert told in process.stderr


def test_a_folder_without_schemas_is_told_before_anything_is_started(tmp_path: Path) -> None:
    process = interlock("bench", "validity", "--model", "models/tiny", "--budgets", "64", "--schemas", tmp_path)
    assert process.returncode == 2
    assert "There is no schema that is enforced" in process.stderr
