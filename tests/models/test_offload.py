"""Offload: what grows with a text is done beside the loop, what does not at once."""

from __future__ import annotations

import threading

from models.offload import INLINE, offload


async def test_work_about_a_long_text_leaves_the_loop_free() -> None:
    here = threading.get_ident()
    assert await offload(threading.get_ident, INLINE) == here
    assert await offload(threading.get_ident, INLINE + 1) != here
