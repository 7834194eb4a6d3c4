"""Contains: arrays whose items are counted as they are written, because some of them must match something."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import inf

from models.grammar.fragments.builder import NoText
from models.grammar.fragments.fragment import Fragment, sequence, text_fragment
from models.schema.clause import Clause, Layer
from models.schema.document import Located
from models.schema.negation import Denial
from models.schema.parts import item_parts, prefix_length
from models.schema.refusal import Unsatisfiable
from models.schema.values import Values

_COUNTED = 2_000
"""Rules that counting items may take."""


def asked(clause: Clause, most: int | None, least: int, writer: Values) -> Layer | None:
    """The layer whose `contains` is counted, None where none asks for anything. What is not is checked after."""
    found = [
        layer
        for _, layer in clause.said("contains")
        if layer.keywords.get("minContains", 1) or "maxContains" in layer.keywords
    ]
    for layer in found[1:]:
        writer.notes.loosen(layer.at("contains"), "is a second contains for the same array")
    if found:
        top = max(found[0].keywords.get("minContains", 1), found[0].keywords.get("maxContains", 0))
        if (max(least, prefix_length(clause)) + 1 if most is None else most + 1) * (top + 1) <= _COUNTED:
            return found[0]
        writer.notes.loosen(found[0].at("contains"), "counts too many items")
    return None


def holding(
    clause: Clause, layer: Layer, least: int, most: int | None, writer: Values, item: Callable[[int], Fragment]
) -> Fragment:
    """An array of `least` to `most` items, of which as many match `contains` as `layer` says."""
    part = layer.child("contains")
    needed, limit = int(layer.keywords.get("minContains", 1)), layer.keywords.get("maxContains")
    top = needed if limit is None else int(limit)
    prefix = prefix_length(clause)
    last = most if most is not None else max(least, prefix)  # from this many items on, all that follows is alike
    miss = Located(Denial(part.schema), part.path)
    builder = writer.builder

    @cache
    def kinds(index: int) -> tuple[Fragment | None, Fragment | None]:
        """The item at `index` that matches, and the one that need not, or must not."""
        parts = item_parts(clause, index)
        found: list[Fragment | None] = []
        for extra in (part, miss if limit is not None else None):
            try:
                value = item(index) if extra is None else writer.value((*parts, extra), extra is part and needed > 0)
                found.append(builder.rule("item", value))
            except NoText:
                found.append(None)
        return found[0], found[1]

    @cache
    def after(index: int, count: int) -> Fragment | None:
        """What may follow `index` items of which `count` match; None where no end can be reached."""
        options = [text_fragment("]")] if index >= least and count >= needed else []
        again = None
        if most is None or index < most:
            match, other = kinds(min(index, prefix))
            comma = [builder.comma] if index else []
            following = min(index + 1, last)
            if (
                match is not None
                and (limit is None or count < top)
                and (following, count) != (index, min(count + 1, top))
            ):
                follow = after(following, min(count + 1, top))
                options += [sequence([*comma, match, follow])] if follow is not None else []
            if other is not None and (limit is not None or count >= top or match != other):
                if following == index:
                    again = sequence([*comma, other])
                else:
                    follow = after(following, count)
                    options += [sequence([*comma, other, follow])] if follow is not None else []
        if not options:
            return None
        rule = " | ".join(dict.fromkeys(option.rule for option in options))
        longest = inf if again or most is None else max(option.longest for option in options)
        if again is not None:
            rule = f"({again.rule})* ({rule})"
        return builder.rule("items", Fragment(rule, longest))

    for index in reversed(range(last + 1)):  # from the end, so that no call goes deep
        for count in reversed(range(min(index, top) + 1)):
            after(index, count)
    body = after(0, 0)
    if body is None:
        raise Unsatisfiable(
            part.path, "asks for items that do not fit here.",
            "Let items admit what contains asks for, and raise maxItems.",
        )  # fmt: skip
    whole = sequence([text_fragment("["), body])
    return Fragment(f"({whole.rule})", whole.longest, f"{needed} or more that match")
