"""Continuous batching: a request joins those that are being decoded at their next step, and leaves at its own end.

Tokens that a grammar forces share the forward pass of the one before them (jump-forward). Long prompts are read a piece
at a time between the steps of the others. The tokens themselves are drawn by models/engines/sampler.py.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import torch

from models.engines.sampler import Row, Sampler
from models.engines.shared_cache import Reading, SharedCache

ROWS = 8
"""Requests decoded together at most: beyond this a step takes so much longer that those in it lose more than others
gain."""

MORE = 2
"""Requests beside these that need not wait for the end of one which goes behind them (models/engines/waiting.py)."""

PIECE = 256
"""Tokens of prompts that are read between two steps: as long as they take, the others wait."""


def decode(model: Any, sampler: Sampler) -> None:
    """Decode the rows of `sampler`, and those that arrive there meanwhile, to their ends."""
    shared = SharedCache(model)
    reading = deque[tuple[Row, Reading]]()
    arrived, sampler.rows = sampler.rows, []
    before: Reading | None = None
    while True:
        if arrived:
            reading += [(row, Reading(model, row.prompt + row.tokens)) for row in arrived]
            reading = deque(sorted(reading, key=lambda one: one[0].behind))
        logits = [shared.step(*sampler.ahead(model.device))] if sampler.rows else []
        read = _read(reading, sampler, before)
        before = read[-1][1] if read else before
        shared.join([prompt for _, prompt in read])
        sampler.rows += [row for row, _ in read]
        logits += [prompt.logits for _, prompt in read if prompt.logits is not None]
        if logits:
            together = torch.cat(logits)
            sampler(torch.zeros((len(together), 1), dtype=torch.long, device=together.device), together)
            shared.keep(sampler.drop_finished())
        under_way = [*sampler.rows, *(row for row, _ in reading)]
        behind = sum(row.behind for row in under_way)
        arrived = sampler.arrivals(ROWS - len(under_way), min(MORE, behind))
        if not (sampler.rows or reading or arrived):
            return


def _read(reading: deque[tuple[Row, Reading]], sampler: Sampler, before: Reading | None) -> list[tuple[Row, Reading]]:
    """Read on in the prompts, first come, first read, and take out those that are read to their end. What a prompt
    begins with as the one `before` it does is not read again."""
    read, left = list[tuple[Row, Reading]](), PIECE
    while reading and left > 0:
        row, prompt = reading[0]
        if row.abandoned:
            row.finish_reason = "length"
            sampler.ended(row)
            reading.popleft()
            continue
        prompt.begin(before)
        left -= prompt.go_on(left)
        if prompt.logits is not None:
            read.append(reading.popleft())
            before = prompt
    return read
