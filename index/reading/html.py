"""HTML files: headings, paragraphs, lists, tables and code of the page's main part; what is only there to click is left
out. Knows nothing of style sheets, and runs no script.
"""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PageElement, PreformattedString

from index.reading.extracted import Extracted, TextWriter
from index.reading.metadata import flat

_LEFT_OUT = frozenset(
    "script style template noscript nav head iframe object svg math canvas audio video form button select".split()
)
_INLINE = frozenset(
    "a abbr b bdi bdo cite code data del dfn em font i img ins kbd label mark q s samp small span strong sub sup time "
    "tt u var wbr input".split()
)
_SPACES = re.compile(r"[ \t\r\n\f\u00a0]+")
_LINE = re.compile(r" *\n *")
_DOUBLE = re.compile(" {2,}")


def extract_html(content: bytes) -> Extracted:
    writer = TextWriter()
    return writer.done(flat(read_page(content, writer)))


def read_page(content: bytes, writer: TextWriter) -> dict[str, object]:
    """Write a page's main part; what the page says of itself."""
    soup = BeautifulSoup(content, "lxml")
    main = soup.find("main") or soup.find(None, {"role": "main"}) or soup.body or soup
    if isinstance(main, Tag):
        _Page(writer).read(main)
    about = {
        str(tag["name"]).lower(): tag["content"]
        for tag in soup.find_all("meta", attrs={"name": True, "content": True})
        if str(tag["name"]).lower() in ("description", "author", "keywords", "date")
    }
    html = soup.find("html")
    lang = html.get("lang") if isinstance(html, Tag) else None
    title = _SPACES.sub(" ", soup.title.get_text()).strip() if soup.title else ""
    return {"title": title, "lang": lang, **about}


class _Page:
    """Walks the page with a stack of its own: pages may be nested deeper than Python's."""

    def __init__(self, writer: TextWriter) -> None:
        self._writer = writer
        self._line: list[str] = []

    def read(self, main: Tag) -> None:
        waiting: list[PageElement | str] = [main]
        while waiting:
            element = waiting.pop()
            if isinstance(element, str) and not isinstance(element, NavigableString):
                self._mark(element)
            elif isinstance(element, NavigableString):
                if not isinstance(element, PreformattedString):  # a comment
                    self._line.append(_SPACES.sub(" ", element))
            elif isinstance(element, Tag) and element.name not in _LEFT_OUT and not element.has_attr("hidden"):
                waiting.extend(reversed(self._opened(element)))
        self._end()

    def _opened(self, tag: Tag) -> list[PageElement | str]:
        """What is still to be read of a tag; texts among it are marks of this class."""
        if re.fullmatch("h[1-6]", tag.name):
            self._end()
            self._writer.heading(int(tag.name[1]), tag.get_text())
            return []
        if tag.name == "pre":
            self._end()
            self._writer.block(f"```\n{tag.get_text().strip(chr(10))}\n```" if tag.get_text().strip() else "")
            return []
        if tag.name == "table" and not tag.find("table"):
            self._end()
            self._writer.table([[cell.get_text() for cell in row.find_all(["th", "td"])] for row in tag.find_all("tr")])
            return []
        if tag.name == "br":
            return ["\n"]
        if tag.name in _INLINE:
            return list(tag.children)
        return ["end", *(["- "] if tag.name == "li" else []), *tag.children, "end"]

    def _mark(self, mark: str) -> None:
        if mark == "end":
            self._end()
        else:
            self._line.append(mark)

    def _end(self) -> None:
        text = _LINE.sub("\n", _DOUBLE.sub(" ", "".join(self._line))).strip()
        self._line.clear()
        if text != "-":
            self._writer.block(text)
