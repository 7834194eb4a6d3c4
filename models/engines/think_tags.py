"""Where a thought ends and a text begins. Knows tags; knows no engine."""

from __future__ import annotations


def split_thought(raw: str, tags: tuple[str, str]) -> tuple[str, str]:
    """The thought and the text in what a model wrote.

    A thought stands at the start. Its opening tag may be missing (the chat template wrote it) and so may its closing
    tag (it was cut, or ended by a stop): then everything after the opening tag is thought. Without tags all is text,
    and returned as it is; otherwise both come without the tags and the space around them.
    """
    opening, closing = tags
    before, closed, after = raw.partition(closing)
    if closed or before.lstrip().startswith(opening):
        return bare_thought(before, tags), after.strip()
    return "", raw


def bare_thought(raw: str, tags: tuple[str, str]) -> str:
    """What was written where a thought was asked for, up to the closing tag, as words without tags."""
    opening, closing = tags
    return raw.partition(closing)[0].replace(opening, "").strip()
