"""Character class: what one character of a pattern may be: an escape, or a list in square brackets.

Knows where Rust's regex and Python's re differ about them. Where they are not excluded, \\d and \\s mean the digits and
the space of ASCII, and \\w the letters of the larger alphabets, of ASCII in a compiled pattern: fewer bytes, and what
people mean. Does not know what patterns are made of characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from models.errors import ContractError
from models.grammar.fragments.characters import CONTROLS, Characters, any_character, opaque, ranges

_CODE = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|[xuU]\{([0-9A-Fa-f]+)\}")
_PROPERTY = re.compile(r"[pP](?:\{[^{}]+\}|[A-Z])")
_PERL = re.compile(r"\\[dswDSWpP]")
_DIGITS = ((0x30, 0x39),)
_WORD = (*_DIGITS, (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
# Whole alphabets only: with every letter of Unicode in its ranges, llguidance's lexer soon takes too long.
_LETTERS = (
    *((0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x2AF), (0x388, 0x38A), (0x38E, 0x3A1), (0x3A3, 0x3F5), (0x400, 0x481)),
    *((0x48A, 0x52F), (0x531, 0x556), (0x561, 0x587), (0x5D0, 0x5EA), (0x620, 0x669), (0x66E, 0x6D3), (0x900, 0x963)),
    *((0x966, 0x96F), (0xE01, 0xE3A), (0xE40, 0xE4E), (0x10D0, 0x10FA), (0x1E00, 0x1F15), (0x3041, 0x3096)),
    *((0x30A1, 0x30FA), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3)),
)
_CONTROLS = dict(zip("tnrfva", "\t\n\r\f\v\a", strict=True))


class CharacterReader:
    """Reads the characters of `pattern` from `at` on; `compiled` ones follow Python's re. `controls`: the letters of
    the escapes that a text may hold."""

    def __init__(self, pattern: str, where: str, compiled: bool, controls: str) -> None:
        self.pattern, self.where, self.compiled, self.controls, self.at = pattern, where, compiled, controls, 0

    def refused(self, what: str, hint: str) -> ContractError:
        return ContractError(f"{self.where} has a pattern with {what}, which no grammar can follow.", hint)

    def _take(self, expected: str) -> bool:
        taken = self.pattern.startswith(expected, self.at)
        self.at += len(expected) * taken
        return taken

    def _escape(self) -> Characters:
        """What stands after a backslash, outside a class."""
        if match := _PROPERTY.match(self.pattern, self.at):
            self.at = match.end()
            return opaque("\\" + match[0])
        letter = self.pattern[self.at]
        if letter in "dsw":
            self.at += 1
            return ranges(self._common(letter))
        if letter in "DSW":
            self.at += 1
            return opaque(self._unicode(letter), controls=self._escapes((), letter))
        code = self._code()
        return ranges([(code, code)], controls=self.controls)

    def _common(self, letter: str) -> tuple[tuple[int, int], ...]:
        """The members of a Perl class that are admitted where it is not negated."""
        if letter == "w":
            return _WORD if self.compiled else (*_WORD, *_LETTERS)
        return _DIGITS if letter == "d" else ((0x20, 0x20),)

    def _escapes(self, found: Iterable[tuple[int, int]], letters: str, negated: bool = False) -> str:
        """The letters of the escapes for what is surely in `found` or in a Perl class of `letters`, or in none of them;
        p stands for a property, whose members only the library knows."""
        inside = {c for c in self.controls if any(a <= CONTROLS[c] <= b for a, b in found)}
        inside |= {c for c in self.controls if set(letters) & set("DW" + ("S" if c == "b" else "s" * negated))}
        if negated and "p" in letters.replace("P", "p"):
            return ""
        return "".join(c for c in self.controls if (c in inside) is not negated)

    def _unicode(self, letter: str) -> str:
        """The Perl class `letter` inside a character class; Python's \\w has numerals that Rust's has not."""
        return r"[^\w\p{N}]" if letter == "W" and self.compiled else "\\" + letter

    def _code(self) -> int:
        """The code point of an escaped character; the backslash has been read."""
        if match := _CODE.match(self.pattern, self.at):
            self.at = match.end()
            return int(next(digits for digits in match.groups() if digits), 16)
        letter = self.pattern[self.at]
        self.at += 1
        if letter in "bB<>":
            raise self.refused(f"the word boundary \\{letter}", "Leave it out, and say which characters stand there.")
        if letter.isdigit():
            raise self.refused(f"the back reference \\{letter}", "Repeat the group itself.")
        if letter in _CONTROLS:
            return ord(_CONTROLS[letter])
        if letter.isalpha():
            raise self.refused(f"\\{letter}", "Write the character itself.")
        return ord(letter)

    def _class(self) -> Characters:
        """What stands in square brackets, the first of which has been read."""
        begin = self.at
        negated = self._take("^")
        found: list[tuple[int, int]] = []
        unknown: list[str] = []
        letters = ""
        first = True
        while first or not self.pattern.startswith("]", self.at):
            if self.pattern.startswith(("[", "&&", "--", "~~"), self.at):
                return self._nested(begin)
            letters += (_PERL.match(self.pattern, self.at) or " ")[0][-1]
            low = self._member(found, unknown, negated)
            if low is not None and self.pattern.startswith("-", self.at) and self.pattern[self.at + 1] not in "]-":
                self.at += 1
                high = self._member([], [], negated)
                found.append((low, low if high is None else high))
            elif low is not None:
                found.append((low, low))
            first = False
        self.at += 1
        if not unknown:
            return ranges(found, negated, self.controls)
        if self.controls and not negated and any(letter in letters and letter.upper() in letters for letter in "dsw"):
            return any_character(controls=self.controls)  # [\s\S] and its like, which people write for just that
        shown = "".join(f"\\x{{{a:X}}}-\\x{{{b:X}}}" for a, b in found)
        return opaque(shown + "".join(unknown), negated, self._escapes(found, letters, negated))

    def _member(self, found: list[tuple[int, int]], unknown: list[str], negated: bool) -> int | None:
        """The code point of one character of a class, or None once a whole set of them has been added."""
        character = self.pattern[self.at]
        self.at += 1
        if character != "\\":
            return ord(character)
        if match := _PROPERTY.match(self.pattern, self.at):
            self.at = match.end()
            unknown.append("\\" + match[0])
            return None
        letter = self.pattern[self.at]
        if letter not in "dswDSW":
            return self._code()
        self.at += 1
        if letter == "W" and negated and self.compiled:
            raise self.refused("\\W in [^…]", "Write \\w.")
        if not negated and letter in "dsw":
            found.extend(self._common(letter))
        else:
            unknown.append(self._unicode(letter) + (r"\p{N}" if letter == "w" and self.compiled else ""))
        return None

    def _nested(self, begin: int) -> Characters:
        """A class with classes or set operations inside, as it is: Rust's regex and llguidance's read it alike."""
        if self.compiled:
            raise self.refused("[, &&, -- or ~~ inside […]", "Escape it with a backslash.")
        depth, self.at, start, shown = 1, begin, True, ""
        while depth:
            character = self.pattern[self.at : self.at + (2 if self.pattern[self.at] == "\\" else 1)]
            self.at += len(character)
            shown += "\\/" if character == "/" else character
            if not (start and character == "^"):
                depth += (character == "[") - (character == "]" and not start)
                start = character == "["
        return opaque("[" + shown)
