"""Hearing: who is told of a text while it is decoded, before anybody knows how it ends.

An engine that can tell looks here when it is asked; the others need not know of it, nor what stands between the two.
Knows nothing of what is made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Heard = Callable[[str], None]
"""Takes all of a text as far as it is decoded; called on the event loop. A call that is made again begins anew."""

_heard: ContextVar[Heard | None] = ContextVar("heard", default=None)


@contextmanager
def hearing(heard: Heard | None) -> Iterator[None]:
    """For the length of a block, what is generated in this task is told."""
    token = _heard.set(heard)
    try:
        yield
    finally:
        _heard.reset(token)


def listener() -> Heard | None:
    """Who is to be told of a text that is generated now, if anybody is."""
    return _heard.get()


def speakable(text: str, stops: tuple[str, ...] = (), thought: str = "") -> str:
    """As much of a text so far as will stand in it at the end, whatever follows.

    Left out is what may still become one of the `stops`, before which a text ends, or the tag that opens a `thought`,
    and the beginning of a character of several tokens.
    """
    text = text.rstrip("\ufffd")
    marks = [mark for mark in (*stops, thought) if mark]
    text = text[: min([len(text), *(at for mark in marks if (at := text.find(mark)) >= 0)])]
    held = max(
        (size for mark in marks for size in range(1, len(mark)) if text.endswith(mark[:size])),
        default=0,
    )
    return text[: len(text) - held]
