"""What takes long says how long it still takes."""

from __future__ import annotations

from pipeline.routing.headway import Headway


def test_the_time_left_is_told_by_the_work_that_is_done() -> None:
    told: list[str] = []
    now = 100.0
    headway = Headway(told.append, 10, clock=lambda: now)
    headway.step("Fitting", 4)
    now += 60
    headway.step("First part", 3)  # 4 of 10 took 60 seconds
    now += 330
    headway.step("Second part", 2)  # 7 of 10 took 390
    now += 3
    headway.step("Last part", 1)  # 9 of 10 took 393
    assert told == ["Fitting…", "First part (about 90 seconds left)…", "Second part (about 3 minutes left)…",
                    "Last part (about 40 seconds left)…"]  # fmt: skip


def test_what_is_soon_done_says_nothing_of_it() -> None:
    told: list[str] = []
    now = 0.0
    headway = Headway(told.append, 2, clock=lambda: now)
    headway.step("One")
    now += 3
    headway.step("Two")
    assert told == ["One…", "Two…"]
