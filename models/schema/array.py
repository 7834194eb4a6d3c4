"""Array: what a clause says about arrays, as a fragment. Knows lengths, positions, contains and unique items."""

from __future__ import annotations

from functools import cache
from math import inf

from models.grammar.fragments import subset
from models.grammar.fragments.builder import NoText
from models.grammar.fragments.fragment import Fragment, sequence, text_fragment
from models.schema import contains
from models.schema.bounds import LARGE
from models.schema.clause import Clause
from models.schema.finite import finite
from models.schema.parts import item_parts, prefix_length
from models.schema.refusal import Unsatisfiable
from models.schema.row import constant, json_text
from models.schema.values import Values


def array(clause: Clause, writer: Values) -> Fragment:
    """An array of items for which `clause` holds."""
    least, most = _lengths(clause, writer)
    prefix = prefix_length(clause)
    unique = next((layer for value, layer in clause.said("uniqueItems") if value), None)
    layer = contains.asked(clause, most, least, writer)
    if unique is not None and (most is None or most > 1):
        options = None if prefix or layer else finite(writer.normal.clauses(item_parts(clause, 0)))
        if options and any(isinstance(value, list | dict) for value, _ in options):
            options = None
        if options is not None and len(options) <= subset.OPTIONS:
            if least > len(options):
                raise Unsatisfiable(
                    unique.at("uniqueItems"), f"leaves {len(options)} different items, and {least} are asked for.",
                    "Lower minItems.",
                )  # fmt: skip
            most = len(options) if most is None else most
            texts = [text_fragment(json_text(value, path)) for value, path in options]
            return subset.subset(texts, least, most, "[]", writer.builder)
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
    if layer is not None:
        return contains.holding(clause, layer, least, most, writer, item)
    if most == 0:
        return constant([], writer.builder)
    last = inf if most is None else most
    if not prefix:
        return writer.builder.items("item", item(0), least, last)
    tail = []
    if last > prefix:
        tail = [writer.builder.further(item(prefix), max(least - prefix, 0), last - prefix)]
    for index in reversed(range(int(min(last, prefix)))):
        following = sequence([*([writer.builder.comma] if index else []), item(index), *tail])
        tail = [following if index < least else Fragment(f"({following.rule})?", following.longest)]
    whole = sequence([text_fragment("["), *tail, text_fragment("]")])
    return Fragment(f"({whole.rule})", whole.longest, f"{least}–{'' if most is None else most} items", whole.constant)


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
    needed = [int(layer.keywords.get("minContains", 1)) for _, layer in clause.said("contains")]
    return least, given if given is not None or usual is None else max(usual, prefix_length(clause), least, *needed)
