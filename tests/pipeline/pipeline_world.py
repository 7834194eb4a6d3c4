"""What the tests of the pipeline share by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from pipeline import Run

TODAY = date(2026, 11, 22)
Passing = Callable[..., Run]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_requests(path: Path, texts: dict[str, str]) -> Path:
    path.write_text("".join(json.dumps({"custom_id": id, "text": text}) + "\n" for id, text in texts.items()))
    return path
