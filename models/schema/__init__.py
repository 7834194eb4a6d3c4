"""Contracts made of JSON Schemas: every keyword is enforced, tightened by declared bounds, or refused with its path."""

from models.schema.bounds import Bounds
from models.schema.json_value import JsonValue
from models.schema.refusal import SchemaRefused
from models.schema.schema_folder import SchemaFile, SchemaFolder

__all__ = ["Bounds", "JsonValue", "SchemaFile", "SchemaFolder", "SchemaRefused"]
