"""Extras: properties whose names a schema does not spell out, as a pair of name and value.

Knows patternProperties, additionalProperties and propertyNames. A name that comes twice counts once, and its last
value is the one that is read.
"""

from __future__ import annotations

from models.grammar.fragments.builder import NoText
from models.grammar.fragments.fragment import Fragment, either, sequence
from models.schema.clause import Clause
from models.schema.document import Located
from models.schema.strings import matching, opposite
from models.schema.values import Values


def extras(clause: Clause, declared: list[str], writer: Values, needed: bool) -> Fragment | None:
    """One undeclared property; None where there is none to write. `needed`: there must be one.

    Where nothing forbids further properties, none are written, unless they are needed or nothing is declared at all.
    """
    patterns = {pattern: layer for found, layer in clause.said("patternProperties") for pattern in found}
    rules = {p: matching(p, layer.at("patternProperties", p)) for p, layer in patterns.items()}
    asked = any(isinstance(value, dict) for value, _ in clause.said("additionalProperties"))
    closed = any(value is False for value, _ in clause.said("additionalProperties"))
    pairs = []
    for pattern in patterns:
        others = [opposite(rule) for name, rule in rules.items() if name != pattern]
        parts: list[Located] = []
        for layer in clause.layers:
            if pattern in layer.keywords.get("patternProperties", {}):
                parts.append(layer.child("patternProperties", pattern))
            elif "additionalProperties" in layer.keywords:
                parts.append(layer.child("additionalProperties"))
        pairs.append((tuple(parts), [rules[pattern], *others]))
    if asked or ((needed or not (declared or patterns)) and not closed):
        parts = [layer.child("additionalProperties") for _, layer in clause.said("additionalProperties")]
        pairs.append((tuple(parts), [opposite(rule) for rule in rules.values()]))
    names = tuple(layer.child("propertyNames") for _, layer in clause.said("propertyNames"))
    at = clause.where("patternProperties", "additionalProperties", "propertyNames")
    found = []
    for held, matched in pairs:
        try:
            name = writer.name(names, matched, declared, at)
            found.append(writer.builder.rule("pair", sequence([name, writer.builder.colon, writer.value(held)])))
        except NoText:
            continue
    return writer.builder.rule("pair", either(found)) if found else None
