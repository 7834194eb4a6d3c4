"""JSON array: its elements, one after another, with no more of it in memory than a piece, or the longest of them.

Knows where an element ends; what is in it is read by whoever asks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TextIO

from pipeline.batch.requests import LONGEST_LINE
from pipeline.json_text import JsonFault

PIECE = 2**20
"""Characters that are read at once."""
_SPACES = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


def elements(text: TextIO) -> Iterator[str]:
    """The text of each element of an array. JsonFault for what is no whole one, in words that follow a file's name."""
    kept, at, number = text.read(PIECE).lstrip().removeprefix("["), 0, 0
    while True:
        at = _past_spaces(kept, at)
        if not number and kept.startswith("]", at):
            at += 1
            break
        end = _end(kept, at)
        stop = _past_spaces(kept, end)
        if end > at and kept[stop : stop + 1] in (",", "]"):  # else it may be the beginning of a longer number
            number += 1
            yield kept[at:end]
            at = stop + 1
            if kept[stop] == "]":
                break
        elif len(kept) - at > LONGEST_LINE or not (more := text.read(PIECE)):
            raise JsonFault(f"row {number + 1} is no JSON, is cut off, or has more than {LONGEST_LINE // 2**20} MiB")
        else:
            kept, at = kept[at:] + more, 0
    if kept[at:].strip() or text.read(PIECE).strip():
        raise JsonFault("there is something behind the end of its array")


def _end(text: str, at: int) -> int:
    """Where the value that begins there ends; where it begins, if it goes on behind the text, or is none."""
    try:
        return _decode(text, at)[1]
    except (ValueError, RecursionError):
        return at


def _past_spaces(text: str, at: int) -> int:
    found = _SPACES.match(text, at)
    return at if found is None else found.end()
