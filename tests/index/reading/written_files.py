"""Writes small files of formats that are no text, so that tests need none in the repository."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO

import docx
import pptx
import xlsxwriter
from pptx.util import Cm


def pdf(pages: Sequence[Sequence[str]], title: str = "") -> bytes:
    """A PDF of pages of lines; a page without lines is like a scanned one."""
    kids = " ".join(f"{4 + 2 * place} 0 R" for place in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for place, lines in enumerate(pages):
        shown = " ".join(f"({line}) Tj T*" for line in lines)
        stream = f"BT /F1 12 Tf 14 TL 72 720 Td {shown} ET"
        resources = f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * place} 0 R"
        objects.append(f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] {resources} >>")
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects.append(f"<< /Title ({title}) >>")
    content, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(content))
        content += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer << /Size {size} /Root 1 0 R /Info {size - 1} 0 R >>\nstartxref\n{len(content)}\n%%EOF\n"
    return content + f"xref\n0 {size}\n0000000000 65535 f \n{table}".encode() + trailer.encode()


def letter() -> bytes:
    """A DOCX with headings, a list and a table."""
    document = docx.Document()
    document.core_properties.title = "House rules"
    document.add_heading("Luggage", 1)
    document.add_paragraph("One cabin bag is free.")
    document.add_paragraph("Surfboards stay at home.", style="List Bullet")
    document.add_heading("Prices", 2)
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ["Thing", "EUR", "Bicycle", "30"], strict=True):
        cell.text = text
    document.add_paragraph("All prices include tax.")
    stream = BytesIO()
    document.save(stream)
    return stream.getvalue()


def book(chapters: Mapping[str, tuple[str, str]], package: str = "OEBPS/book.opf") -> bytes:
    """An EPUB of chapters by file: heading and text. Its spine has them in the reverse of their order."""
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in chapters)
    spine = "".join(f'<itemref idref="{name}"/>' for name in reversed(chapters))
    about = "<dc:title>The rules</dc:title><dc:creator>The desk</dc:creator><dc:language>en</dc:language>"
    files = {
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        f'<rootfile full-path="{package}"/></rootfiles></container>',
        "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"{about}</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>",
    }
    for name, (title, text) in chapters.items():
        files[f"OEBPS/{name}"] = (
            f'<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>{title}</h1><p>{text}</p></body></html>'
        )
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        for name, content in files.items():
            archive.writestr(name, '<?xml version="1.0" encoding="utf-8"?>' + content)
    return stream.getvalue()


def bomb(unpacked: int) -> bytes:
    """A DOCX whose text unpacks to that many bytes of a file a thousand times smaller."""
    stream = BytesIO()
    with zipfile.ZipFile(BytesIO(letter())) as good, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as bad:
        for member in good.namelist():
            if member != "word/document.xml":
                bad.writestr(member, good.read(member))
        with bad.open("word/document.xml", "w", force_zip64=True) as document:
            for _ in range(unpacked // 2**20):
                document.write(b" " * 2**20)
    return stream.getvalue()


def workbook(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    """An XLSX of sheets of rows; cells that are days are so in the file as well."""
    stream = BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return stream.getvalue()


def slides() -> bytes:
    """A PPTX: a slide with a title, bullets and notes, and one without a title, with a table below a text."""
    presentation = pptx.Presentation()
    presentation.core_properties.author = "The desk"
    first = presentation.slides.add_slide(presentation.slide_layouts[1])
    first.shapes.title.text_frame.text = "Luggage"
    body = first.placeholders[1].text_frame
    body.text = "One cabin bag is free."
    deeper = body.add_paragraph()
    deeper.text, deeper.level = "Up to 8 kg", 1
    first.notes_slide.notes_text_frame.text = "Ask for questions."
    second = presentation.slides.add_slide(presentation.slide_layouts[6])
    table = second.shapes.add_table(2, 2, Cm(1), Cm(9), Cm(9), Cm(3)).table
    for cell, text in zip(table.iter_cells(), ["Thing", "EUR", "Bicycle", "30"], strict=True):
        cell.text_frame.text = text
    second.shapes.add_textbox(Cm(1), Cm(1), Cm(9), Cm(3)).text_frame.text = "What it costs"
    stream = BytesIO()
    presentation.save(stream)
    return stream.getvalue()
