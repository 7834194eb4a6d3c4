"""The terminal: progress and tables go to stderr, so that stdout ends with one JSON object a script can read."""

from __future__ import annotations

from rich.console import Console

console = Console(stderr=True, highlight=False)
