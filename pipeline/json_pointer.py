"""JSON pointers (RFC 6901). Knows no schema."""

from __future__ import annotations

from typing import Any


def pointed(root: Any, pointer: str) -> Any:
    """What a pointer leads to from `root`. LookupError where there is nothing, or it is none, as an anchor."""
    if pointer and not pointer.startswith("/"):
        raise LookupError(pointer)
    found = root
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (TypeError, ValueError):
            raise LookupError(pointer) from None
    return found
