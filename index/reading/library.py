"""From files to documents: finds Markdown and text files, decodes them strictly, takes front matter as metadata.

Knows nothing of headings or passages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from index.documents import Document
from index.errors import SourceError

SUFFIXES = frozenset({".md", ".markdown", ".txt"})

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_ENTRY = re.compile(r"^([A-Za-z][\w-]*):[ \t]*(.*?)[ \t]*\r?$", re.MULTILINE)


def read_documents(sources: Sequence[Path]) -> list[Document]:
    """All Markdown and text files under `sources` (folders or files), in a stable order; files without text left out.

    A document is named by its path from the source folder on, that folder's name included: the same on every machine.
    Hidden files and folders are skipped. Raises SourceError.
    """
    documents: dict[str, Document] = {}
    for source in sources:
        for name, file in _files(source):
            if name in documents:
                raise SourceError(f"Two files would be called {name} in the index", "rename one of the two folders")
            documents[name] = _read(name, file)
    found = [document for document in documents.values() if document.text.strip()]
    if not found:
        raise SourceError(f"No text was found in {', '.join(map(str, sources)) or 'an empty list of folders'}")
    return found


def front_matter_end(text: str) -> int:
    """Where the body begins, in characters: after a leading `---` block of `key: value` lines, else 0."""
    match = _FRONT_MATTER.match(text)
    # Without an entry it is a thematic break, which is ordinary Markdown.
    return match.end() if match and _ENTRY.search(match[1]) else 0


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    if source.is_file():
        if source.suffix.lower() not in SUFFIXES:
            raise SourceError(f"{source} is neither Markdown nor text")
        yield source.name, source
        return
    if not source.is_dir():
        raise SourceError(f"{source} does not exist")
    root = source.resolve()
    for file in sorted(root.rglob("*")):
        relative = file.relative_to(root)
        hidden = any(part.startswith(".") for part in relative.parts)
        if not hidden and file.suffix.lower() in SUFFIXES and file.is_file():
            yield (Path(root.name) / relative).as_posix(), file


def _read(name: str, file: Path) -> Document:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{file} is not UTF-8 text (byte {error.start})", "convert it or leave it out") from None
    except OSError as error:
        raise SourceError(f"{file} cannot be read ({error.strerror})", "check its permissions") from None
    if "\0" in text:
        raise SourceError(f"{file} holds NUL characters and is no text file", "convert it or leave it out")
    document = Document(name, text)
    if not document.is_markdown:
        return document
    return Document(name, text, dict(_ENTRY.findall(text[: front_matter_end(text)])))
