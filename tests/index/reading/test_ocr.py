"""Scanned PDFs are read where somebody asks for it, once; without the program that is one sentence."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfReader, PdfWriter
from written_files import pdf

from index.errors import SourceError
from index.reading import read_documents
from index.reading.ocr import PROGRAM, Ocr

needs_program = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"{PROGRAM} is not installed")


def scan(text: str) -> bytes:
    """A PDF of one page that is a picture of a line."""
    page = Image.new("L", (1240, 600), 255)
    ImageDraw.Draw(page).text((80, 200), text, 0, ImageFont.load_default(60))
    out = BytesIO()
    page.save(out, "PDF", resolution=150)
    return out.getvalue()


def joined(*files: bytes) -> bytes:
    writer = PdfWriter()
    for file in files:
        writer.append(PdfReader(BytesIO(file)))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


@needs_program
@pytest.mark.timeout(120)
def test_pictures_of_pages_become_text_beside_those_that_are(tmp_path: Path) -> None:
    folder, kept = tmp_path / "docs", tmp_path / "kept"
    folder.mkdir()
    (folder / "scan.pdf").write_bytes(scan("Late returns cost twenty cents"))
    (folder / "both.pdf").write_bytes(joined(pdf([["Pets stay at home."]]), scan("Luggage is weighed")))
    ocr = Ocr("eng", kept)
    both, only = read_documents([folder], ocr=ocr).documents
    assert "Late returns cost twenty cents" in only.text
    assert (only.metadata["ocr"], only.metadata["pages"], "pages_without_text" in only.metadata) == ("eng", 1, False)
    assert "Pets stay at home." in both.text
    assert "Luggage is weighed" in both.text
    made = {path: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert len(made) == 2
    assert read_documents([folder], ocr=ocr).documents == [both, only]
    assert {path: path.stat().st_mtime_ns for path in kept.iterdir()} == made  # each is read once


@needs_program
@pytest.mark.timeout(120)
def test_what_the_program_cannot_do_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "scan.pdf").write_bytes(scan("Late returns cost twenty cents"))
    (folder / "a.txt").write_text("Pets stay at home.")
    (folder / "torn.pdf").write_bytes(b"%PDF-1.7 torn")
    reading = read_documents([folder], ocr=Ocr("eng", tmp_path / "kept", seconds=0.01))
    assert [document.path for document in reading.documents] == ["docs/a.txt"]
    assert "takes ocrmypdf more than 0.01 seconds" in reading.unread[0].reason
    assert list((tmp_path / "kept").iterdir()) == []


def test_without_the_program_that_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="ocrmypdf is not installed; install it with Tesseract"):
        Ocr("eng", tmp_path)


@needs_program
def test_a_language_that_is_not_there_is_named_before_anything_is_read(tmp_path: Path) -> None:
    for language in ("--help", "xyz", "eng+xyz", "osd", "eng+"):
        with pytest.raises(SourceError, match=r"Tesseract has no language .*; it has .*eng.*: name such as"):
            Ocr(language, tmp_path)
    assert Ocr("eng+eng", tmp_path).language == "eng+eng"
