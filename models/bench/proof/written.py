"""Written: whether a grammar admits a value, however its JSON is written: in any order of properties, any number.

Knows JSON and matchers. Does not know schemas.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from llguidance import LLMatcher

from models.grammar.matchers import BYTES

_TRIES = 2_000
"""Texts of a value that are tried: a grammar that leaves the order open has more than anybody can try."""


def written(matcher: LLMatcher, value: Any, comma: str = ",", colon: str = ":") -> bool:
    """Whether a matcher of single bytes, at the start of its grammar, admits `value` in some way."""
    writer = _Writer(comma, colon)
    return any(end.is_accepting() for end in writer.ways(matcher, value))


class _Writer:
    def __init__(self, comma: str, colon: str) -> None:
        self.comma, self.colon, self.left = comma, colon, _TRIES

    def ways(self, matcher: LLMatcher, value: Any) -> Iterator[LLMatcher]:
        """A matcher behind each text of `value` that the grammar admits here."""
        if isinstance(value, dict):
            yield from self._pairs(self._after(matcher, "{"), value, True)
        elif isinstance(value, list):
            yield from self._items(self._after(matcher, "["), value, 0)
        else:
            for text in _texts(value):
                yield from self._after(matcher, text)

    def _after(self, matcher: LLMatcher, text: str) -> list[LLMatcher]:
        """The matcher behind `text`, none where it does not admit it."""
        self.left -= 1
        try:
            tokens = BYTES.tokenize_str(text)
        except UnicodeEncodeError:  # half of a character
            return []
        if self.left < 0 or matcher.validate_tokens(tokens) < len(tokens):
            return []
        copy = matcher.deep_copy()
        copy.consume_tokens(tokens)
        return [copy]

    def _pairs(self, here: list[LLMatcher], rest: dict[str, Any], first: bool) -> Iterator[LLMatcher]:
        for matcher in here:
            if not rest:
                yield from self._after(matcher, "}")
            for name, value in rest.items():
                mark = ("" if first else self.comma) + json.dumps(name, ensure_ascii=False) + self.colon
                others = {key: one for key, one in rest.items() if key != name}
                for after in self._after(matcher, mark):
                    for end in self.ways(after, value):
                        yield from self._pairs([end], others, False)

    def _items(self, here: list[LLMatcher], items: list[Any], place: int) -> Iterator[LLMatcher]:
        for matcher in here:
            if place == len(items):
                yield from self._after(matcher, "]")
                continue
            for after in self._after(matcher, self.comma) if place else [matcher]:
                for end in self.ways(after, items[place]):
                    yield from self._items([end], items, place + 1)


def _texts(value: Any) -> list[str]:
    """A scalar as JSON writes it, a number also without its exponent or its point."""
    found = [json.dumps(value, ensure_ascii=False)]
    if isinstance(value, float) and value == value and abs(value) < 1e300:
        found.append(f"{Decimal(str(value)):f}")
        found += [str(int(value))] if value == int(value) else []
    return list(dict.fromkeys(found))
