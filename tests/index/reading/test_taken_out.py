"""HTML, PDF, DOCX, EPUB and EML: what is taken out of them, with its headings."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest
from written_files import book, letter, pdf

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
    assert document.metadata == {"title": "Rules", "pages": 3, "pages_without_text": 1, "file": "a.pdf"}


def test_a_scanned_pdf_is_named_with_the_command_that_helps(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf([[], []]))
    with pytest.raises(
        SourceError, match=r"a\.pdf holds pictures of 2 pages and no text: .* --ocr eng .* ocrmypdf SCAN\.pdf"
    ):
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


def test_a_books_chapters_come_in_the_order_of_its_spine(tmp_path: Path) -> None:
    document = read(
        tmp_path / "a.epub", book({"two.xhtml": ("Second", "Pets stay."), "one.xhtml": ("First", "Bags fly.")})
    )
    assert document.text.split("\n\n") == ["# First", "Bags fly.", "# Second", "Pets stay.\n"]
    assert document.metadata == {"title": "The rules", "author": "The desk", "lang": "en", "file": "a.epub"}


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"PK no zip", "is no readable EPUB"), (book({}, package="missing.opf"), "it names no package")],
)
def test_a_book_that_cannot_be_read_is_named(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "a.epub").write_bytes(content)
    with pytest.raises(SourceError, match=told):
        read_documents([tmp_path])


def mail(text: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Grüße: bags", "Ana <ana@example.com>", "desk@example.com"
    message["Date"] = "Mon, 23 Nov 2026 09:30:00 +0100"
    message.set_content(text)
    return message


def test_a_mail_is_its_subject_and_its_text(tmp_path: Path) -> None:
    message = mail("Hello,\n\nmay I bring\ntwo bags?\n")
    message.add_alternative("<p>Hello, may I bring <b>two</b> bags?</p>", subtype="html")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="ticket.pdf")
    document = read(tmp_path / "a.eml", message.as_bytes())
    assert document.text.split("\n\n") == ["# Grüße: bags", "Hello,", "may I bring\ntwo bags?\n"]
    assert document.metadata == {
        "title": "Grüße: bags",
        "from": "Ana <ana@example.com>",
        "to": "desk@example.com",
        "date": "2026-11-23T09:30:00+01:00",
        "attachments": "ticket.pdf",
        "file": "a.eml",
    }
    only = EmailMessage()
    only["Subject"] = "x"
    only.set_content("<h2>Prices</h2><p>30 EUR</p>", subtype="html")
    assert read(tmp_path / "a.eml", only.as_bytes()).text == "# x\n\n## Prices\n\n30 EUR\n"
    (tmp_path / "a.eml").write_bytes(b"\x00\x01 no mail")
    with pytest.raises(SourceError, match=r"a\.eml (is no readable EML|holds no text)"):
        read_documents([tmp_path])
