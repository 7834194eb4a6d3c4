"""Ordering: lines of results in the order of their requests. Knows lines and ids, and nothing else of a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pipeline.files import replacing


def order_results(path: Path, ids: Iterable[str]) -> None:
    """Rewrite a file of results: the lines of these ids first, in their order, then the others as they stand.

    Holds a place in the file for each line, none of the lines. A run that goes on rewrites the file from its journal.
    """
    places: dict[str, int] = {}
    with path.open("rb") as lines, replacing(path) as ordered:
        at = 0
        for line in lines:
            places[json.loads(line)["custom_id"]] = at
            at += len(line)
        for id in ids:
            if (place := places.pop(id, None)) is not None:
                lines.seek(place)
                ordered.write(lines.readline().decode("utf-8"))
        for place in sorted(places.values()):
            lines.seek(place)
            ordered.write(lines.readline().decode("utf-8"))
