"""The table of formats: which file is read by what. A new format is a file of its own and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from index.documents import Document
from index.reading.columnar import read_arrow, read_parquet
from index.reading.jsonl import read_jsonl
from index.reading.markdown import read_markdown
from index.reading.reading import Unread
from index.reading.table import read_table
from index.reading.text import read_text

PLAIN: Mapping[str, Callable[[str, BinaryIO], Document]] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_text,
    ".text": read_text,
    ".rst": read_text,
}
"""Files that are text and nothing else: one document, with byte spans."""

TABLES: Mapping[str, Callable[[str, BinaryIO, str | None], Iterator[Document | Unread]]] = {
    ".csv": read_table,
    ".tsv": read_table,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".parquet": read_parquet,
    ".arrow": read_arrow,
    ".feather": read_arrow,
}
"""Files of rows: a document each."""

APART: Mapping[str, str] = {
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".epub": "epub",
    ".eml": "eml",
    ".pptx": "pptx",
    ".xlsx": "workbook",
    ".xlsm": "workbook",
    ".xlsb": "workbook",
    ".xls": "workbook",
    ".ods": "workbook",
}
"""Files that text has to be taken out of, by name of the format; see extraction.py."""

SUFFIXES = frozenset({*PLAIN, *TABLES, *APART})

CONVERTED: Mapping[str, str] = {
    ".doc": ".docx",
    ".odt": ".docx",
    ".rtf": ".docx",
    ".pages": ".docx",
    ".ppt": ".pptx",
    ".odp": ".pptx",
    ".numbers": ".xlsx",
    ".mobi": ".epub",
    ".azw3": ".epub",
    ".msg": ".eml",
    ".mbox": ".eml, a file a mail",
    ".json": ".jsonl, one object a line",
    ".orc": ".parquet",
    ".avro": ".parquet",
}
"""Formats of documents and data that are not read, and the one to save them as: nobody is left to find out."""
