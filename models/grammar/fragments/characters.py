"""Characters: sets of the characters that a JSON string shows as they are, as regular expressions. Knows no lengths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

QUOTED = r'"\\'
"""The two characters that JSON must escape in any text."""
CONTROLS = {"b": 0x08, "t": 0x09, "n": 0x0A, "f": 0x0C, "r": 0x0D}
"""The letters of the escapes for control characters, and their code points. The other control characters stay out: JSON
would need six bytes for each, and no text needs them."""
UNSAFE = r'"\\\x00-\x1F\x7F'
_CONTROL = ((0, 0x1F), (0x22, 0x22), (0x5C, 0x5C), (0x7F, 0x7F), (0xD800, 0xDFFF))

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Characters:
    """One character: `text`, an expression that binds as one, and the bytes of the widest."""

    text: str
    widest: int


def any_character(besides: str = "", controls: str = "") -> Characters:
    """Every character but those of `besides`, the inside of a character class; of the `CONTROLS` those with these
    letters."""
    return Characters(f"(?:[^{UNSAFE}{besides}]|\\\\[{QUOTED}{controls}])", 4)


def ranges(given: Iterable[tuple[int, int]], negated: bool = False, controls: str = "") -> Characters:
    """The characters with these code points, or all others; those that JSON cannot show are left out, and of the
    `CONTROLS` those that are not named."""
    found = tuple(sorted(given))
    escapes = [code for code in (0x22, 0x5C) if any(a <= code <= b for a, b in found) is not negated]
    shown = [] if negated else list(_safe(found))
    texts = [f"\\\\\\x{{{code:X}}}" for code in escapes]
    lettered = "".join(c for c in controls if any(a <= CONTROLS[c] <= b for a, b in found) is not negated)
    texts += [_lettered(lettered)] * bool(lettered)
    if negated:
        texts.insert(0, f"[^{UNSAFE}{''.join(_range(*pair) for pair in found)}]")
    elif len(shown) == 1 and shown[0][0] == shown[0][1]:
        texts.insert(0, _shown(shown[0][0]))
    elif shown or not texts:
        texts.insert(0, "[" + ("".join(_range(*pair) for pair in shown) or "a&&b") + "]")  # a&&b: nothing
    widest = 4 if negated else max((len(chr(last).encode()) for _, last in shown), default=1)
    escaped = bool(escapes or lettered)
    text = texts[0] if len(texts) == 1 and not escaped else f"(?:{'|'.join(texts)})"
    return Characters(text, max(widest, 1 + escaped))


def opaque(inside: str, negated: bool = False, controls: str = "") -> Characters:
    """The characters of a class whose members only the library knows, without quotes and backslashes; of the `CONTROLS`
    those with these letters."""
    shown = f"[[{'^' if negated else ''}{inside}]&&[^{UNSAFE}]]"
    return Characters(f"(?:{shown}|{_lettered(controls)})" if controls else shown, 4)


def _lettered(controls: str) -> str:
    """The escapes with these letters, which have no other case, whatever flags stand around them."""
    return rf"\\(?-i:[{controls}])"


def _safe(found: Ranges) -> Iterable[tuple[int, int]]:
    for first, last in found:
        for a, b in _CONTROL:
            if a <= last and b >= first:
                if first < a:
                    yield first, a - 1
                first = max(first, b + 1)
        if first <= last:
            yield first, last


def _range(first: int, last: int) -> str:
    return _shown(first) if first == last else f"{_shown(first)}-{_shown(last)}"


def _shown(code: int) -> str:
    character = chr(code)
    return character if character.isascii() and (character.isalnum() or character == " ") else f"\\x{{{code:X}}}"
