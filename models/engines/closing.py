"""Closing: a text under a grammar that ends, whole and valid, within whatever budget it was given.

While a text is written, a known ending of it is held: bytes after which it is a whole member of its language, tried on
the grammar itself. A token is taken only where an ending is known that still fits behind it; where none is, the text
goes on with the ending that is held. So it does not matter how well endings are searched for: a poor search closes a
text too early, never too late. Knows llguidance; knows no model, no contract and no engine.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from llguidance import LLMatcher, LLTokenizer

from models.errors import BudgetTooSmall, EngineError
from models.grammar.matchers import BY_BYTES, BYTES

_END = BYTES.eos_token

_NODES = 400
"""States that one search looks at, at most: a few milliseconds, and far more than any value of a real schema needs."""
_BRANCHES = 24
"""Bytes that are tried from one state, at most."""
_COPIED = 4_000_000
"""Bytes of text behind all states that one search makes, each a copy: half a second, at most."""
_STANDSTILL = 8
"""Ranks that a byte counts more after which the same may follow as before: it may be one of any number."""
_DONE = frozenset(b",]}")
_MARKS = (b'"', b",", b":", b"[", b"]", b"{", b"}")
# What ends something comes first, then what begins the shortest values, then what else is short. Inside a text a
# bracket is a letter, and outside of it a quotation mark begins something where a bracket would end it.
_INSIDE = tuple(b'"n0t1,/@.-:]}[{e9a AZfl')
_OUTSIDE = tuple(b']}"n0t1,/@.-[{:e9a AZfl')


class Closing:
    """The known ending of one text while it is written, and which field was being written when it began to be taken.

    `budget`: tokens in all, with the one that ends the text. `ending`: the tokens that are held, without that one.
    `closed`: the field, "" as long as the text is not being closed. Raises BudgetTooSmall where not even the shortest
    text that is found fits into the budget.
    """

    def __init__(self, tokenizer: LLTokenizer, lark: str, budget: int) -> None:
        self.budget = budget
        self.closed = ""
        self._tokenizer = tokenizer
        self._lark = lark
        self._state = BY_BYTES.start_of(lark)
        self._read = 0  # tokens that the state has read: it is only brought up to date for a search
        self._written: list[int] = []
        self.ending = tokens_of(tokenizer, shortest(lark))
        if self.needed > budget:
            raise BudgetTooSmall(f"The answer may take {budget} tokens, and the shortest takes {self.needed}.")

    @property
    def needed(self) -> int:
        """Tokens that the ending takes, with the one that ends the text."""
        return len(self.ending) + 1

    @property
    def spare(self) -> int:
        """Tokens that are left beside the ending: where there is none, only tokens of the ending may follow."""
        return self.budget - len(self._written) - self.needed

    def take(self, tokens: Sequence[int], matcher: LLMatcher) -> bool:
        """Whether an ending fits behind `tokens`; if so, they count as written. `matcher` stands in front of them."""
        tokens = list(tokens)
        if tokens == self.ending[: len(tokens)]:
            self.ending = self.ending[len(tokens) :]
        else:
            most = self.budget - len(self._written) - len(tokens) - 1
            # Inside a text, say, the same ending follows on every letter.
            if len(self.ending) > most or not _ends(matcher, [*tokens, *self.ending], self._tokenizer.eos_token):
                ending = self._behind(tokens, most)
                if ending is None:
                    return False
                self.ending = ending
        self._written += tokens
        return True

    def close(self) -> None:
        """Only the ending follows from here on."""
        self.closed = self.closed or place(self._tokenizer.decode_bytes(self._written))

    def follow(self, matcher: LLMatcher) -> int | None:
        """The next token of the ending, from now on to its end; None where the text has come to it."""
        self.close()
        if not self.ending:
            return None
        token = self.ending[0]
        self.take([token], matcher)
        return token

    def _behind(self, tokens: list[int], most: int) -> list[int] | None:
        """An ending of the text with `tokens`, of `most` tokens, as far as one is found."""
        unread = self._tokenizer.decode_bytes([*self._written[self._read :], *tokens])
        state = self._state.deep_copy()
        if state.try_consume_tokens(list(unread)) != len(unread):
            return None
        data, old = self._tokenizer.decode_bytes(tokens), self._tokenizer.decode_bytes(self.ending)
        known = [old.removeprefix(data), *(old[n:] for n in range(1, min(len(data), len(old)) + 1))]
        found = next((ending for ending in dict.fromkeys(known) if _ends(state, list(ending), _END)), None)
        if found is None:
            inside, _ = _past(self._tokenizer.decode_bytes(self._written) + data, False, b"")
            found = search(state, old, inside) or search(state, old, inside, matching(self._lark))
        ending = None if found is None else tokens_of(self._tokenizer, found)
        if ending is None or len(ending) > most:
            return None
        self._state, self._read = state, len(self._written) + len(tokens)  # which are taken now
        return ending


_DECODER = json.JSONDecoder()


@lru_cache(256)
def shortest(lark: str) -> bytes:
    """A shortest text of a grammar, as far as one is found. BudgetTooSmall where none is."""
    start = BY_BYTES.start_of(lark)
    found = search(start, b"")
    if found is None and (texts := matching(lark)):
        found = search(start, b"", texts=texts)
    if found is None:
        raise BudgetTooSmall("The grammar has no short text that could be found.")
    return found


@lru_cache(256)
def matching(lark: str) -> tuple[bytes, ...]:
    """Short texts, in quotes, for each pattern: before what it asks for at its end, or anywhere, many a letter may
    stand, so that no mask tells the way to it."""
    found = []
    for begun in re.finditer(r"%json\s*", lark):
        try:
            asked, _ = _DECODER.raw_decode(lark, begun.end())
        except ValueError:  # a comment, say: of somebody else's grammar nothing is known
            continue
        beside = asked.get("allOf") if isinstance(asked, dict) else None
        parts = [asked, *(beside if isinstance(beside, list) else ())]
        patterns = [part.get("pattern") for part in parts if isinstance(part, dict)]
        tried = []
        for pattern in (pattern for pattern in patterns if isinstance(pattern, str)):
            inner = pattern.removeprefix("^").removesuffix("$")
            # Of one pattern alone: what it is to be like besides may come before.
            tried.append({**asked, "pattern": f"^(?:{_shortened(inner)})$", "minLength": 0, "allOf": []})
            if pattern != f"^{inner}$":
                tried.append({**asked, "pattern": f"^(?:{inner})$"})
        for alone in tried:
            try:
                text = search(BY_BYTES.start_of(f"start: %json {json.dumps(alone)}"), b"")
            except EngineError:  # an anchor inside, say; what is found is tried on the grammar in any case
                continue
            found += [text] if text else []
    return tuple(dict.fromkeys(found))


_PART = re.compile(r"(\\.|\(\?|\[(?:\\.|\[(?:\\.|[^\]])*\]|[^\]])*\])|(\{\d+)(?:,\d*\})|([*?+])(\??)", re.DOTALL)


def _shortened(pattern: str) -> str:
    """A pattern with what may be repeated as seldom as it may be: all that it matches, `pattern` matches."""
    times = {"*": "{0}", "?": "{0}", "+": ""}
    return _PART.sub(lambda part: part[1] or (f"{part[2]}}}" if part[2] else times[part[3]]), pattern)


def tokens_of(tokenizer: LLTokenizer, data: bytes) -> list[int]:
    """`data` in tokens; in one for each byte where the tokenizer would write something else."""
    tokens: list[int] = tokenizer.tokenize_bytes(data)
    if tokenizer.decode_bytes(tokens) == data:
        return tokens
    return [token for byte in data for token in tokenizer.tokenize_bytes(bytes([byte]))]


def search(state: LLMatcher, old: bytes, inside: bool = False, texts: Sequence[bytes] = ()) -> bytes | None:
    """A short way from `state` to the end of its language; `old`, an ending that held before, may be its last part.
    `inside`: `state` is inside a text's quotes. `texts`: in quotes, those that are tried first where one may be.

    What comes first among the preferred bytes is tried first, and a value that goes on without end is left for another.
    One that has come to its end stays: a grammar leaves no way open that leads nowhere, so nothing is to be tried
    again.
    """
    tails = [old[at:] for at in range(len(old)) if at == 0 or old[at] in _DONE][:12]
    count = looked = copied = 0
    queue: list[tuple[float, int, float, bool, bytes, LLMatcher]] = [(0.0, 0, 0.0, inside, b"", state.deep_copy())]
    while queue and looked < _NODES:
        _, _, cost, quoted, path, here = heapq.heappop(queue)
        looked += 1
        forced = bytes(here.compute_ff_bytes())
        if forced and here.try_consume_tokens(list(forced)) != len(forced):
            continue
        quoted, done = _past(forced, quoted, path[-1:])
        path += forced
        if here.is_accepting():
            return path
        if copied > _COPIED:
            return None
        if done:
            queue, looked, cost = [], 0, 0.0
        for tail in tails:
            if _ends(here, list(tail), _END):
                return path + tail
        seen: set[bytes] = set()
        present = bytes(here.compute_bitmask())
        whole = [text[quoted:] for text in texts]
        if quoted and (begun := path[path.rfind(b'"') :]):  # what a grammar forces, may stand already
            whole += [text.removeprefix(begun) for text in texts if text.startswith(begun) and len(begun) > 1]
        for step in [*whole, *(bytes([byte]) for byte in _bytes_from(here, quoted))]:
            child = here.deep_copy()
            if child.try_consume_tokens(list(step)) != len(step):
                continue
            mask = bytes(child.compute_bitmask())
            if mask in seen and not child.is_accepting():  # one of several letters of a word, say
                continue
            rank = len(seen)
            seen.add(mask)
            count += 1
            within, done = _past(step, quoted, path[-1:])
            if done and rank == 0:
                queue = []
            further = path + step
            copied += len(further)
            along = len(further) - max(further.rfind(mark) for mark in _MARKS)
            spent = cost + rank + _STANDSTILL * (mask == present)
            # Of equal ones the latest: that which is furthest.
            heapq.heappush(queue, (spent + along / 8, -count, spent, within, further, child))
            if done and rank == 0:
                looked = 0
                break
    return None


def _past(data: bytes, inside: bool, before: bytes) -> tuple[bool, bool]:
    """Whether what follows `data` is inside quotes, and whether `data` ended a value or went on to the next."""
    done = False
    for byte in data:
        if byte == ord('"') and before != b"\\":
            inside = not inside
        done |= not inside and byte in _DONE
        before = b"" if before == b"\\" else bytes([byte])
    return inside, done


def _bytes_from(state: LLMatcher, inside: bool) -> Iterator[int]:
    mask = int.from_bytes(state.compute_bitmask(), "little")
    preferred = _INSIDE if inside else _OUTSIDE
    allowed = [byte for byte in preferred if mask >> byte & 1]
    allowed += [byte for byte in range(0x20, 0x100) if mask >> byte & 1 and byte not in preferred]
    yield from allowed[:_BRANCHES]


def _ends(state: LLMatcher, ending: list[int], end: int) -> bool:
    """Whether `ending`, in the tokens of `state`, makes a whole text of what that has read; `end` ends a text."""
    if not ending:
        return bool(state.is_accepting())
    return bool(state.validate_tokens([*ending, end]) == len(ending) + 1)


def place(written: bytes) -> str:
    """Which part of a JSON text was being written where it breaks off: "items[2].name"; "$" for the whole."""
    path: list[str | int] = []
    text = written.decode(errors="replace")
    at, key, wants_key = 0, "", False
    decoder = json.JSONDecoder()
    kinds: list[str] = []
    while at < len(text):
        mark = text[at]
        if mark in "{[":
            kinds.append(mark)
            path.append("" if mark == "{" else 0)
            wants_key = mark == "{"
        elif mark in "}]" and kinds:
            kinds.pop()
            path.pop()
            wants_key = False
        elif mark == "," and kinds:
            wants_key = kinds[-1] == "{"
            if kinds[-1] == "[":
                path[-1] = int(path[-1]) + 1
        elif mark == '"':
            try:
                key, end = decoder.raw_decode(text, at)
            except ValueError:
                break
            at = end - 1
            if wants_key and kinds:
                path[-1], wants_key = key, False
        at += 1
    told = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path if part != "")
    return told.removeprefix(".").encode(errors="backslashreplace").decode() or "$"  # half a pair stands in no message
