"""Contracts made of JSON Schemas: every keyword is enforced, tightened by declared bounds, or refused with its path."""

from models.schema.bounds import Bounds
from models.schema.json_contract import JsonContract
from models.schema.refusal import SchemaRefused

__all__ = ["Bounds", "JsonContract", "SchemaRefused"]
