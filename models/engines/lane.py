"""Lane: rows that are decoded together in one cache, with the prompts that are read for it. It may stand still while
another lane goes on.

Knows the order within one step; does not know whose turn it is (models/engines/continuous_batching.py), nor how tokens
are drawn (models/engines/sampler.py).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import torch

from models.engines.sampler import Row, Sampler
from models.engines.shared_cache import Reading, SharedCache

PIECE = 256
"""Tokens of prompts that are read between two steps: as long as they take, the others wait."""


class Lane:
    """`sampler` draws for its rows, and hears of those that end."""

    def __init__(self, model: Any, sampler: Sampler) -> None:
        self._model = model
        self._sampler = sampler
        self._cache = SharedCache(model)
        self._reading = deque[tuple[Row, Reading]]()
        self._stood = time.perf_counter()

    @property
    def rows(self) -> list[Row]:
        """Those under way."""
        return [*self._sampler.rows, *(row for row, _ in self._reading)]

    def add(self, rows: Sequence[Row]) -> None:
        """Rows that are read from the next step on."""
        self._reading += [(row, Reading(self._model, row.prompt + row.tokens, row.tells_prompt)) for row in rows]

    def drop_abandoned(self) -> None:
        """End the rows for which nobody waits any more, without a step."""
        for row in self.rows:
            if row.abandoned:
                row.finish_reason = "length"
        if any(row.finish_reason for row in self._sampler.rows):
            self._cache.keep(self._sampler.drop_finished())
        for row, _ in [entry for entry in self._reading if entry[0].finish_reason]:
            self._sampler.ended(row)
        self._reading = deque(entry for entry in self._reading if not entry[0].finish_reason)

    def step(self, before: Reading | None) -> Reading | None:
        """A token for each row, and a piece of the prompts that are to be read. `before`: the prompt that was read last
        anywhere; the one that was now, if any."""
        self._go_on()
        sampler = self._sampler
        logits = [self._cache.step(*sampler.ahead(self._model.device))] if sampler.rows else []
        read = self._read(before)
        self._cache.join([prompt for _, prompt in read])
        sampler.rows += [row for row, _ in read]
        logits += [prompt.logits for _, prompt in read if prompt.logits is not None]
        if logits:
            together = torch.cat(logits)
            sampler(torch.zeros((len(together), 1), dtype=torch.long, device=together.device), together)
            self._cache.keep(sampler.drop_finished())
        self._stood = time.perf_counter()
        return read[-1][1] if read else before

    def _go_on(self) -> None:
        """While a lane stands others are served: that is no time of its rows' own."""
        now = time.perf_counter()
        for row in self.rows:
            row.began += now - max(self._stood, row.began)

    def _read(self, before: Reading | None) -> list[tuple[Row, Reading]]:
        """Read on in the prompts, first come, first read, and take out those that are read to their end. What a prompt
        begins with as the one `before` it does is not read again."""
        read, left = list[tuple[Row, Reading]](), PIECE
        while self._reading and left > 0:
            _, prompt = self._reading[0]
            prompt.begin(before)
            left -= prompt.go_on(left)
            if prompt.logits is not None:
                row, _ = self._reading[0]
                row.prompt_logprobs = prompt.logprobs[: len(row.prompt) - 1]
                read.append(self._reading.popleft())
                before = prompt
        return read
