"""Loops: schemas that lead back to themselves without a property or an item in between, which say nothing at all."""

from __future__ import annotations

from collections.abc import Iterator

from models.schema.document import Document, Located
from models.schema.refusal import SchemaRefused, step
from models.schema.vocabulary import MANY, NAMED, ONE

_IN_PLACE = frozenset(("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"))


def refuse_loops(document: Document) -> None:
    """SchemaRefused for the first schema that refers to itself in place: a validator would never end."""
    done: set[int] = set()
    for start in [document.root, *document.targets.values()]:
        trail: list[tuple[int, Iterator[Located]]] = [(id(start.schema), _next(start, document))]
        open_ = {id(start.schema)}
        while trail:
            here, rest = trail[-1]
            part = next(rest, None)
            if part is None:
                trail.pop()
                open_.discard(here)
                done.add(here)
            elif id(part.schema) in open_:
                raise SchemaRefused(
                    part.path,
                    "refers to itself without a property or an item in between.",
                    "Put the reference below properties or items.",
                )
            elif isinstance(part.schema, dict) and id(part.schema) not in done:
                trail.append((id(part.schema), _next(part, document)))
                open_.add(id(part.schema))


def _next(located: Located, document: Document) -> Iterator[Located]:
    """The schemas that speak of the same value."""
    schema, path = located.schema, located.path
    if isinstance(schema, bool):
        return
    if "$ref" in schema:
        yield Located(document.targets[schema["$ref"]].schema, step(path, "$ref"))
    for keyword in _IN_PLACE & schema.keys():
        value = schema[keyword]
        if keyword in ONE:
            yield Located(value, step(path, keyword))
        elif keyword in MANY:
            yield from (Located(part, step(path, keyword, number)) for number, part in enumerate(value))
        elif keyword in NAMED:
            yield from (Located(part, step(path, keyword, name)) for name, part in value.items())
