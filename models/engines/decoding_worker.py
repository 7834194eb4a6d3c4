"""DecodingWorker: the one thread in which an engine of this process decodes, and the requests that go through it.

Knows who is decoded when, and what becomes of whoever waits when decoding fails or ends; the rows' own state is
sampler.py's, and what a request is made of is embedded.py's.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import torch
from outlines import Generator

from models.background import Share
from models.engines.continuous_batching import ROWS
from models.engines.precision import SMALL
from models.engines.sampler import Row, Sampler
from models.engines.shared_cache import can_share
from models.engines.token_transformers import TokenTransformers
from models.engines.waiting import Entry, Waiting
from models.errors import EngineError, EngineUnavailable
from models.threads import decoding_threads


def _set_threads(threads: int | None) -> None:
    if threads is not None:
        torch.set_num_threads(threads)  # of this thread only


class DecodingWorker:
    """Of one model, which `name` stands for in errors; `mend` is their advice where decoding itself fails.

    A request joins those that are decoded at their next step, at most `ROWS` together. What is of the background
    (models/background.py) is decoded apart, and stands still while people wait, but for its share. A model with a
    sliding window (`jumps` is false) decodes those that wait when it is free, to the last one's end: people's, or the
    background's.
    """

    def __init__(self, model: TokenTransformers, name: str, mend: str) -> None:
        self._model = model
        self._name = name
        self._mend = mend
        self._end = int(model.hf_tokenizer.eos_token_id)
        self.jumps = can_share(model.model)
        small = sum(parameter.numel() for parameter in model.model.parameters()) < SMALL
        self._thread = ThreadPoolExecutor(
            1, "embedded-engine", initializer=_set_threads, initargs=(decoding_threads(small),)
        )
        self._waiting = Waiting()
        self._share = Share()
        self._decoding: dict[int, Entry] = {}
        self._drain: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def decoded(self) -> int:
        """How many requests are being decoded now."""
        return len(self._decoding)

    async def decode(self, row: Row) -> None:
        """Bring a row to its end. EngineUnavailable if that is closed before, EngineError where decoding fails.

        A caller that is cancelled leaves; the row ends at its next token.
        """
        if self._closed:
            raise EngineUnavailable(f"{self._name} is closed.", "Open the engine again.")
        done: asyncio.Future[Row] = asyncio.get_running_loop().create_future()
        self._waiting.put(row, done)
        if self._drain is None:
            self._drain = asyncio.create_task(self._decode_all())
        try:
            await done
        except asyncio.CancelledError:
            row.abandoned = True
            raise

    async def close(self) -> None:
        """End the thread. What is being decoded stops at its next token."""
        self._closed = True
        for row, _ in [*self._decoding.values()]:
            row.abandoned = True
        for entry in self._waiting.all():
            if not entry[1].done():
                entry[1].set_exception(self._gone())
        if self._drain is not None:
            await asyncio.wait([self._drain])
        self._thread.shutdown()

    def _gone(self) -> EngineUnavailable:
        return EngineUnavailable(f"{self._name} was closed before it answered.", "Open the engine again.")

    def _fault(self, error: Exception) -> EngineError:
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        room = "Use a smaller model, or free memory."
        return EngineError(
            f"{self._name} failed while decoding: {type(error).__name__}: {reason}.",
            room if isinstance(error, (MemoryError, torch.OutOfMemoryError)) else self._mend,
        )

    async def _decode_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                try:
                    await loop.run_in_executor(self._thread, self._decode, loop)
                except Exception as error:  # a fault must reach those that it met, not end the engine
                    fault = self._fault(error)
                    fault.__cause__ = error
                    for _, done in self._taken():
                        if not done.done():
                            done.set_exception(fault)
        finally:
            for row, done in [*self._taken(), *self._waiting.all()]:
                row.abandoned = True  # only matters when this task is cancelled: the worker must not go on for nobody
                if not done.done():
                    done.cancel()
            self._drain = None

    def _taken(self) -> list[Entry]:
        """Those that are being decoded, who are nobody's from now on."""
        taken = [*self._decoding.values()]
        self._decoding.clear()
        return taken

    def _answer(self, row: Row) -> None:
        _, done = self._decoding.pop(id(row), (row, None))
        if done is None or done.done():
            return
        if row.abandoned:
            done.set_exception(self._gone())
        else:
            done.set_result(row)

    # The rest runs in the worker thread.

    def _decode(self, loop: asyncio.AbstractEventLoop) -> None:
        def left(row: Row) -> None:
            loop.call_soon_threadsafe(self._answer, row)

        def arrivals(room: int, last: bool) -> list[Row]:
            arrived = list[Row]()
            while len(arrived) < room and (row := self._next(last)) is not None:
                if self.jumps:
                    row.jump()
                if row.finish_reason is None:
                    arrived.append(row)
                else:  # what the grammar says alone needs no model
                    row.ended = time.perf_counter()
                    left(row)
            return arrived

        due = not self.jumps and self._share.left(self._waiting.crowded) <= 0
        rows = arrivals(ROWS, due) or arrivals(ROWS, not due)
        if not rows:
            return
        began = time.perf_counter()
        sampler = Sampler(rows, self._end, self.jumps, arrivals, left, self._waiting.wait)
        Generator(self._model, processor=sampler).batch([row.prompt + row.tokens for row in rows])
        if not self.jumps:  # then all of them end together
            for row in rows:
                row.finish_reason = row.finish_reason or "length"
                sampler.ended(row)
            if (work := rows[0].background) is not None:
                self._share.took(time.perf_counter() - began, work.part)

    def _next(self, last: bool) -> Row | None:
        """The next request that waits and whose caller has not given up; with `last`, of the background."""
        while (entry := self._waiting.take(last)) is not None:
            row, done = entry
            if done.done():
                continue
            row.began = row.ended = time.perf_counter()
            self._decoding[id(row)] = (row, done)
            row.abandoned |= self._closed
            return row
        return None
