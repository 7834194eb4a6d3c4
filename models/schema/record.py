"""Record: what a clause says about objects, as a fragment. Knows names, which must be there, and their number."""

from __future__ import annotations

import re

from models.grammar.fragments.builder import NoText
from models.grammar.fragments.fragment import Fragment, either, sequence
from models.schema.clause import Clause, Layer
from models.schema.document import Located
from models.schema.finite import finite
from models.schema.optional import some_of
from models.schema.parts import property_parts
from models.schema.refusal import Unsatisfiable
from models.schema.row import key
from models.schema.strings import Rule, rule
from models.schema.values import Values

_PREFIX = re.compile(r"\^((?:[A-Za-z0-9 _-]|\\[.$/-])+)(?:\.\*\$?)?")
"""A pattern that asks for nothing but how a name begins."""

_COUNTED = 4_000
"""Rules that counting properties may take."""


def record(clause: Clause, writer: Values) -> Fragment:
    """An object with its declared names in order, each optional one there or not, then names that are not declared."""
    required = dict.fromkeys(name for names, _ in clause.said("required") for name in names)
    declared = _declared(clause, writer)
    pairs: list[tuple[Fragment, bool]] = []
    for name in declared:
        parts = property_parts(clause, name, writer.document)
        try:
            value = writer.value(parts, name in required)
        except NoText:
            if name in required:
                raise
            continue
        writer.note(parts[0].path if parts else clause.where("required"), value)
        pair = sequence([key(name, writer.builder), value])
        # Where nothing has an end, a pair that is used once has no rule: llguidance reads the grammar sooner.
        pairs.append((pair if writer.builder.open else writer.builder.rule("pair", pair), name in required))
    least, given = clause.least("minProperties"), clause.most("maxProperties")
    needed = least > len(pairs)
    others = _others(clause, declared, writer, needed) if given is None or given > len(required) else None
    room = 0 if others is None else writer.usual("properties")
    possible = len(pairs) + (0 if others is None else 1 if room is None else room)
    if (given is not None and given < max(len(required), least)) or (others is None and least > possible):
        raise Unsatisfiable(
            clause.where("minProperties", "maxProperties", "required"),
            f"cannot be met by {len(pairs)} possible names, of which {len(required)} are required.",
            "List more names in properties, or change how many there must be.",
        )  # fmt: skip
    if least > len(pairs) + (others is not None):  # a name may be written twice, so that two need not be two
        writer.notes.loosen(clause.where("minProperties"), "counts names that may be written twice")
        least = len(required)
    if (least > len(required) or given is not None) and len(pairs) * min(len(pairs), given or len(pairs)) > _COUNTED:
        writer.notes.loosen(clause.where("minProperties", "maxProperties"), "counts too many names")
        least, given = len(required), None
    return some_of(pairs, least, given, writer.builder, others, room)


def _declared(clause: Clause, writer: Values) -> list[str]:
    """The names that are spelled out: in properties, in required, or as the only ones that propertyNames admits."""
    found = [name for properties, _ in clause.said("properties") for name in properties]
    found += [name for names, _ in clause.said("required") for name in names]
    names = tuple(layer.child("propertyNames") for _, layer in clause.said("propertyNames"))
    if names:
        listed = finite(writer.normal.clauses((Located({"type": "string"}, names[0].path), *names)))
        found += [name for name, _ in listed or () if isinstance(name, str)]
    return list(dict.fromkeys(found))


def _others(clause: Clause, declared: list[str], writer: Values, needed: bool) -> Fragment | None:
    """One property that is not declared; None where there is none to write.

    Where texts must end, none are written that the schema merely does not forbid, unless one is `needed` or nothing is
    declared at all: they would take most of the room.
    """
    patterns = {pattern: layer for found, layer in clause.said("patternProperties") for pattern in found}
    choices: list[tuple[tuple[Located, ...], list[Rule], list[str]]] = []
    for pattern in patterns:
        parts: list[Located] = []
        for layer in clause.layers:
            if pattern in layer.keywords.get("patternProperties", {}):
                parts.append(layer.child("patternProperties", pattern))
            elif "additionalProperties" in layer.keywords:
                parts.append(layer.child("additionalProperties"))
        rules = rule(pattern, patterns[pattern].at("patternProperties", pattern), writer.notes)
        choices.append((tuple(parts), rules, _beside(patterns, pattern, writer)))
    parts = [layer.child("additionalProperties") for _, layer in clause.said("additionalProperties")]
    asked = needed or not (declared or patterns) or any(isinstance(part.schema, dict) for part in parts)
    if (asked or writer.usual("properties") is None) and not any(part.schema is False for part in parts):
        choices.append((tuple(parts), [], _beside(patterns, None, writer)))
    names = tuple(layer.child("propertyNames") for _, layer in clause.said("propertyNames"))
    found = []
    for held, rules, prefixes in choices:
        if any(part.schema is False for part in held):
            continue
        try:
            name = writer.name(names, rules, declared, prefixes, clause)
            value = writer.value(held)
            found.append(writer.builder.rule("pair", sequence([name, writer.builder.colon, value])))
        except NoText:
            continue
    return writer.builder.rule("pair", either(found)) if found else None


def _beside(patterns: dict[str, Layer], own: str | None, writer: Values) -> list[str]:
    """How names of `own`, or of no pattern, must not begin so that no other pattern speaks of them. Where a pattern
    asks for more than a beginning, names that it speaks of may be written as well: they are checked after."""
    found = []
    for pattern, layer in patterns.items():
        if pattern == own:
            continue
        begins = _PREFIX.fullmatch(pattern)
        if begins is not None:
            prefix = re.sub(r"\\(.)", r"\1", begins[1])
            mine = _PREFIX.fullmatch(own) if own is not None else None
            found += [] if mine is not None and re.sub(r"\\(.)", r"\1", mine[1]).startswith(prefix) else [prefix]
            if mine is None or not mine[1].startswith(begins[1]):
                continue
        writer.notes.loosen(
            layer.at("patternProperties", pattern),
            "may speak of a name that other keywords speak of",
        )
    return found
