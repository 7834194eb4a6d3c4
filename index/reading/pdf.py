"""PDF files: the text of each page under a heading that says which. Scanned pages hold no text: see ocr.py."""

from __future__ import annotations

import re
from io import BytesIO

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from index.reading.extracted import Extracted, TextWriter
from index.reading.metadata import flat
from index.reading.reading import WITHOUT_TEXT, Scanned, Unreadable

OCR = "build with --ocr eng (needs ocrmypdf), or ocrmypdf SCAN.pdf TEXT.pdf"
"""What makes text of pictures of pages; see ocr.py."""

_HYPHEN = re.compile(r"(?<=[a-zß-ÿ])-\n(?=[a-zß-ÿ])")
_SPACES = re.compile(r"[ \t\u00a0]+")


def extract_pdf(content: bytes) -> Extracted:
    """Raises Unreadable; and, for a file that is broken in a new way, anything else."""
    try:
        reader = PdfReader(BytesIO(content), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("is encrypted")
        writer, scanned = TextWriter(), 0
        for number, page in enumerate(reader.pages, start=1):
            text = page.extract_text()
            if text.strip():
                writer.heading(2, f"Page {number}")
                writer.block(_SPACES.sub(" ", _HYPHEN.sub("", text)))
            scanned += not text.strip()
        if scanned and scanned == len(reader.pages):
            raise Scanned(f"holds pictures of {scanned} pages and no text: make it text first, {OCR}")
        about = reader.metadata
        known = {"title": about.title, "author": about.author} if about else {}
        without = {WITHOUT_TEXT: scanned} if scanned else {}
        return writer.done(flat({"pages": len(reader.pages), **without, **known}))
    except PyPdfError as error:
        raise Unreadable(f"is no readable PDF ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:120].rstrip(".")
