"""Manifest: what a folder of results was made with, so that it is only ever continued by the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError

FILENAME = "manifest.json"
_SPOKEN = {
    "app": "the app",
    "model": "the model",
    "identity": "the model's weights",
    "contracts": "the contracts",
    "prompts": "the prompts",
    "index": "the index",
    "seed": "the seed",
}


@dataclass(frozen=True)
class Manifest:
    """`today` is an ISO date, fixed by the first run; `contracts` maps names to hashes."""

    app: str
    model: str
    identity: str
    contracts: Mapping[str, str]
    prompts: str
    index: str | None
    seed: int
    today: str
    interlock: str = ""

    def settle(self, folder: Path, today: date | None) -> Manifest:
        """The manifest that holds in `folder`: written if it is new there, else the one it was made with.

        UsageError, with nothing changed, if the folder was made with anything else or for another day.
        """
        path = folder / FILENAME
        if not path.exists():
            fresh = replace(self, interlock=_version())
            unfinished = path.with_suffix(".tmp")
            unfinished.write_text(json.dumps(asdict(fresh), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            unfinished.replace(path)
            return fresh
        earlier = _read(path)
        for name, spoken in _SPOKEN.items():
            was, now = getattr(earlier, name), getattr(self, name)
            if was != now:
                told = "" if isinstance(now, Mapping) else f" (it was {was}, now it is {now})"
                raise UsageError(
                    f"{folder} was made with other values of {spoken}{told}: use a new folder, or the same as before."
                )
        if today is not None and today.isoformat() != earlier.today:
            raise UsageError(f"{folder} was made for {earlier.today}, not for {today}: use a new folder.")
        return earlier


def _read(path: Path) -> Manifest:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        manifest = Manifest(**values)
        date.fromisoformat(manifest.today)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path} cannot be read as a manifest ({error}): use a new folder.") from error
    return manifest


def _version() -> str:
    try:
        return version("interlock")
    except PackageNotFoundError:
        return ""
