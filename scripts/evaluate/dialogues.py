"""Dialogues: a file of SGD turns with the schema beside it, as --data and --sgd of `evaluate` name it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.training import sgd
from pipeline.errors import UsageError


@dataclass(frozen=True)
class Dialogues:
    """`turns`: the user's, one a row; `slots`: what may be said, by service; `needs`: (service, intent) to its required
    slots.
    """

    turns: Sequence[dict[str, Any]]
    slots: sgd.Schema
    needs: Mapping[tuple[str, str], Sequence[str]]


FORM = {"service", "history", "user", "slots"}
"""What filling a form from a turn needs of it."""
WHOLE = FORM | {"dialogue", "intent"}


def read_dialogues(data: Path, needed: Set[str] = WHOLE) -> Dialogues:
    """Read travel_dev.jsonl with the schema_dev.json beside it. UsageError for another form, or without a name `needed`
    of each turn; the schema's intents may be missing where that of a turn is not needed.
    """
    schema = data.with_name("schema_" + data.stem.rsplit("_", 1)[-1] + ".json")
    for file in (data, schema):
        if not file.is_file():
            raise UsageError(f"There is no {file}: give a file of dialogues (models/tiny/README.md says which).")
    try:
        turns = sgd.read_turns(data)
        if not turns or not all(turn.keys() >= needed for turn in turns):
            raise ValueError(f"there has to be a row, and each has {', '.join(sorted(needed))}")
        needs = {
            (service["service_name"], intent["name"]): intent["required_slots"]
            for service in json.loads(schema.read_text(encoding="utf-8"))
            for intent in (service["intents"] if "intent" in needed else service.get("intents", ()))
        }
        return Dialogues(turns, sgd.read_schema(schema), needs)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{data} with {schema.name} is no file of SGD turns ({error}): models/tiny/README.md says what it holds."
        ) from None
