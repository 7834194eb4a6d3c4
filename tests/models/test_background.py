"""The background stands back while people wait, and goes on all the same."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from models.background import AT_ONCE, Background, Share, background, in_thread
from models.offload import INLINE, offload


def test_a_share_is_earned_and_not_saved_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now, share = 0.0, Share()
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    assert share.left(False) == 0.0
    share.took(1.0, 0.1)
    assert share.left(True) == pytest.approx(9.0)
    now = 4.0
    assert share.left(True) == pytest.approx(5.0)
    assert share.left(False) == 0.0
    assert share.left(True) == pytest.approx(9.0)  # a person who comes does not wait for what was earned before
    now = 100.0
    assert share.left(True) == 0.0
    share.took(1.0, 0.5)
    assert share.left(True) == pytest.approx(1.0)


async def test_the_background_waits_for_people_and_few_of_it_are_at_work_at_once() -> None:
    resting, most, now = asyncio.Event(), 0, 0
    lock, all_there = threading.Lock(), threading.Barrier(AT_ONCE)

    def work() -> bool:
        return background() is not None

    def together() -> bool:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        all_there.wait(60)  # for as many as may be at work at once
        with lock:
            now -= 1
        return work()

    resting.set()
    behind = Background(resting, 1e-6)
    with behind.work():
        assert all(await asyncio.gather(*(in_thread(together) for _ in range(3 * AT_ONCE))))
        assert most == AT_ONCE
        resting.clear()
        waiting = [asyncio.create_task(in_thread(work)), asyncio.create_task(offload(work, INLINE + 1))]
    assert not await in_thread(work)  # a person's own
    assert not any(task.done() for task in waiting)
    resting.set()
    assert all(await asyncio.gather(*waiting))  # and they know it in whichever thread they are


async def test_the_background_goes_on_where_people_never_rest() -> None:
    with Background(asyncio.Event(), 0.5).work():
        began = time.perf_counter()
        for _ in range(4):
            await in_thread(time.sleep, 0.02)
        assert time.perf_counter() - began > 7 * 0.02
