"""`interlock index`, as its sub-application is mounted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from index import Index
from scripts.index import app


def test_build_then_search_ends_with_a_line_for_scripts(library: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "index")
    built = CliRunner().invoke(app, ["build", str(library), "-o", out])
    assert built.exit_code == 0, built.stderr
    summary = json.loads(built.stdout.splitlines()[-1])
    assert (summary["version"], summary["documents"], summary["passages"]) == (1, 2, 6)

    found = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["search", out, "may I bring a bicycle?", "-k", "2"])
    assert found.exit_code == 0, found.stderr
    assert "A bicycle costs 30 EUR." in found.stdout
    hits = json.loads(found.stdout.splitlines()[-1])["hits"]
    assert [len(hits), hits[0]["heading"]] == [2, "Travel policies > Luggage"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["build", "nowhere", "-o", "out"], 2, "nowhere does not exist"),
        (["build", "empty", "-o", "out"], 2, "No text was found in empty"),
        (["build", "library", "-o", "out", "--encoder", "./nowhere"], 1, "There is no encoder folder"),
        (["search", "nowhere", "x"], 2, "There is no index at nowhere"),
        (["search", "built", " "], 2, "The query is empty"),
        (["search", "damaged", "x"], 1, "The index is damaged"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_an_exit_code(
    arguments: list[str], code: int, said: str, built: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "library", "damaged"):
        Path(folder).mkdir()
    Path("library/a.md").write_text("Some text.")
    Path("damaged/CURRENT").write_text("{")
    Path("built").symlink_to(built.path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""
    assert not Path("out").exists()
