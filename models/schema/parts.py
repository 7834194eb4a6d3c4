"""Parts: which schemas hold for one property, or one item, of a value for which a clause holds."""

from __future__ import annotations

from models.schema.clause import Clause, Layer
from models.schema.document import Document, Located
from models.schema.oracle import oracle
from models.schema.pattern import occurs


def property_parts(clause: Clause, name: str, document: Document) -> tuple[Located, ...]:
    """What holds for the value under `name`; a schema `false` where the name itself may not be."""
    found: list[Located] = []
    for layer in clause.layers:
        found += _named(layer, name)
        names = layer.keywords.get("propertyNames")
        if names is not None and not oracle(document, names).is_valid(name):
            found.append(Located(False, layer.at("propertyNames")))
    return tuple(found)


def _named(layer: Layer, name: str) -> list[Located]:
    found = [layer.child("properties", name)] if name in layer.keywords.get("properties", {}) else []
    for pattern in layer.keywords.get("patternProperties", {}):
        if occurs(pattern, name):
            found.append(layer.child("patternProperties", pattern))
    if not found and "additionalProperties" in layer.keywords:
        found.append(layer.child("additionalProperties"))
    return found


def item_parts(clause: Clause, index: int) -> tuple[Located, ...]:
    """What holds for the item at `index`, contains aside."""
    found = []
    for layer in clause.layers:
        if index < len(layer.keywords.get("prefixItems", ())):
            found.append(layer.child("prefixItems", index))
        elif "items" in layer.keywords:
            found.append(layer.child("items"))
    return tuple(found)


def prefix_length(clause: Clause) -> int:
    """From which index on all items are alike."""
    return max((len(layer.keywords.get("prefixItems", ())) for layer in clause.layers), default=0)
