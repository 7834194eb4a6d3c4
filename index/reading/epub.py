"""EPUB books: the chapters in the order of the book's spine, each read as the HTML page that it is."""

from __future__ import annotations

import posixpath
import zipfile
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from lxml import etree  # type: ignore[import-untyped]

from index.reading.archive import check_archive
from index.reading.extracted import Extracted, TextWriter
from index.reading.html import read_page
from index.reading.metadata import flat
from index.reading.reading import Unreadable

_CONTAINER = "META-INF/container.xml"
_DUBLIN = {"title": "title", "creator": "author", "language": "lang", "date": "date", "publisher": "publisher"}


def extract_epub(content: bytes) -> Extracted:
    """Raises Unreadable; and, for a file that is broken in a new way, anything else."""
    check_archive(content, "EPUB")
    with zipfile.ZipFile(BytesIO(content)) as book:
        names = set(book.namelist())
        if any(name.startswith("META-INF/") and name.endswith("rights.xml") for name in names):
            raise Unreadable("is protected against copying")
        package = _attribute(_xml(book, _CONTAINER), "rootfile", "full-path")
        if package not in names:
            raise Unreadable("is no readable EPUB (it names no package)")
        tree = _xml(book, package)
        pages = {
            item.get("id"): posixpath.normpath(
                posixpath.join(posixpath.dirname(package), unquote(item.get("href", "")))
            )
            for item in tree.iter("{*}item")
            if "html" in item.get("media-type", "")
        }
        writer = TextWriter()
        for reference in tree.iter("{*}itemref"):
            page = pages.get(reference.get("idref"), "")
            if page in names and reference.get("linear") != "no":
                read_page(book.read(page), writer)
        about: dict[str, str] = {}
        for element in tree.iter("{http://purl.org/dc/elements/1.1/}*"):
            key = _DUBLIN.get(etree.QName(element).localname)
            if key and element.text:
                about.setdefault(key, element.text.strip())
        return writer.done(flat(about))


def _xml(book: zipfile.ZipFile, name: str) -> Any:
    # No entities and no network: a book is data.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    try:
        tree = etree.fromstring(book.read(name), parser)
    except (KeyError, etree.XMLSyntaxError):
        tree = None
    if tree is None:
        raise Unreadable(f"is no readable EPUB (its {name} cannot be read)")
    return tree


def _attribute(tree: Any, tag: str, name: str) -> str:
    return next((str(element.get(name)) for element in tree.iter(f"{{*}}{tag}") if element.get(name)), "")
