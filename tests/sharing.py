"""Which tests share what is expensive to start, and therefore run in one process, where pytest-xdist has several.

Knows the groups and their order; `pytest -n 2 --dist loadgroup --no-loadscope-reorder` deals them out as they come.
"""

from __future__ import annotations

from pathlib import Path

import pytest

SERVERS = {"vllm_url", "jump_server"}
ROOT = Path(__file__).parent


def group(item: pytest.Item) -> str:
    """The tests of vLLM have its servers in common, those of the page a browser, all others what their file sets up."""
    if SERVERS & set(getattr(item, "fixturenames", ())):
        return "vllm"
    file = item.path.relative_to(ROOT)
    return "web" if file.parts[0] == "web" else file.as_posix()


def share(items: list[pytest.Item]) -> None:
    """Give each test its group, and put first what takes longest: the end is then short files, dealt out evenly."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    items.sort(key=lambda item: FIRST.index(group(item)) if group(item) in FIRST else len(FIRST))


FIRST: list[str] = ["vllm", "web"]
