"""Passages that follow each other in their document, as one longer passage. Knows nothing of searching.

Its id is the first one's with the number of those that were joined to it: "rules.md#120+2". `Index.passage` finds it.
"""

from __future__ import annotations

from collections.abc import Sequence

from index.documents import Passage


def joined(passages: Sequence[Passage]) -> Passage:
    """One passage from the start of the first to the end of the last; they follow each other under one heading.

    What lay between two passages was white space, of which the length is known: it becomes line ends, so that character
    i of the text is character start + i of the document.
    """
    first, last = passages[0], passages[-1]
    if len(passages) == 1:
        return first
    text, end = first.text, first.end
    for passage in passages[1:]:
        text += "\n" * max(0, passage.start - end) + passage.text[max(0, end - passage.start) :]
        end = max(end, passage.end)
    return Passage(
        f"{first.id}+{len(passages) - 1}",
        first.document,
        first.heading,
        text,
        first.start,
        end,
        first.byte_start,
        last.byte_end,
    )


def split_name(name: str) -> tuple[str, int]:
    """A passage's id as the id of its first part, and how many follow that."""
    first, plus, more = name.rpartition("+")
    if plus and more.isdecimal() and len(more) < 4 and first.rpartition("#")[2].isdecimal():
        return first, int(more)
    return name, 0
