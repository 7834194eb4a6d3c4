"""Collection: a document that has schemas and is none: what describes an API, or nothing but definitions."""

from __future__ import annotations

from typing import Any

from models.schema.vocabulary import ENFORCED

_APIS = {"openapi": "#/components/schemas", "swagger": "#/definitions", "asyncapi": "#/components/schemas"}
"""What the description of an API says its version under, and where it has its schemas."""


def describes_api(document: dict[str, Any]) -> bool:
    """Whether `document` is one of OpenAPI, Swagger or AsyncAPI."""
    return not document.keys() & ENFORCED and any(isinstance(document.get(name), str) for name in _APIS)


def collected(document: dict[str, Any]) -> dict[str, Any] | None:
    """The schemas of a collection by references to them, each as a schema of its own: the reference, and beside it what
    that may lead to. None where `document` is no collection."""
    if describes_api(document):
        place = next(place for name, place in _APIS.items() if isinstance(document.get(name), str))
        beside = {place.split("/")[1]: document.get(place.split("/")[1])}
    elif not document.keys() & ENFORCED and (kept := {"definitions", "$defs"} & document.keys()):
        place, beside = f"#/{min(kept)}", document
    else:
        return None
    found: Any = document
    for key in place.split("/")[1:]:
        found = found.get(key) if isinstance(found, dict) else None
    names = found if isinstance(found, dict) else ()
    references = [f"{place}/{name.replace('~', '~0').replace('/', '~1').replace('%', '%25')}" for name in names]
    # Before 2019-09 a schema with a $ref of its own has no $id, from which other references may start.
    return {reference: {**beside, "allOf": [{"$ref": reference}]} for reference in references}
