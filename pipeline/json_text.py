"""JSON text: JSON as people write it, read so that nothing of it goes unheard. Knows no record, and no schema.

Python's own reader keeps the last of two values of one name, and takes NaN for a number.
"""

from __future__ import annotations

import json
import sys
from typing import Any


class JsonFault(ValueError):
    """A text that is no JSON, or that says a thing twice. `str(error)` is the reason in one sentence."""


class NotJson(JsonFault):
    """A text that is no JSON; the sentence says where."""


def read_json(text: str, what: str, numbers: bool = False) -> Any:
    """The value of a text that its reader calls `what` ("The line"). JsonFault.

    `numbers`: NaN and the infinities, which JSON does not have but tables do, are read as well.
    """
    inside = f"{what[0].lower()}{what[1:]}"

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise JsonFault(f'"{twice[:80]}" stands twice in one object of {inside}: give it once.')
        return found

    def refused(name: str) -> None:
        raise JsonFault(f"{what} holds {name}, which no JSON has: give a number, a text or null.")

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=None if numbers else refused)
    except JsonFault:
        raise
    except json.JSONDecodeError as error:
        raise NotJson(f"{what} is not JSON ({error.msg}, at character {error.pos + 1}).") from None
    except RecursionError:
        raise JsonFault(f"{what} is nested too deeply.") from None
    except ValueError:  # Python's own limit
        raise JsonFault(f"{what} holds a number of more than {sys.get_int_max_str_digits():,} digits.") from None
