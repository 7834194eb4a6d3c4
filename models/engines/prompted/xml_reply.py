"""read_reply: a model's free text as a value of its contract, or ReplyRefused and nothing else.

Knows where answers stand in a reply, and which of several counts. How tags, texts and values are read is in models/xml.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from models.engines.prompted.xml.aside import without_asides
from models.engines.prompted.xml.element import Element, tree
from models.engines.prompted.xml.form import BLANK, place_of, wrappers
from models.engines.prompted.xml.json_body import from_text, unfenced
from models.engines.prompted.xml.markup import Tag, Token, tokens
from models.engines.prompted.xml.place import Place, Record
from models.engines.prompted.xml.refused import ReplyRefused
from models.engines.prompted.xml.value import json_of
from models.grammar.grammar import Grammar

__all__ = ["ReplyRefused", "longest_reply", "read_reply"]

ROOM = 65_536
"""Characters of a reply beyond what its answer takes: thoughts, prose, earlier answers."""
_SPANS = 8
"""Answers of one reply that are looked at, the last ones."""


@dataclass(frozen=True)
class _Answer:
    """One place in a reply where the answer may stand: the markup between its tags, and the text as it was written.

    `ended`: its closing tag is there, so that what is missing is missing on purpose.
    """

    tokens: Sequence[Token]
    source: str
    attributes: dict[str, str]
    ended: bool


def longest_reply(grammar: Grammar) -> int:
    """Characters that a reply may have; a longer one is refused before it is parsed."""
    return ROOM + 8 * grammar.max_tokens


def read_reply(reply: str, grammar: Grammar) -> tuple[str, str]:
    """The answer as JSON in declared order, spaced as the grammar says, and what was thought aloud around it.

    The JSON is a text of the grammar, and a valid value of its contract. The last answer that leaves nothing out
    counts. Raises ReplyRefused, whose `what` a model can act on.
    """
    assert grammar.contract is not None, "a grammar without a contract has no tags"
    if len(reply) > longest_reply(grammar):
        raise ReplyRefused(f"The reply has {len(reply)} characters; write at most {longest_reply(grammar)}.")
    root = place_of(grammar.contract)
    lines = reply.removeprefix("\ufeff").replace("\r\n", "\n")  # as XML has it; one that is meant is written &#13;
    rest, thoughts = without_asides(lines, wrappers(root))
    refusal: ReplyRefused | None = None
    for answer in _answers(rest, root):
        try:
            return _valid(_read(answer, root, grammar), grammar), thoughts
        except ReplyRefused as error:
            refusal = refusal or error
            if not error.incomplete:
                break
    raise refusal or ReplyRefused(f"The reply holds no answer: write it between <{root.tag}> and </{root.tag}>.")


def _valid(text: str, grammar: Grammar) -> str:
    assert grammar.contract is not None
    try:
        grammar.contract.model_validate_json(text)
    except ValidationError as error:  # a custom validator: the grammar has let it pass
        first = error.errors(include_url=False)[0]
        raise ReplyRefused(f"{'/'.join(map(str, first['loc'])) or 'The answer'}: {first['msg']}.") from error
    return text


def _answers(reply: str, root: Place) -> Iterator[_Answer]:
    """Where the answer may stand, likeliest first: the last pair of tags, earlier ones, the reply without such tags."""
    markup = tokens(reply)
    around = wrappers(root)
    tags = [(at, token) for at, token in enumerate(markup) if isinstance(token, Tag) and token.name in around]
    openings = [number for number, (_, tag) in enumerate(tags) if not tag.closing][-_SPANS:]
    for number in reversed(openings):
        at, tag = tags[number]
        same = [other for other in tags[number + 1 :] if other[1].name == tag.name]
        # The next tag of that name ends it; or the last one does, and those between stand in a text.
        ends = [same[0], same[-1]] if same and same[0] != same[-1] and same[-1][1].closing else same[:1]
        for end, closing in ends:
            source = reply[tag.start + len(tag.source) : closing.start]
            yield _Answer(markup[at + 1 : end], source, tag.attributes, closing.closing)
        if tag.empty or not same:
            inside = [] if tag.empty else markup[at + 1 :]
            yield _Answer(inside, reply[tag.start + len(tag.source) :], tag.attributes, ended=tag.empty)
    yield _Answer(markup, reply, {}, ended=False)


def _read(answer: _Answer, root: Place, grammar: Grammar) -> str:
    if unfenced(answer.source)[:1] == "{":
        try:
            return json_of(from_text(answer.source, root), grammar)
        except ReplyRefused:
            if not any(isinstance(token, Tag) for token in answer.tokens):
                raise
    literal = tree(answer.tokens, _root(answer, root), literal=True)
    structured = tree(answer.tokens, _root(answer, root), literal=False)
    readings = [literal, structured] if _filled(literal) >= _filled(structured) else [structured, literal]
    if not _filled(readings[0]) and (_fields(root) and (not answer.ended or literal.text.strip())):
        raise ReplyRefused(f"The reply holds no answer: write it between <{root.tag}> and </{root.tag}>.", True)
    if _is_form(literal):
        raise ReplyRefused("The form was repeated, not filled in.", incomplete=True)
    refusal: ReplyRefused | None = None
    for reading in readings if literal != structured else readings[:1]:
        try:
            return json_of(reading, grammar)
        except ReplyRefused as error:
            refusal = refusal or error
    assert refusal is not None
    raise refusal


def _root(answer: _Answer, root: Place) -> Element:
    return Element(root, answer.attributes, open=not answer.ended)


def _fields(root: Place) -> bool:
    return any(isinstance(shape, Record) and shape.places for shape in root.shapes)


def _filled(element: Element) -> int:
    """How many different fields have a tag or an attribute."""
    tags = {inner.tag for inner in element.elements}
    given = {name for name in element.attributes if name not in tags and element.place.inside(name) is not None}
    return len(tags) + len(given) + sum(map(_filled, element.elements))


def _is_form(element: Element) -> bool:
    texts = [text for text in _texts(element) if text]
    return bool(texts) and all(text == BLANK for text in texts)


def _texts(element: Element) -> Iterator[str]:
    for inner in element.elements:
        yield from _texts(inner)
        if not inner.elements:
            yield inner.text.strip()
