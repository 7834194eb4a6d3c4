"""Array: what a clause says about arrays, as a fragment. Knows lengths, positions, contains and unique items."""

from __future__ import annotations

from functools import cache

from models.grammar.fragments import subset
from models.grammar.fragments.builder import NoText
from models.grammar.fragments.fragment import Fragment, sequence, text_fragment
from models.schema.bounds import LARGE
from models.schema.clause import Clause
from models.schema.document import Located
from models.schema.negation import Denial
from models.schema.parts import item_parts, prefix_length
from models.schema.refusal import Unsatisfiable
from models.schema.row import EMPTY_ARRAY, further
from models.schema.values import Values


def array(clause: Clause, writer: Values) -> Fragment:
    """An array of items for which `clause` holds."""
    least, most = _lengths(clause, writer)
    prefix = prefix_length(clause)
    unique = next((layer for value, layer in clause.said("uniqueItems") if value), None)
    contains = [layer for _, layer in clause.said("contains") if layer.keywords.get("minContains", 1) != 0
                or "maxContains" in layer.keywords]  # fmt: skip
    if unique is not None and (most is None or most > 1):
        options = None if prefix or contains else writer.finite(item_parts(clause, 0))
        if options is not None and len(options) <= subset.OPTIONS:
            if least > len(options):
                raise Unsatisfiable(
                    unique.at("uniqueItems"), f"leaves {len(options)} different items, and {least} are asked for.",
                    "Lower minItems.",
                )  # fmt: skip
            most = len(options) if most is None else most
            return subset.subset([text_fragment(text) for text in options], least, most, "[]", writer.builder)
        writer.notes.loosen(unique.at("uniqueItems"), "has items that may be written twice")

    @cache
    def item(index: int) -> Fragment:
        return writer.builder.rule("item", writer.value(item_parts(clause, min(index, prefix)), index < least))

    for index in range(prefix + 1 if most is None else min(most, prefix + 1)):
        try:
            item(index)
        except NoText:
            if index < least:
                raise
            most = index
            break
    if contains and most != 0 and not _loosened(clause, writer, least, most, prefix, len(contains)):
        part = contains[0].child("contains")
        needed = int(contains[0].keywords.get("minContains", 1))
        match = writer.builder.rule("item", writer.value((*item_parts(clause, 0), part), True))
        return _holding(item(0), match, needed, contains[0].keywords.get("maxContains"), part, clause, writer)
    if most == 0:
        return EMPTY_ARRAY
    tail = None
    if most is None or most > prefix:
        tail = further(item(prefix), max(least - prefix, 0), None if most is None else most - prefix, writer.builder)
    if not prefix:
        first = item(0)
        rest = further(first, max(least - 1, 0), None if most is None else most - 1, writer.builder)
        inner = sequence([first, rest]) if most != 1 else first
        inner = inner if least else Fragment(f"({inner.rule})?", inner.longest)
        return _bracketed(inner, f"{least}–{'' if most is None else most} × {first.bound}")
    for index in reversed(range(prefix if most is None else min(most, prefix))):
        before = [writer.builder.comma] if index else []
        following = sequence([*before, item(index), *([tail] if tail else [])])
        tail = following if index < least else Fragment(f"({following.rule})?", following.longest)
    assert tail is not None
    return _bracketed(tail, f"{least}–{'' if most is None else most} items")


def _bracketed(inner: Fragment, bound: str) -> Fragment:
    whole = sequence([text_fragment("["), inner, text_fragment("]")])
    return Fragment(f"({whole.rule})", whole.longest, bound, whole.constant)


def _lengths(clause: Clause, writer: Values) -> tuple[int, int | None]:
    least, given = clause.least("minItems"), clause.most("maxItems")
    if given is not None and least > given:
        raise Unsatisfiable(
            clause.where("minItems"), f"asks for {least} items or more, and another keyword for {given} or fewer.",
            "Let the smaller bound come first.",
        )  # fmt: skip
    if least > LARGE:
        writer.notes.loosen(clause.where("minItems"), f"counts more than {LARGE} items")
        least = 0
    if given is not None and given > LARGE:
        writer.notes.loosen(clause.where("maxItems"), f"counts more than {LARGE} items")
        given = None
    usual = writer.usual("items")
    return least, given if given is not None or usual is None else max(usual, prefix_length(clause), least)


def _loosened(clause: Clause, writer: Values, least: int, most: int | None, prefix: int, several: int) -> bool:
    """Whether `contains` is checked after, because other keywords count or place items as well."""
    needed = max(int(layer.keywords.get("minContains", 1)) for _, layer in clause.said("contains"))
    if several == 1 and not prefix and least <= needed <= LARGE and clause.most("maxItems") is None:
        return False
    writer.notes.loosen(clause.where("contains"), "stands beside other keywords that count or place items")
    return True


def _holding(
    item: Fragment, match: Fragment, needed: int, limit: float | None, part: Located, clause: Clause,
    writer: Values,
) -> Fragment:  # fmt: skip
    """An array with at least `needed` items that match, and at most `limit` where there is one."""
    usual = writer.usual("items")
    other: Fragment | None = item
    if limit is not None:
        try:
            other = writer.builder.rule(
                "item", writer.value((*item_parts(clause, 0), Located(Denial(part.schema), part.path)))
            )
        except NoText:
            other = None
    builder = writer.builder
    mark = builder.comma.rule

    def some(one: Fragment) -> str:
        return f"({one.rule} {mark}){{0,{usual}}}" if usual is not None else f"({one.rule} {mark})*"

    before = some(other) if other else ""
    after = further(other, 0, usual, builder).rule if other else ""
    longest = ((usual + 1) * (needed + 2) * (item.longest + 3)) if usual is not None else 1 << 40
    counted = f"{before} {match.rule}"
    again = f"({mark} {counted})"
    top = "" if limit is None else int(limit) - 1
    more = f"{again}{{{max(needed - 1, 0)},{top if limit is not None else max(needed - 1, 0)}}}"
    more = "" if top == 0 or (limit is None and needed <= 1) else more
    if needed:
        inner = f"{counted} {more} {after}"
    else:
        alone = f"({other.rule} {after})" if other else '""'
        inner = f"({alone} | {counted} {more} {after})?" if limit else f"{alone}?"
    return _bracketed(Fragment(inner, longest), f"{needed} or more that match")
