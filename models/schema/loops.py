"""Loops: schemas that lead back to themselves without a property or an item in between, which say nothing at all."""

from __future__ import annotations

from models.schema.document import Document, Schema
from models.schema.refusal import SchemaRefused, step
from models.schema.vocabulary import IN_PLACE, MANY, ONE


def refuse_loops(document: Document) -> None:
    """SchemaRefused for the first schema that refers to itself in place: a validator would never end."""
    around: set[int] = set()
    done: set[int] = set()

    def follow(schema: Schema, path: str) -> None:
        if isinstance(schema, bool) or id(schema) in done:
            return
        if id(schema) in around:
            raise SchemaRefused(
                path, "refers to itself without a property or an item in between.",
                "Put the reference below properties or items.",
            )  # fmt: skip
        around.add(id(schema))
        for keyword, value in schema.items():
            at = step(path, keyword)
            if keyword == "$ref":
                follow(document.targets[value].schema, at)
            elif keyword in IN_PLACE & ONE:
                follow(value, at)
            elif keyword in IN_PLACE & MANY:
                for number, part in enumerate(value):
                    follow(part, step(at, number))
            elif keyword == "dependentSchemas":
                for name, part in value.items():
                    follow(part, step(at, name))
        around.remove(id(schema))
        done.add(id(schema))

    for target in document.targets.values():  # each loop leads through a reference
        follow(target.schema, target.path)
