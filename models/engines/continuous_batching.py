"""Continuous batching: a request joins those that are being decoded at their next step, and leaves at its own end.

Tokens that a grammar forces share the forward pass of the one before them (jump-forward). Long prompts are read a piece
at a time between the steps of the others. What is of the background is decoded in a lane of its own, which stands still
while people wait, but for its share (models/background.py): a step of both together would take as long as all of the
rows in it do.
"""

from __future__ import annotations

import time
from typing import Any

from models.background import Share
from models.engines.lane import Lane
from models.engines.sampler import Sampler

ROWS = 8
"""Requests decoded together at most: beyond this a step takes so much longer that those in it lose more than others
gain."""

GLANCE = 0.01
"""Seconds between two looks at whether the last person has gone, while only the background has something to do."""


def decode(model: Any, sampler: Sampler) -> None:
    """Decode the rows of `sampler`, and those that arrive there meanwhile, to their ends."""
    people, others = Lane(model, sampler), Lane(model, sampler.beside())
    arrived, sampler.rows = sampler.rows, []
    for lane, last in ((people, False), (others, True)):
        lane.add([row for row in arrived if (row.background is not None) is last])
    share = Share()
    before = None
    while True:
        for lane, last in ((people, False), (others, True)):
            lane.drop_abandoned()
            lane.add(sampler.arrivals(ROWS - len(lane.rows), last))
        if not (people.rows or others.rows):
            return
        behind = [row.background for row in others.rows if row.background]
        crowded = bool(people.rows) or any(work.crowded for work in behind)
        left = share.left(crowded)
        if others.rows and left <= 0:
            began = time.perf_counter()
            before = others.step(before)
            share.took(time.perf_counter() - began, behind[0].part)
        elif people.rows:
            before = people.step(before)
        else:
            sampler.wait(min(left, GLANCE))
