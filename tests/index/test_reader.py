from __future__ import annotations

from pathlib import Path

import pytest

from index import SourceError, read_documents


def test_finds_markdown_and_text_below_a_folder_and_nothing_else(library: Path) -> None:
    assert [document.path for document in read_documents([library])] == [
        "knowledge/policies.md",
        "knowledge/visas/asia.txt",
    ]


def test_a_documents_name_does_not_depend_on_where_the_folder_lies(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absolute = [document.path for document in read_documents([library])]
    monkeypatch.chdir(library)
    assert [document.path for document in read_documents([Path()])] == absolute


def test_front_matter_becomes_metadata(library: Path) -> None:
    assert read_documents([library])[0].metadata == {"title": "Travel policies", "licence": "CC0"}


def test_text_is_kept_as_it_is_but_for_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffGrüße\r\nzweite Zeile".encode())
    assert read_documents([tmp_path / "a.txt"])[0].text == "Grüße\r\nzweite Zeile"


def test_hidden_files_and_empty_files_are_left_out(tmp_path: Path) -> None:
    for name in (".git/a.md", "empty.md", "kept.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("" if name == "empty.md" else "text")
    assert [document.path for document in read_documents([tmp_path])] == [f"{tmp_path.name}/kept.md"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("latin.md", "Grüße".encode("latin-1"), "is not UTF-8 text"),
        ("binary.txt", b"a\0b", "NUL"),
        ("empty.md", b"\n \n", "No text was found"),
        ("table.csv", b"a,b", "neither Markdown nor text"),
    ],
)
def test_a_file_that_is_no_text_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=said) as caught:
        read_documents([tmp_path / name])
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere does not exist"):
        read_documents([tmp_path / "nowhere"])


def test_two_files_of_one_name_are_refused_rather_than_one_lost(tmp_path: Path) -> None:
    for folder in ("a/docs", "b/docs"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "same.md").write_text(folder)
    with pytest.raises(SourceError, match=r"docs/same\.md"):
        read_documents([tmp_path / "a/docs", tmp_path / "b/docs"])
