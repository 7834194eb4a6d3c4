"""Which tests run in one process, where pytest-xdist has several: those that share what is expensive to start.

Knows the groups and their order. A group is dealt out whole; without `-n` there is one process, and no group.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

FOLDER = Path(__file__).parent
SHARED = {"vllm": r"\b(vllm_url|jump_server|smollm2_server)\b", "ray": r'importorskip\("ray"\)'}
"""What a file says that needs these servers, or a cluster: two at once would want twice the memory."""
FIRST = [
    "vllm",
    "scripts/test_run_command.py",
    "models/engines/on_vllm/test_server.py",
    "ray",
    "web",
    "test_requirements.py",
]
"""What takes longest begins first: the end is then short files, dealt out evenly."""


@cache
def group(file: Path) -> str:
    """The tests of the page have a browser in common, some a server; all others what their own file sets up."""
    name = file.relative_to(FOLDER)
    text = file.read_text(encoding="utf-8")
    shared = (group for group, needs in SHARED.items() if re.search(needs, text))
    return "web" if name.parts[0] == "web" else next(shared, name.as_posix())


def place(item: pytest.Item) -> int:
    """For sorting: the groups of FIRST, then all others."""
    name = group(item.path)
    return FIRST.index(name) if name in FIRST else len(FIRST)


class Sharing(LoadScopeScheduling):
    """Deals out groups, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return group(self.config.rootpath / nodeid.partition("::")[0])
