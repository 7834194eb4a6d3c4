"""`interlock bench validity`: what one of its two trials is asked for is not ignored by the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.main import main


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
def test_what_the_other_trial_is_asked_for_is_refused_by_name(
    given: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["bench", "validity", *given])
    assert told in capsys.readouterr().err


def test_a_folder_without_schemas_is_told_before_anything_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--model", "models/tiny", "--budgets", "64", "--schemas", str(tmp_path), "--contracts", "1"]
    with pytest.raises(SystemExit, match="2"):
        main(["bench", "validity", *given])
    assert "There is no schema that is enforced" in capsys.readouterr().err
