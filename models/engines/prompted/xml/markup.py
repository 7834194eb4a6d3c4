"""Markup: a reply as tags and the text between them, whatever it looks like. Knows XML's signs; knows no contract.

Written by hand because a recovering XML parser repairs by leaving out: libxml2 reads "AT&T" as "AT" and "1 < 2" as
"1  2", and a value would be wrong without a word. Here what is no markup is text. Nothing is ever expanded or fetched:
of a DOCTYPE remains nothing, and an entity that XML or HTML does not define is the text it looks like. Linear in the
length of the reply.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import TypeAlias

# A tag ends before the next "<", and no quantifier can give back: each character is looked at a few times at most.
_ATTRIBUTES = r"(?:\s++(?:[^<>\"'/]++|\"[^\"<]*+\"|'[^'<]*+'|/(?!>))*+)?+"
_TAG = re.compile(rf"<(?P<closing>/?)(?P<tag>[^\W\d][\w.\-]*+)(?P<attributes>{_ATTRIBUTES})\s*+(?P<empty>/?)>")
_SPACED_CLOSING = re.compile(r"</\s*+(?P<tag>[^\W\d][\w.\-]*+)[^<>]*+>")
_ATTRIBUTE = re.compile(r"([^\s=\"'/]++)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"']++)))?+")
_DOCTYPE = re.compile(r"<!DOCTYPE[^<>\[]*+(?:\[[^\]]{0,4096}+\]\s*+)?+>", re.I)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{0,31});")
_SKIPPED = {"<!--": "-->", "<?": "?>"}


@dataclass(frozen=True)
class Tag:
    """`name` is folded; `source` is the tag as it was written, at `start`. `<a/>` is empty: it opens and closes."""

    name: str
    source: str
    start: int
    closing: bool = False
    empty: bool = False
    attributes: dict[str, str] = field(default_factory=dict)


Token: TypeAlias = Tag | str


def fold(name: str) -> str:
    """Names that models confuse with each other are one: case, hyphens."""
    return name.casefold().replace("-", "_")


def tokens(reply: str) -> list[Token]:
    """Tags and texts in order; texts are decoded."""
    found: list[Token] = []
    start = position = 0  # what lies between them is text
    ends: dict[str, int] = {}
    while (position := reply.find("<", position)) >= 0:
        read = _markup(reply, position, ends)
        if read is None:
            position += 1
            continue
        token, end = read
        found += [decode(reply[start:position]), *([] if token is None else [token])]
        start = position = end
    return [token for token in [*found, decode(reply[start:])] if token != ""]


def decode(text: str) -> str:
    """`text` with the entities of XML and HTML as characters; any other ampersand is one."""
    return _ENTITY.sub(lambda match: _character(match.group()), text)


def _character(entity: str) -> str:
    if not entity.startswith("&#"):
        return html.unescape(entity)
    code = int(entity[3:-1], 16) if entity[2] in "xX" else int(entity[2:-1])
    # Not html.unescape: it leaves out control characters, which a contract may ask for.
    return chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else entity


def _markup(reply: str, at: int, ends: dict[str, int]) -> tuple[Token | None, int] | None:
    """What begins at the "<", if it is markup, and where it ends; None for a comment and the like."""
    if match := _TAG.match(reply, at):
        name, source = fold(match["tag"]), match.group()
        attributes = {fold(key): decode("".join(value)) for key, *value in _ATTRIBUTE.findall(match["attributes"])}
        return Tag(name, source, at, bool(match["closing"]), bool(match["empty"]), attributes), match.end()
    if match := _SPACED_CLOSING.match(reply, at):
        return Tag(fold(match["tag"]), match.group(), at, closing=True), match.end()
    if reply.startswith("<![CDATA[", at):
        end = _end(reply, "]]>", at + 9, ends)
        return None if end < 0 else (reply[at + 9 : end], end + 3)
    for mark, closing in _SKIPPED.items():
        if reply.startswith(mark, at):
            end = _end(reply, closing, at + len(mark), ends)
            return None if end < 0 else (None, end + len(closing))
    match = _DOCTYPE.match(reply, at)
    return (None, match.end()) if match else None


def _end(reply: str, mark: str, start: int, ends: dict[str, int]) -> int:
    """Where `mark` comes next, remembered: a reply full of beginnings without an end is searched once."""
    if not start <= ends.get(mark, -2) and ends.get(mark) != -1:
        ends[mark] = reply.find(mark, start)
    return ends[mark]
