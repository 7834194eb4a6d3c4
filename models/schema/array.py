"""Array: what a clause says about arrays, as a fragment. Knows lengths, positions, contains and unique items."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from models.grammar.fragments.builder import NoText
from models.grammar.fragments.fragment import Fragment, sequence, text_fragment
from models.schema.clause import Clause
from models.schema.document import Located
from models.schema.negation import Denial
from models.schema.optional import some_of
from models.schema.parts import item_parts, prefix_length
from models.schema.refusal import SchemaRefused, Unsatisfiable
from models.schema.row import EMPTY_ARRAY, constant
from models.schema.values import Values

_SEVERAL = 64  # options of an array of unique items


def array(clause: Clause, writer: Values) -> Fragment:
    """An array of items for which `clause` holds, with as many as the bounds allow where it has no end."""
    least, most = _lengths(clause, writer.bounds.items)
    unique = next((layer for value, layer in clause.said("uniqueItems") if value), None)
    contains = _contains(clause)
    if unique is not None and most > 1:
        return _unique(clause, unique.at("uniqueItems"), least, most, writer, contains is not None)
    prefix = prefix_length(clause)

    @cache
    def item(index: int) -> Fragment:
        return writer.builder.rule("item", writer.value(item_parts(clause, min(index, prefix))))

    for index in range(min(most, prefix + 1)):
        try:
            item(index)
        except NoText:
            if index < least:
                raise
            most = index
            break
    if contains is not None:
        return _counted(clause, contains, least, most, writer, item)
    if most == 0:
        return EMPTY_ARRAY
    tail = writer.builder.further(item(prefix), max(least - prefix, 0), most - prefix) if most > prefix else None
    for index in reversed(range(min(most, prefix))):
        following = sequence(
            [writer.builder.comma if index else text_fragment("["), item(index), *([tail] if tail else [])]
        )
        tail = following if index < max(least, 1) else Fragment(f"({following.rule})?", following.longest)
    assert tail is not None
    if prefix:
        body = tail if least else Fragment(f'("[" | {tail.rule})', tail.longest)
        whole = sequence([body, text_fragment("]")])
        return Fragment(f"({whole.rule})", whole.longest, f"{least}–{most} items", whole.constant)
    return writer.builder.items("item", item(0), least, most)


def _lengths(clause: Clause, usual: int) -> tuple[int, int]:
    least, given = clause.least("minItems"), clause.most("maxItems")
    needed = max([least, *(layer.keywords.get("minContains", 1) for _, layer in clause.said("contains"))])
    most = max(usual, prefix_length(clause), needed) if given is None else given
    if least > most:
        raise Unsatisfiable(
            clause.where("minItems"), f"asks for {least} items or more, and another keyword for {most} or fewer.",
            "Let the smaller bound come first.",
        )  # fmt: skip
    return least, most


@dataclass(frozen=True)
class _Contains:
    """`part`: what `least` to `most` items must match, without an upper end if `most` is None."""

    part: Located
    least: int
    most: int | None


def _contains(clause: Clause) -> _Contains | None:
    """The one `contains` with its counts, none where it asks for nothing."""
    found = []
    for _, layer in clause.said("contains"):
        least, most = layer.keywords.get("minContains", 1), layer.keywords.get("maxContains")
        if least or most is not None:
            found.append(_Contains(layer.child("contains"), int(least), None if most is None else int(most)))
    if len(found) > 1:
        raise SchemaRefused(
            found[1].part.path,
            "is a second contains for the same array.",
            "Keep one of them, or give the items their places with prefixItems.",
        )
    return found[0] if found else None


def _counted(
    clause: Clause, contains: _Contains, least: int, most: int, writer: Values,
    item: Callable[[int], Fragment],
) -> Fragment:  # fmt: skip
    """An array whose items that match `contains` are counted as they are written."""
    part, needed, limit = contains.part, contains.least, contains.most
    top = needed if limit is None else limit
    prefix = prefix_length(clause)
    miss = Located(Denial(part.schema), part.path)

    @cache
    def kinds(index: int) -> tuple[Fragment | None, Fragment | None]:
        """The item at `index` that matches, and the one that need not, or must not."""
        parts = item_parts(clause, index)
        found: list[Fragment | None] = []
        for extra in (part, miss if limit is not None else None):
            try:
                found.append(
                    item(index) if extra is None else writer.builder.rule("item", writer.value((*parts, extra)))
                )
            except NoText:
                found.append(None)
        return found[0], found[1]

    @cache
    def after(index: int, count: int) -> Fragment | None:
        """What may follow `index` items of which `count` match; None where no end can be reached."""
        options = [text_fragment("]")] if index >= least and count >= needed else []
        if index < most:
            match, other = kinds(min(index, prefix))
            comma = [writer.builder.comma] if index else []
            follow = after(index + 1, min(count + 1, top)) if limit is None or count < top else None
            if match is not None and follow is not None:
                options.append(sequence([*comma, match, follow]))
            follow = after(index + 1, count)
            if other is not None and follow is not None and (limit is not None or count >= top or match != other):
                options.append(sequence([*comma, other, follow]))
        if not options:
            return None
        rule = " | ".join(dict.fromkeys(option.rule for option in options))
        return writer.builder.rule("items", Fragment(rule, max(option.longest for option in options)))

    for index in reversed(range(most)):  # from the end, so that no call goes deep
        for count in range(min(index, top) + 1):
            after(index, count)
    body = after(0, 0)
    if body is None:
        raise Unsatisfiable(
            contains.part.path, "asks for items that do not fit here.",
            "Let items admit what contains asks for, and raise maxItems.",
        )  # fmt: skip
    whole = sequence([text_fragment("["), body])
    return Fragment(f"({whole.rule})", whole.longest, f"{least}–{most} items")


def _unique(clause: Clause, at: str, least: int, most: int, writer: Values, counted: bool) -> Fragment:
    """Some of a few values, each at most once, in the order in which the schema lists them."""
    texts = None if counted or prefix_length(clause) else writer.finite(item_parts(clause, 0))
    if texts is None or len(texts) > _SEVERAL:
        raise SchemaRefused(
            at, "compares items with each other, which no grammar can do.",
            "Give the items an enum, set maxItems to 1, or remove it and compare them in a guardrail.",
        )  # fmt: skip
    if least > len(texts):
        raise Unsatisfiable(at, f"leaves {len(texts)} items, fewer than minItems.", "Lower minItems.")
    return some_of(
        [(constant(json.loads(text), writer.builder), False) for text in texts], least, most, "[]", writer.builder
    )
