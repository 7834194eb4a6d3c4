"""Contracts made of JSON Schemas: every keyword is enforced, tightened by declared bounds, or refused with its path."""

from models.schema.bounds import Bounds
from models.schema.json_value import JsonValue
from models.schema.refusal import SchemaRefused

__all__ = ["Bounds", "JsonValue", "SchemaRefused"]
