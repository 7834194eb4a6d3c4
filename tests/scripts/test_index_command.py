"""`interlock index` as a user types it: build, search, and what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.main import main


def interlock(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "luggage.md").write_text(
        "# Luggage\n\nA bicycle costs 30 EUR.\n\n# Pets\n\nCats [bold]stay[/bold] at home.\n"
    )
    (folder / "fares.txt").write_text("Economy fares are not refundable.")
    return folder


def test_build_then_search_ends_with_a_line_for_scripts(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = interlock(capsys, "index", "build", "library", "-o", "built")
    assert code == 0
    summary = json.loads(out.splitlines()[-1])
    assert (summary["version"], summary["documents"], summary["passages"]) == (1, 2, 3)
    code, out, err = interlock(capsys, "index", "search", "built", "may I bring a bicycle?", "-k", "2")
    assert code == 0
    assert "A bicycle costs 30 EUR." in err
    hits = json.loads(out.splitlines()[-1])["hits"]
    assert [len(hits), hits[0]["heading"]] == [2, "Luggage"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["build", "nowhere", "-o", "out"], 2, "nowhere does not exist"),
        (["build", "empty", "-o", "out"], 2, "No text was found in empty"),
        (["build", "library", "-o", "out", "--encoder", "./nowhere"], 1, "There is no encoder folder"),
        (["build", "library", "-o", "out", "--tokens", "100000"], 2, "--tokens may be 192"),
        (["search", "nowhere", "x"], 2, "There is no index at nowhere"),
        (["search", "nowhere", "x", "--where", "a ="], 2, "The condition cannot be read"),
        (["search", "library", " "], 2, "The query is empty"),
        (["search", "damaged", "x"], 1, "The index is damaged"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_an_exit_code(
    arguments: list[str], code: int, said: str, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    Path("damaged").mkdir()
    Path("damaged/CURRENT").write_text("{")
    ended, out, err = interlock(capsys, "index", *arguments)
    assert ended == code
    assert said in " ".join(err.split())
    assert "Traceback" not in err
    assert out == ""
    assert not Path("out").exists()


def test_a_second_build_encodes_only_what_changed_and_lists_what_it_could_not_read(
    library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (library / "picture.md").write_bytes(b"\x89PNG\0\0")
    expected = ((1, 0, 3), (2, 1, 1), (3, 0, 3))
    for full, (version, unchanged, encoded) in zip(([], [], ["--full"]), expected, strict=True):
        code, out, err = interlock(capsys, "index", "build", "library", "-o", "built", *full)
        assert code == 0
        summary = json.loads(out.splitlines()[-1])
        assert [one["path"] for one in summary["unread"]] == ["library/picture.md"]
        assert summary["unread"][0]["reason"] in " ".join(err.replace("│", " ").split())
        assert (summary["version"], summary["unchanged"], summary["encoded"]) == (version, unchanged, encoded)
        (library / "fares.txt").write_text("Economy fares are not refundable.\n\nBusiness fares are.")


def test_verify_reads_every_byte(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert interlock(capsys, "index", "build", "library", "-o", "built", "--kind", "ivf")[0] == 0
    code, out, _ = interlock(capsys, "index", "verify", "built")
    summary = json.loads(out.splitlines()[-1])
    assert code == 0
    assert (summary["passages"], summary["kind"]) == (3, "ivf")
    assert set(summary["files"]) == {"passages.sqlite", "vectors.faiss", "approximate.faiss"}
    file = Path("built/versions/1/approximate.faiss")
    file.write_bytes(file.read_bytes()[:-1])
    code, out, err = interlock(capsys, "index", "verify", "built")
    assert (code, out) == (1, "")
    assert "approximate.faiss is not what was written; build it again with" in " ".join(err.split())


def test_sentences_of_context_are_written_once_and_shown_where_a_search_is_explained(
    library: Path, random_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = ("index", "build", "library", "-o", "built", "--contextual")
    code, out, _ = interlock(capsys, *build, str(random_model))
    assert (code, json.loads(out.splitlines()[-1])["contexts_written"]) == (0, 3)
    code, out, _ = interlock(capsys, *build, str(random_model))
    assert (code, json.loads(out.splitlines()[-1])["contexts_written"]) == (0, 0)
    _, out, err = interlock(capsys, "index", "search", "built", "may I bring a bicycle?", "--explain", "-k", "1")
    (hit,) = json.loads(out.splitlines()[-1])["hits"]
    assert hit["context"]
    assert "A bicycle costs 30 EUR." in err
    code, _, err = interlock(capsys, *build, "models/tiny")
    assert code != 0
    assert "only trusted to copy, not to say what a passage is about" in " ".join(err.split())
    code, _, err = interlock(capsys, *build[:-1])
    assert code == 0
    assert "had sentences of context" in " ".join(err.split())
