"""RunKind: what the runs of one kind are served with, and what is made of their folders. Knows no queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.app import App
from pipeline.batch.requests import Read, Requests
from pipeline.runtime.equipment import Equipment
from pipeline.runtime.launch import Launch

Note = Mapping[str, Any]
"""What is noted of a run: see run_notes.py."""


@dataclass(frozen=True)
class RunKind:
    """`reads`: how the lines of a run's requests become records. `ended`: called in a thread when a run will not go
    on, with its note, its requests and its folder of results; what it returns is noted of the run. None: nothing is
    made.
    """

    app: App
    equipment: Equipment
    launch: Launch
    reads: Callable[[Note], Read]
    ended: Callable[[Note, Requests, Path], Mapping[str, Any]] | None = None
