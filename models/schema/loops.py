"""Loops: schemas that lead back to themselves without a property or an item in between, which say nothing at all."""

from __future__ import annotations

from collections.abc import Iterator

from models.schema.document import Document, Located
from models.schema.refusal import SchemaRefused, step
from models.schema.vocabulary import IN_PLACE, MANY, ONE


def refuse_loops(document: Document) -> None:
    """SchemaRefused for the first schema that refers to itself in place: a validator would never end."""
    around: set[int] = set()
    done: set[int] = set()

    def follow(located: Located) -> None:
        here = id(located.schema)
        if here in around:
            raise SchemaRefused(
                located.path,
                "refers to itself without a property or an item in between.",
                "Put the reference below properties or items.",
            )
        if here in done or isinstance(located.schema, bool):
            return
        around.add(here)
        for part in _in_place(located, document):
            follow(part)
        around.remove(here)
        done.add(here)

    for target in document.targets.values():  # each loop leads through a reference
        follow(target)


def _in_place(located: Located, document: Document) -> Iterator[Located]:
    """The schemas that speak of the same value."""
    schema, path = located.schema, located.path
    assert isinstance(schema, dict)
    for keyword in IN_PLACE & schema.keys():
        value, at = schema[keyword], step(path, keyword)
        if keyword == "$ref":
            yield Located(document.targets[value].schema, at)
        elif keyword in ONE:
            yield Located(value, at)
        elif keyword in MANY:
            yield from (Located(part, step(at, number)) for number, part in enumerate(value))
        elif keyword == "dependentSchemas":
            yield from (Located(part, step(at, name)) for name, part in value.items())
