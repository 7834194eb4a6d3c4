"""Pattern: the regular expression of a text, rewritten for the inside of a JSON string, with its widths.

Knows groups, repetitions and anchors, as Rust's regex (patterns given as text) and Python's re (compiled ones) share
them. What only one of them has, or no grammar can follow, is a ContractError. Leaves single characters to
character_class.py, and does not know how long a text may be. A pattern is searched for: without an anchor, anything
may stand before or after it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import inf

from models.errors import ContractError
from models.grammar.fragments.character_class import CharacterReader
from models.grammar.fragments.characters import Characters, any_character, ranges
from models.grammar.fragments.part import Alternative, Part, repeated, times, together

_QUANTIFIER = re.compile(r"[*+?]|\{(\d*)(,?)(\d*)\}")
_AROUND = re.compile(r"\?<?[=!]")
_GROUP = re.compile(r"\?(?:P?<([A-Za-z_]\w*)>|([a-zA-Z-]*)([:)]))")


@dataclass(frozen=True)
class Reading:
    """`choices`: the alternatives of a pattern, each with all that may stand around it. `ahead`: what a text must begin
    with besides, one choice for each look-ahead at its start. `loose`: some of what the pattern asks for is in neither:
    what lies behind a look-around elsewhere, and word boundaries."""

    choices: list[Alternative]
    ahead: list[list[Alternative]]
    loose: bool


def alternatives(pattern: str | re.Pattern[str], where: str, controls: str) -> Reading:
    """What `pattern` admits. `controls`: the letters of the escapes that a text may hold."""
    compiled = isinstance(pattern, re.Pattern)
    reader = _Reader(pattern if isinstance(pattern, str) else pattern.pattern, where, compiled, controls)
    if isinstance(pattern, re.Pattern) and pattern.flags != re.UNICODE:
        raise reader.refused("flags", "Compile it without flags, or give it as text with (?i) in front.")
    anything = repeated(any_character(controls=controls), 0, inf)
    found = []
    for one in reader.everything():
        before = () if one.start else (anything,)
        after = () if one.end or not (one.start or one.parts) else (anything,)
        found.append(replace(one, parts=(*before, *one.parts, *after)))
    ahead = [
        [replace(one, parts=(*one.parts, *(() if one.end else (anything,)))) for one in choice]
        for choice in reader.ahead
    ]
    return Reading(found, ahead, reader.loose)


_NOTHING = Part("", 0, 0, 0, 1)


class _Reader(CharacterReader):
    """Reads one pattern from left to right."""

    folded = False
    loose = False
    leading = False

    def __init__(self, pattern: str, where: str, compiled: bool, controls: str) -> None:
        super().__init__(pattern, where, compiled, controls)
        self.ahead: list[list[Alternative]] = []

    def everything(self) -> list[Alternative]:
        found = self._choice(outermost=True)
        if self.at < len(self.pattern):
            raise self.refused("an unmatched )", "Write \\) for a parenthesis.")
        if len(found) > 1 and self.ahead:  # they hold for one of the alternatives only
            self.ahead, self.loose = [], True
        return found

    def _choice(self, outermost: bool = False) -> list[Alternative]:
        found = self._row(outermost)
        while self._take("|"):
            found += self._row(outermost)
        return found

    def _row(self, outermost: bool) -> list[Alternative]:
        parts: list[Part] = []
        start = end = False
        only: list[Alternative] | None = None
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            if self._take("^") or self._take("\\A"):
                if parts or only:
                    raise self._misplaced("^", "start")
                start = True
            elif self._take("$") or self._take("\\z") or self._take("\\Z"):
                end = True
            elif end:
                raise self._misplaced("$", "end")
            else:
                if only:
                    parts.append(self._plain(only))
                    only = None
                self.leading = outermost and start and not any(part.text for part in parts)
                inner = self._atom()
                repeats = self._repeats()
                if repeats is None and not parts and isinstance(inner, list):
                    only = inner  # a group around everything may hold anchors of its own
                elif repeats is None:
                    parts.append(inner if isinstance(inner, Part) else self._plain(inner))
                else:
                    parts.append(self._many(inner if isinstance(inner, Part) else self._plain(inner), *repeats))
        if only:
            return [Alternative(one.parts, start or one.start, end or one.end) for one in only]
        return [Alternative(tuple(parts), start, end)]

    def _misplaced(self, anchor: str, side: str) -> ContractError:
        return self.refused(f"{anchor} in the middle", f"Move {anchor} to the {side} of the pattern.")

    def _plain(self, choice: list[Alternative]) -> Part:
        """A group inside a row as one part."""
        for one in choice:
            if one.start or one.end:
                raise self._misplaced(*(("^", "start") if one.start else ("$", "end")))
        parts = [together(one.parts) for one in choice]
        if len(parts) == 1 and parts[0].unit and (parts[0].least, parts[0].most) == (1, 1):
            return parts[0]
        text = "(?:" + "|".join(part.text for part in parts) + ")"
        least, most = min(part.least for part in parts), max(part.most for part in parts)
        return Part(text, least, most, max(part.longest for part in parts), max(part.widest for part in parts))

    def _repeats(self) -> tuple[int, float] | None:
        """The quantifiers here, multiplied; a lazy one matches the same texts."""
        found: tuple[int, float] | None = None
        while match := _QUANTIFIER.match(self.pattern, self.at):
            low, comma, high = match.groups()
            if match[0] == "{}":
                break  # a brace that stands for itself
            if found is not None:
                raise self.refused(f"{match[0]} after another repetition", "Put the inner one in (?:…).")
            self.at = match.end()
            if match[0][0] == "{":
                found = int(low or 0), int(high) if high else inf if comma else int(low or 0)
            else:
                found = int(match[0] == "+"), 1 if match[0] == "?" else inf
            self._take("?")
        return found

    def _many(self, part: Part, least: int, most: float) -> Part:
        if part.unit and (part.least, part.most) == (1, 1):
            return repeated(part.unit, least, most)
        text = f"(?:{part.text}){times(least, most)}"
        high = part.most * most if part.most and most else 0
        longest = part.longest * most if part.longest and most else 0
        return Part(text, part.least * least, high, longest, part.widest)

    def _atom(self) -> Part | list[Alternative]:
        character = self.pattern[self.at]
        self.at += 1
        if character == "(":
            return self._group()
        if character == "[":
            return self._folded(self._class())
        if character == ".":
            return repeated(any_character(controls=self.controls.replace("n", "")), 1, 1)
        if character == "\\" and self.pattern.startswith(("b", "B"), self.at):
            self.at += 1
            self.loose = True
            return _NOTHING
        if character == "\\":
            return self._folded(self._escape())
        if character in "*+?":
            raise self.refused(f"{character} after nothing", f"Write \\{character} for the character itself.")
        return self._folded(ranges([(ord(character), ord(character))]))

    def _group(self) -> list[Alternative] | Part:
        match = _GROUP.match(self.pattern, self.at)
        folded, opened = self.folded, self.at
        if match:
            self.at = match.end()
            flags = match[2] or ""
            if not set(flags) <= set("isu") or (flags and self.compiled):
                raise self.refused(f"the flag (?{flags})", "Leave it out; only (?i) and (?s) can be followed.")
            self.folded |= "i" in flags
            if match[3] == ")":
                if opened != 1 or not flags:
                    raise self.refused(f"(?{flags}) in the middle", f"Write (?{flags}:…) around what it is for.")
                return self._choice()  # up to the end of the pattern, alternatives included
        elif around := _AROUND.match(self.pattern, self.at):
            return self._around(around)
        elif self.pattern.startswith("?", self.at):
            raise self.refused(f"(?{self.pattern[self.at + 1 : self.at + 2]}", "Say it without.")
        found = self._choice()
        if not self._take(")"):
            raise self.refused("an open (", "Close it, or write \\( for a parenthesis.")
        self.folded = folded
        return found

    def _around(self, around: re.Match[str]) -> Part:
        """A group that looks ahead or back takes no text. At the start of all a text must match it besides; what it
        asks for elsewhere, or denies, is left to be checked."""
        self.at = around.end()
        leading, folded, ahead = self.leading, self.folded, len(self.ahead)
        found = self._choice()
        del self.ahead[ahead:]
        if not self._take(")"):
            raise self.refused("an open (", "Close it, or write \\( for a parenthesis.")
        self.folded = folded
        if leading and around[0] == "?=" and not any(one.start for one in found):
            self.ahead.append(found)
        else:
            self.loose = True
        return _NOTHING

    def _folded(self, one: Characters) -> Part:
        if self.folded:  # the Kelvin sign, three bytes, is a k
            lettered = re.search("[A-Za-z]", re.sub(r"\\x\{\w+\}", "", one.text))
            widest = 4 if one.widest > 1 else 3 if lettered else 1
            one = Characters(f"(?i:{one.text})", widest)
        return repeated(one, 1, 1)
