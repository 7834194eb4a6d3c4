"""Whole words: a free text that ended because it was full, or no room was left, ends behind its last whole word.

A mask lets a text grow to its last character and then leaves the quotation mark only, in the middle of a word if need
be. What is left of that word is taken away here, in the JSON text as it stands. Knows contracts; asks no model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from models.contract import Contract
from pipeline.generation.decoding import most_of

LONGEST = 32
"""Characters of a word's beginning that may be taken away; what is longer is no word, or its language has no blanks."""

_JOINTS = " \t\r\n\b\f,;:(/&+–—-"
"""What does not end a text from which a word was taken."""


def whole_words(value: Contract, text: str, closed: str = "") -> tuple[str, Mapping[str, str]]:
    """`text`, the JSON of `value`, without the beginnings of words at the end of its full free texts, and of the one at
    `closed` (`Completion.closed`); and what was taken away, by place ("items[2].name").

    A text of one word keeps it, and one with a pattern stays as it is, as does one that would be shorter than it may
    be. A last word that just fits cannot be told from one that was cut, and goes too; behind a full stop nothing does.
    """
    ends = {place: least for place, item, least, most in _texts(value, "") if place == closed or len(item) >= most}
    taken = dict[str, str]()
    if not ends:
        return text, taken
    for place, start, end in [*_strings(text)][::-1]:
        if place not in ends:
            continue
        whole = json.loads(text[start:end])
        kept = _kept(whole)
        if len(kept) >= max(ends[place], 1) and kept != whole:
            text = text[:start] + _written(kept, text[start:end]) + text[end:]
            taken[place] = whole[len(kept) :]
    return text, taken


def _kept(text: str) -> str:
    """A text without its last word, if that may have been cut."""
    at = max((place for place, letter in enumerate(text) if letter.isspace()), default=-1)
    word = text[at + 1 :]
    if at < 0 or not word or not word[-1].isalnum() or len(word) > LONGEST or len(word) * 2 > len(text):
        return text
    return text[:at].rstrip(_JOINTS)


def _written(kept: str, before: str) -> str:
    """A shorter text as JSON, as it was written before."""
    for length in range(len(kept) + 1, len(before)):
        if (written := before[:length] + '"') and _reads(written) == kept:
            return written
    return json.dumps(kept, ensure_ascii=False)


def _reads(text: str) -> str | None:
    try:
        found = json.loads(text, strict=False)
    except ValueError:
        return None
    return found if isinstance(found, str) else None


def _texts(value: BaseModel, place: str) -> Iterator[tuple[str, str, int, int]]:
    """The free texts of a form: where each is, what it says, and how long it has to be and may be."""
    for name, key, lengths in _fields(type(value)):
        item, here = getattr(value, name), f"{place}.{key}".lstrip(".")
        if type(item) is str and lengths is not None:
            yield here, item, *lengths
        yield from _inside(item, here)


@lru_cache(512)
def _fields(kind: type[BaseModel]) -> tuple[tuple[str, str, tuple[int, int] | None], ...]:
    """The fields of a form: name, JSON key, and how long a free text has to be and may be; None where it is none."""
    return tuple((name, _key(name, info), _lengths(info)) for name, info in kind.model_fields.items())


def _lengths(info: FieldInfo) -> tuple[int, int] | None:
    most = most_of(info)
    least, pattern = (
        [found for mark in info.metadata if (found := getattr(mark, limit, None))]
        for limit in ("min_length", "pattern")
    )
    return None if most is None or pattern else (max(least, default=0), most)


def _key(name: str, info: FieldInfo) -> str:
    """The JSON key of a field, which is the same for reading and writing."""
    alias = info.validation_alias if info.validation_alias is not None else info.alias
    if isinstance(alias, AliasChoices):
        alias = alias.choices[0]
    return alias if isinstance(alias, str) else name


def _inside(item: object, place: str) -> Iterator[tuple[str, str, int, int]]:
    if isinstance(item, BaseModel):
        yield from _texts(item, place)
    elif isinstance(item, list | tuple):
        for number, one in enumerate(item):
            yield from _inside(one, f"{place}[{number}]")


def _strings(text: str) -> Iterator[tuple[str, int, int]]:
    """Where each value of a JSON text is that is a string: its place, and where it begins and ends."""
    decoder = json.JSONDecoder(strict=False)
    path: list[str | int] = []
    at, is_key = 0, False
    while at < len(text):
        mark = text[at]
        if mark in "{[":
            path.append("" if mark == "{" else 0)
            is_key = mark == "{"
        elif mark in "}]":
            path.pop()
        elif mark == "," and path:
            is_key = isinstance(path[-1], str)
            if isinstance(path[-1], int):
                path[-1] += 1
        elif mark == '"':
            found, end = decoder.raw_decode(text, at)
            if is_key:
                path[-1], is_key = found, False
            else:
                yield (
                    "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip("."),
                    at,
                    end,
                )
            at = end - 1
        at += 1
