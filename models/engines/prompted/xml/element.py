"""Element: a reply's tags as a tree. Where they do not match, the places say what was meant. Knows no values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.engines.prompted.xml.markup import Tag, Token, decode
from models.engines.prompted.xml.place import Items, Place, Record

DEEPEST = 64
"""Tags within tags; what is deeper is no answer."""


class Stray(str):
    """A tag inside a text that closes nothing: it belongs to the text, unless nothing but such tags follows."""


@dataclass
class Element:
    """A tag with a place. `parts`: elements and texts in order. `open`: the reply ended before it did."""

    place: Place
    attributes: dict[str, str] = field(default_factory=dict)
    parts: list[Element | str] = field(default_factory=list)
    tag: str = ""
    open: bool = False
    opened: int = 0  # elements among the parts, counted as they come

    @property
    def elements(self) -> list[Element]:
        return [part for part in self.parts if isinstance(part, Element)]

    @property
    def text(self) -> str:
        parts = [part for part in self.parts if isinstance(part, str)]
        while parts and (isinstance(parts[-1], Stray) or not parts[-1].strip()) and any(map(_is_stray, parts)):
            parts.pop()
        return "".join(parts)


def tree(tokens: Sequence[Token], root: Element, literal: bool) -> Element:
    """`root` with what `tokens` say stands in it.

    A tag that has no place inside the open one, but inside one around it, closes what is between. `literal`: what
    stands in a text up to its own closing tag is text, whatever it looks like; otherwise a known tag always is a tag.
    """
    stack = [root]
    following = _following(tokens) if literal else {}
    skip = -1
    for at, token in enumerate(tokens):
        if at < skip:
            continue
        if isinstance(token, str):
            stack[-1].parts.append(token)
        elif token.closing:
            _close(stack, token)
        elif (level := _level(stack, token)) is not None:
            del stack[level + 1 :]
            element = _opened(stack[level], token)
            if token.empty:
                continue
            end = following.get(at)
            if end is not None and not element.place.shapes:
                element.parts = [_literal(part) for part in tokens[at + 1 : end]]
                skip = end + 1
            elif len(stack) < DEEPEST:
                stack.append(element)
        elif not stack[-1].place.shapes:
            stack[-1].parts.append(decode(token.source))  # "<b>" in a text
    for element in stack[1:]:
        element.open = root.open
    return root


def _following(tokens: Sequence[Token]) -> dict[int, int]:
    """For each tag that opens: where the tag of its name that comes next closes it, if it does."""
    found: dict[int, int] = {}
    nearest: dict[str, int] = {}
    for at in range(len(tokens) - 1, -1, -1):
        token = tokens[at]
        if isinstance(token, Tag):
            after = nearest.get(token.name)
            if after is not None and not token.closing and _closes(tokens[after]):
                found[at] = after
            nearest[token.name] = at
    return found


def _level(stack: Sequence[Element], tag: Tag) -> int | None:
    """Which of the open elements a tag belongs into: the innermost that has a place for it."""
    for level in range(len(stack) - 1, -1, -1):
        if stack[level].place.inside(tag.name) is not None:
            return level
    # Models name an item after what it is: <leg> in <legs>.
    if any(isinstance(shape, Items) and not _is_record(shape) for shape in stack[-1].place.shapes):
        return len(stack) - 1
    return None


def _opened(parent: Element, tag: Tag) -> Element:
    number = parent.opened
    place = parent.place.inside(tag.name, number) or parent.place.inside("item", number)
    assert place is not None, "_level has found it a place"
    element = Element(place, tag.attributes, tag=tag.name)
    parent.parts.append(element)
    parent.opened += 1
    return element


def _close(stack: list[Element], tag: Tag) -> None:
    for level in range(len(stack) - 1, 0, -1):
        if stack[level].tag == tag.name:
            del stack[level:]
            return
    if len(stack) > 1 and not stack[-1].place.shapes:
        stack[-1].parts.append(Stray(decode(tag.source)))


def _literal(token: Token) -> str:
    return token if isinstance(token, str) else decode(token.source)


def _closes(token: Token) -> bool:
    return isinstance(token, Tag) and token.closing


def _is_record(items: Items) -> bool:
    return any(isinstance(shape, Record) for shape in items.rest.shapes)


def _is_stray(part: str) -> bool:
    return isinstance(part, Stray)
