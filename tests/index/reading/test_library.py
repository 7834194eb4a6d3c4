from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from index import Document, SourceError, read_documents


def write(folder: Path, **files: str) -> Path:
    """Files by name; "__" is a folder's "/", the first "_" of what is left the dot."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".", 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def paths(*sources: Path, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
    return [document.path for document in read_documents(sources, include=include, exclude=exclude).documents]


def test_finds_what_it_can_read_below_a_folder_and_nothing_else(library: Path) -> None:
    assert paths(library) == ["knowledge/policies.md", "knowledge/visas/asia.txt"]


def test_a_documents_name_does_not_depend_on_where_the_folder_lies(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absolute = paths(library)
    monkeypatch.chdir(library)
    assert paths(Path()) == absolute


def test_front_matter_and_the_parts_of_the_path_become_metadata(library: Path) -> None:
    policies, asia = read_documents([library]).documents
    assert policies.metadata == {
        "title": "Travel policies",
        "licence": "CC0",
        "file": "policies.md",
        "folder": "knowledge",
    }
    assert asia.metadata == {"file": "asia.txt", "folder": "knowledge/visas"}
    assert (policies.format, asia.format) == ("markdown", "text")


def test_text_is_kept_as_it_is_but_for_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffGrüße\r\nzweite Zeile".encode())
    [document] = read_documents([tmp_path / "a.txt"]).documents
    assert document.text == "Grüße\r\nzweite Zeile"
    assert (document.encoding, document.byte_order_mark) == ("utf-8", 3)


def test_hidden_files_are_left_out_and_empty_ones_listed(tmp_path: Path) -> None:
    for name in (".git/a.md", "empty.md", "kept.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("" if name == "empty.md" else "text")
    reading = read_documents([tmp_path])
    assert [document.path for document in reading.documents] == [f"{tmp_path.name}/kept.md"]
    assert [str(unread) for unread in reading.unread] == [f"{tmp_path.name}/empty.md holds no text"]


def test_globs_choose_files(tmp_path: Path) -> None:
    folder = write(tmp_path / "docs", a_md="x", b_txt="x", old__c_md="x", new__d_md="x")
    assert paths(folder, include=("*.md",)) == ["docs/a.md", "docs/new/d.md", "docs/old/c.md"]
    assert paths(folder, exclude=("old/",)) == ["docs/a.md", "docs/b.txt", "docs/new/d.md"]
    assert paths(folder, include=("new/**", "/b.txt"), exclude=("*.md",)) == ["docs/b.txt"]


def test_ignore_files_are_obeyed_and_the_nearest_has_the_last_word(tmp_path: Path) -> None:
    folder = write(tmp_path / "docs", a_md="x", draft_md="x", sub__draft_md="x", sub__b_md="x", node__c_md="x")
    (folder / ".gitignore").write_text("draft.md\nnode/\n")
    (folder / "sub" / ".interlockignore").write_text("!draft.md\n/b.md\n")
    assert paths(folder) == ["docs/a.md", "docs/sub/draft.md"]


def test_a_links_target_is_read_once_and_never_outside(tmp_path: Path) -> None:
    folder = write(tmp_path / "docs", a_md="x", sub__b_md="x")
    write(tmp_path / "outside", secret_md="x")
    (folder / ".2024").mkdir()
    (folder / ".2024" / "mounted.md").write_text("as a cluster mounts it")
    (folder / "loop").symlink_to(folder)
    (folder / "sub" / "up").symlink_to("..")
    (folder / "self.md").symlink_to("self.md")
    (folder / "again.md").symlink_to("a.md")
    (folder / "mounted.md").symlink_to(".2024/mounted.md")
    (folder / "out").symlink_to(tmp_path / "outside")
    (folder / "out.md").symlink_to(tmp_path / "outside" / "secret.md")
    reading = read_documents([folder])
    assert [document.path for document in reading.documents] == ["docs/a.md", "docs/sub/b.md", "docs/mounted.md"]
    assert {str(unread) for unread in reading.unread} == {
        "docs/out is a link that leads out of the folder",
        "docs/out.md is a link that leads out of the folder",
        "docs/self.md is a link that leads nowhere",
    }


def test_a_benchmarks_questions_are_no_documents(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "faq",
        corpus_jsonl='{"_id": "d1", "title": "Pets", "text": "Dogs stay."}\n',
        queries_jsonl='{"_id": "q1", "text": "May I bring a dog?"}\n',
        qrels__test_tsv="query-id\tcorpus-id\tscore\nq1\td1\t1\n",
    )
    reading = read_documents([folder])
    assert [document.path for document in reading.documents] == ["d1"]
    assert reading.unread == []


def test_rows_of_two_tables_may_have_the_same_names(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", a_jsonl='{"_id": "1", "text": "x"}\n', b_jsonl='{"_id": "1", "text": "y"}\n')
    assert paths(folder) == ["1", "t/b.jsonl#1"]


def test_what_cannot_be_read_is_listed_and_the_rest_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "docs", a_md="text")
    (folder / "binary.md").write_bytes(bytes(range(256)) * 9)
    os.mkfifo(folder / "pipe.md")
    reading = read_documents([folder, Path("/dev/null")])
    assert [document.path for document in reading.documents] == ["docs/a.md"]
    assert [unread.path for unread in reading.unread] == ["docs/binary.md", "docs/pipe.md", "/dev/null"]
    assert reading.unread[1].reason == "is no regular file"


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that others may enter; those of pytest they may not, and every run of pytest closes them again."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_files_without_permission_are_listed(open_path: Path) -> None:
    folder = write(open_path / "docs", a_md="text", closed_md="text", shut__b_md="text")
    (folder / "closed.md").chmod(0)
    (folder / "shut").chmod(0)
    program = """
import os, sys
from pathlib import Path
from index import read_documents
if os.geteuid() == 0:
    os.seteuid(65534)
reading = read_documents([Path(sys.argv[1])])
print(*(document.path for document in reading.documents), *reading.unread, sep="\\n")
"""
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program, folder], cwd=root, capture_output=True, text=True, check=True)
    (folder / "shut").chmod(0o755)
    assert done.stdout.splitlines() == [
        "docs/a.md",
        "docs/closed.md cannot be read (Permission denied)",
        "docs/shut cannot be read (Permission denied)",
    ]


def test_names_that_no_database_takes_are_written_so_that_they_can_be_shown(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "docs")
    Path(os.fsdecode(folder)).mkdir()
    for name in (b"two\nlines.md", b"bell\x07.md", b"latin-\xe9.md"):
        Path(os.fsdecode(folder + b"/" + name)).write_text("text")
    assert paths(tmp_path / "docs") == ["docs/bell\\x07.md", "docs/latin-\\xe9.md", "docs/two\\nlines.md"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("binary.txt", b"a\0b", "no text"),
        ("empty.md", b"\n \n", "No text was found"),
        ("table.csv", b"a,b", "has no column that is called text, content, body or answer"),
        ("picture.png", b"\x89PNG", "in no known format"),
        ("letter.doc", b"\xd0\xcf", "in no known format: save it as .docx"),
    ],
)
def test_where_nothing_can_be_read_the_first_reason_is_told(
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


def test_a_document_knows_markdown_by_its_name_if_nothing_else_is_said() -> None:
    assert Document("A.MD", "").is_markdown
    assert not Document("a.md", "", format="text").is_markdown


def test_formats_of_documents_that_are_not_read_are_listed_once_a_suffix(tmp_path: Path) -> None:
    write(tmp_path / "docs", a_md="text", b_DOC="x", sub__c_doc="x", d_rtf="x", e_png="x", f_json="{}", drop_odt="x")
    (tmp_path / "docs/.gitignore").write_text("drop.odt\n")
    unread = {one.path: one.reason for one in read_documents([tmp_path / "docs"]).unread}
    assert unread == {
        "docs/b.DOC": "is .doc, which is not read (and 1 more): save as .docx",
        "docs/d.rtf": "is .rtf, which is not read: save as .docx",
        "docs/f.json": "is .json, which is not read: save as .jsonl, one object a line",
    }
    assert not read_documents([tmp_path / "docs"], include=["*.md"]).unread


def test_what_a_saved_dataset_says_of_its_rows_is_not_missed(tmp_path: Path) -> None:
    write(tmp_path / "set", a_md="text")
    for name in ("dataset_info.json", "state.json", "dataset_dict.json"):
        (tmp_path / "set" / name).write_text("{}")
    assert not read_documents([tmp_path / "set"]).unread
