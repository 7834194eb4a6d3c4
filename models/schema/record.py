"""Record: what a clause says about objects, as a fragment. Knows names, which must be there, and their number."""

from __future__ import annotations

import json

from models.grammar.fragments.builder import NoText
from models.grammar.fragments.fragment import Fragment, sequence
from models.schema.clause import Clause
from models.schema.document import Located
from models.schema.extras import extras
from models.schema.optional import some_of
from models.schema.parts import property_parts
from models.schema.refusal import Unsatisfiable
from models.schema.row import key
from models.schema.values import Values


def record(clause: Clause, writer: Values) -> Fragment:
    """An object with its declared names in order, each optional one there or not, then names that are not declared."""
    required = {name for names, _ in clause.said("required") for name in names}
    declared = _declared(clause, writer)
    pairs: list[tuple[Fragment, bool]] = []
    for name in declared:
        parts = property_parts(clause, name, writer.document)
        try:
            value = writer.value(parts)
        except NoText:
            if name in required:
                raise
            continue
        writer.note(parts[0].path if parts else clause.where("required"), value)
        written = sequence([key(name, writer.builder), value])
        pairs.append((writer.builder.rule("pair", written), name in required))
    least, most = clause.least("minProperties"), clause.most("maxProperties")
    needed = len(required)
    short = least > len(pairs)
    others = extras(clause, declared, writer, needed=short)
    room = 0 if others is None else writer.bounds.properties
    most = len(pairs) + room if most is None else most
    if most < needed or least > most or least > len(pairs) + min(room, 1):
        raise Unsatisfiable(
            clause.where("minProperties", "maxProperties", "required"),
            f"cannot be met by {len(pairs)} possible names, of which {needed} are required.",
            "List more names in properties, or change how many there must be.",
        )  # fmt: skip
    return some_of(pairs, least, most, "{}", writer.builder, others, room)


def _declared(clause: Clause, writer: Values) -> list[str]:
    """The names that are spelled out: in properties, in required, or as the only ones that propertyNames admits."""
    found = [name for properties, _ in clause.said("properties") for name in properties]
    found += [name for names, _ in clause.said("required") for name in names]
    names = tuple(layer.child("propertyNames") for _, layer in clause.said("propertyNames"))
    if names:
        text = Located({"type": "string"}, names[0].path)
        found += [json.loads(name) for name in writer.finite((text, *names)) or []]
    return list(dict.fromkeys(found))
