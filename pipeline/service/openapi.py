"""OpenAPI: the service's description, with the app's contracts and the events among its schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from models.contract import Contract

REFERENCE = "#/components/schemas/{model}"
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "hint"],
            "properties": {
                **{name: {"type": "string"} for name in ("code", "message", "hint")},
                "type": {"type": "string", "description": "Below /v1 only, as OpenAI has it."},
                "param": {"type": ["string", "null"], "description": "Below /v1 only: the option that it is about."},
            },
        }
    },
}
_STATUSES = {
    "400": "The request cannot be read.",
    "401": "A token is needed.",
    "403": "Only an operator may do this.",
    "404": "There is no such thing.",
    "409": "Not now, or not any more.",
    "413": "The body is too large.",
    "422": "The request does not fit.",
    "429": "Too much at once: see Retry-After.",
    "503": "This cannot be answered now.",
    "504": "Still being worked on.",
}


def describe(app: FastAPI, contracts: Mapping[str, type[Contract]]) -> dict[str, Any]:
    """The document; a contract's private fields are no part of it. Made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas |= contract_schemas(contracts) | {"Error": ERROR}
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{}, {"token": []}]
        told = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"] |= {
                    status: {"description": text, "content": told}
                    for status, text in _STATUSES.items()
                    if status == "422" or status not in operation["responses"]
                }
        app.openapi_schema = document
    return app.openapi_schema


def contract_schemas(contracts: Mapping[str, type[Contract]]) -> dict[str, Any]:
    """The schema of each contract's public part by the contract's name, and of what they are made of."""
    models: list[tuple[type[BaseModel], Any]] = [(contract, "serialization") for contract in contracts.values()]
    _, made = models_json_schema(models, ref_template=REFERENCE)
    schemas: dict[str, Any] = made.get("$defs", {})
    for name, contract in contracts.items():
        schema = schemas.get(name, {})
        for private in contract.private_fields():
            schema.get("properties", {}).pop(private, None)
            if private in schema.get("required", ()):
                schema["required"].remove(private)
    return schemas
