"""Dataset: labelled messages in a JSON Lines file, {"text": …, "intent": …}. Knows what is wrong with a line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from models.errors import reason_of
from pipeline.errors import UsageError
from pipeline.intents import AMBIGUOUS, OUT_OF_SCOPE

MEANT = frozenset({"oos", "outofscope", "outscope"})
"""How other data sets write `out_of_scope`, letters only: an intent of that name would be one like all others."""


@dataclass(frozen=True)
class Row:
    """One message and the intent it is for; "out_of_scope" is one."""

    text: str
    intent: str


def read_rows(path: Path) -> list[Row]:
    """Every row of a file; blank lines do not count. UsageError for the first line that is no row, or without rows."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({reason_of(error)}): check the path.") from None
    rows = [_row(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise UsageError(f'{path} has no rows: write one {{"text": …, "intent": …}} a line.')
    return rows


def _row(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError:
        raise UsageError(f"{where} is not JSON: write one object a line.") from None
    except RecursionError:
        raise UsageError(f"{where} is nested too deeply: write one flat object a line.") from None
    text, intent = (row.get("text"), row.get("intent")) if isinstance(row, dict) else (None, None)
    if not isinstance(text, str) or not isinstance(intent, str) or not intent:
        raise UsageError(f'{where} is no labelled message: it needs "text" and "intent", both text.')
    if not text.strip():
        raise UsageError(f"{where} has an empty text, which is for no intent: leave the line out.")
    if intent != OUT_OF_SCOPE and "".join(filter(str.isalpha, intent.lower())) in MEANT:
        raise UsageError(f"{where} has the intent '{intent}': a message that is for none is labelled '{OUT_OF_SCOPE}'.")
    if intent == AMBIGUOUS:
        raise UsageError(f"{where} has the intent 'ambiguous', which is the gate's own word: name the intent meant.")
    return Row(text, intent)
