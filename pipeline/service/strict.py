"""Strict: a JSON body in which nothing is ignored. The first field that is not known is refused by its name.

pydantic's own `extra="forbid"` words an error for each of them, and a megabyte holds sixty thousand.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

UNKNOWN = "unknown_field"
"""The type of this error; its context has the `name`."""


class Strict(BaseModel):
    """The fields that it declares, and no other."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, given: Any) -> Any:
        if isinstance(given, dict):
            for name in given:
                if name not in cls.model_fields:
                    told = {"name": str(name)[:100]}
                    raise PydanticCustomError(UNKNOWN, '"{name}" is refused: it is not known here', told)
        return given
