"""Large: answers of which the JSON takes long to write: made in a thread, one entry of a list after the other, so that
the interpreter's lock changes hands between them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import Response

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=list).encode


def large(body: Mapping[str, Any]) -> Response:
    """A JSON object as an answer. For a thread."""
    written = (f"{_json(name)}:{_listed(value)}" for name, value in body.items())
    return Response(f"{{{','.join(written)}}}".encode(), media_type="application/json")


def _listed(value: object) -> str:
    return f"[{','.join(map(_json, value))}]" if isinstance(value, list) else _json(value)
