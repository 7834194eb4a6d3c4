"""HTML, PDF and DOCX: what is taken out of them, with its headings."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_files import letter, pdf

from index import Document, SourceError, read_documents

PAGE = """<!DOCTYPE html><html lang="en"><head><title>Travel &amp; more</title>
<meta name="author" content="The desk"><style>p {}</style></head><body>
<nav><a href="/">Home</a></nav><script>alert("x")</script>
<main><h1>Luggage</h1><p>One   cabin bag<br>is <b>free</b>.</p><!-- no -->
<ul><li>Bicycles: 30&nbsp;EUR<li>Dogs <i>stay</i></ul>
<h2>Prices</h2><table><tr><th>Thing</th><th>EUR</th></tr><tr><td>Bag | box</td><td>7</td></tr></table>
<pre>
# no heading
  x = 1
</pre><p hidden>nothing</p><div>Loose text <span>goes</span> on.<div>Deeper.</div></div></main>
<footer><p>Imprint</p></footer></body></html>"""


def read(path: Path, content: bytes) -> Document:
    path.write_bytes(content)
    [document] = read_documents([path]).documents
    for heading in document.headings:
        assert heading.title in document.text[heading.start : heading.end]
    assert document.encoding == ""
    return document


def test_a_web_pages_main_part_is_read_with_its_structure(tmp_path: Path) -> None:
    document = read(tmp_path / "a.html", PAGE.encode())
    assert document.text.split("\n\n") == [
        "# Luggage",
        "One cabin bag\nis free.",
        "- Bicycles: 30 EUR",
        "- Dogs stay",
        "## Prices",
        "| Thing | EUR |\n| --- | --- |\n| Bag \\| box | 7 |",
        "```\n# no heading\n  x = 1\n```",
        "Loose text goes on.",
        "Deeper.\n",
    ]
    assert [(heading.level, heading.title) for heading in document.headings] == [(1, "Luggage"), (2, "Prices")]
    assert document.metadata == {"title": "Travel & more", "lang": "en", "author": "The desk", "file": "a.html"}


def test_a_web_page_may_be_in_any_encoding_it_names(tmp_path: Path) -> None:
    page = "<meta charset='windows-1251'><p>Возврат билета</p>"
    assert read(tmp_path / "a.html", page.encode("cp1251")).text == "Возврат билета\n"


def test_a_pdfs_pages_are_named_in_headings(tmp_path: Path) -> None:
    document = read(
        tmp_path / "a.pdf", pdf([["# of guests: 2", "Trains are re-", "fundable."], [], ["Pets stay."]], "Rules")
    )
    assert [heading.title for heading in document.headings] == ["Page 1", "Page 3"]
    assert "# of guests: 2\nTrains are refundable." in document.text
    assert document.metadata == {"title": "Rules", "pages": 3, "file": "a.pdf"}


def test_a_scanned_pdf_holds_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf([[], []]))
    with pytest.raises(SourceError, match=r"a\.pdf holds no text"):
        read_documents([tmp_path])


def test_a_letters_headings_lists_and_tables_are_kept(tmp_path: Path) -> None:
    document = read(tmp_path / "a.docx", letter())
    assert document.text.split("\n\n") == [
        "# Luggage",
        "One cabin bag is free.",
        "- Surfboards stay at home.",
        "## Prices",
        "| Thing | EUR |\n| --- | --- |\n| Bicycle | 30 |",
        "All prices include tax.\n",
    ]
    assert (document.metadata["title"], document.format) == ("House rules", "docx")
