"""From folders and files to documents, one after another: finds them, has each read, names what cannot be.

Knows which formats there are, and nothing of what is in them; nothing of headings or passages.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from index.documents import Document, Scalar
from index.errors import SourceError
from index.reading.extracted import Extracted
from index.reading.extraction import Extractor
from index.reading.files import Found, find_files
from index.reading.formats import APART, PLAIN, TABLES
from index.reading.metadata import clean
from index.reading.ocr import Ocr
from index.reading.opening import opened
from index.reading.reading import WITHOUT_TEXT, Reading, Scanned, Unread, Unreadable
from index.reading.remote import local
from index.reading.rows import read_sheets


def read_documents(
    sources: Sequence[Path | str],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    column: str | None = None,
    ocr: Ocr | None = None,
) -> Reading:
    """All documents under `sources` (folders or files) at once; see `iterate_documents`. Raises SourceError."""
    unread: list[Unread] = []
    found = iterate_documents(sources, unread.append, include=include, exclude=exclude, column=column, ocr=ocr)
    return Reading(list(found), unread)


def iterate_documents(
    sources: Sequence[Path | str],
    on_unread: Callable[[Unread], None],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    column: str | None = None,
    ocr: Ocr | None = None,
) -> Generator[Document, None, None]:
    """All documents under `sources` in a stable order, one in memory at a time.

    Sources are folders, files, and addresses that fsspec knows ("s3://bucket/docs").
    A document is named by its path from the source folder on, that folder's name included: the same on every machine;
    a table's row by BEIR's `_id`, or "<file>#<row>". Its metadata are what the file says, and `folder` and `file`.
    `include`, `exclude`: globs in git's syntax relative to a source folder. `column`: what holds the text of
    tables' rows, by default the first there is of text, content, body, answer. Hidden and ignored files (.gitignore,
    .interlockignore) are skipped; what cannot be read is told to `on_unread`, with the reason. `ocr`: makes text of
    PDFs' pages that have none.

    Raises SourceError: a source is missing, two files of two sources have one name, or in the end nothing was read, or
    a `column` was named and there was no table.
    """
    names: dict[str, int] = {}
    skipped: list[Unread] = []
    documents = 0
    tables: set[str] = set()

    def leave_out(unread: Unread) -> None:
        if len(skipped) < 1:
            skipped.append(unread)
        on_unread(unread)

    with Extractor() as extractor:
        for place, source in enumerate(sources):
            with local(source) as path:
                read = partial(_read, extractor=extractor, column=column, ocr=ocr, tables=tables)
                for found in _within(path, include, exclude, read):
                    document = found if isinstance(found, Unread) else _named(*found, names, place)
                    if isinstance(document, Unread):
                        leave_out(document)
                        continue
                    documents += 1
                    yield document
    if not documents:
        where = ", ".join(map(str, sources)) or "an empty list of folders"
        because = f" ({skipped[0]})" if skipped else ""
        raise SourceError(f"No text was found in {where}{because}")
    if column and not tables:
        raise SourceError(f"There is no table that could have a column {column!r}", "leave --column out")


def _within(
    source: Path, include: Sequence[str], exclude: Sequence[str], read: Callable[[Found], Iterator[Document | Unread]]
) -> Iterator[tuple[Document, str] | Unread]:
    """What the files of one source hold, each document with the name of its file."""
    for found in find_files(source, include, exclude):
        if isinstance(found, Unread):
            yield found
            continue
        for document in read(found):
            yield (document, found.name) if isinstance(document, Document) else document


def _read(
    found: Found, extractor: Extractor, column: str | None, ocr: Ocr | None, tables: set[str]
) -> Iterator[Document | Unread]:
    """`tables` gets the names of files of rows."""
    suffix = found.path.suffix.lower()
    if suffix in TABLES or APART.get(suffix) == "workbook":
        tables.add(found.name)
    try:
        if suffix in APART:
            text = _taken_out(APART[suffix], found.path, extractor, ocr)
            if text.sheets:
                yield from read_sheets(found.name, text.sheets, column)
                return
            yield Document(found.name, text.text, text.metadata, APART[suffix], headings=text.headings)
            return
        with opened(found.path) as stream:
            if suffix in PLAIN:
                yield PLAIN[suffix](found.name, stream)
            else:
                yield from TABLES[suffix](found.name, stream, column)
    except Unreadable as error:
        yield Unread(found.name, str(error))


def _taken_out(format: str, path: Path, extractor: Extractor, ocr: Ocr | None) -> Extracted:
    try:
        text = extractor.extract(format, path)
        if ocr is None or WITHOUT_TEXT not in text.metadata:
            return text
    except Scanned:
        if ocr is None:
            raise
    read = extractor.extract(format, ocr.with_text(path))
    return replace(read, metadata={**read.metadata, "ocr": ocr.language})


def _named(document: Document, file: str, names: dict[str, int], place: int) -> Document | Unread:
    """The document under a name of its own, with the parts of its path as metadata. Raises SourceError."""
    if not document.text.strip():
        return Unread(document.path, "holds no text")
    path = document.path
    row = document.metadata.get("row")
    if path in names and row is not None:
        sheet = f"#{document.metadata['sheet']}" if document.format == "workbook" else ""
        path = f"{file}{sheet}#{row}"  # two tables may both count from 1
    if path in names:
        if names[path] != place:
            raise SourceError(f"Two files would be called {path} in the index", "rename one of the two folders")
        return Unread(path, "has the same name as another file once it can be shown")
    names[path] = place
    folder, _, name = file.rpartition("/")
    where: dict[str, Scalar] = {"file": name}
    if folder:
        where["folder"] = folder
    return replace(document, path=clean(path), metadata={**where, **document.metadata})
