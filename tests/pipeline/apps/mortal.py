"""Runs batches in processes of their own, to be killed: `python mortal.py APP REQUESTS OUT HOW…`, forked from here.

`restart`: again until one comes to its end; prints how many that took. `moments SEED COUNT`: killed at so many random
moments on the way, early ones among them; prints how many were killed. `commits`: one folder for each commit of the
journal, in which the process is killed right after that commit, and another one goes on; prints the folders. `full
BYTES`: no file may grow beyond that at first; prints what the first process said. With `answering` at the end,
questions are answered as well, by the process that put them.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pipeline.journal.journal
import pipeline.journal.writer
from pipeline import InterlockError, Journal, Launch, load_app, read_requests, run_batch

APP, SOURCE, OUT = load_app(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
ANSWERING = "answering" in sys.argv


async def serve(out: Path) -> None:
    """All that is left in `out`, with every question answered by its last choice."""
    await run_batch(APP, read_requests(SOURCE), out, launch=Launch(concurrency=8))
    while ANSWERING:
        async with Journal.open(out / "journal.sqlite") as journal:
            waiting = list(journal.waiting())
            for question in waiting:
                await journal.answer(question.record, (question.choices or ("yes",))[-1])
        if not waiting:
            break
        await run_batch(APP, read_requests(SOURCE), out, launch=Launch(concurrency=8))


def born(out: Path, prepare: Callable[[], None] = lambda: None) -> int:
    """A new process that serves what is left in `out`."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        prepare()
        asyncio.run(serve(out))
        code = 0
    except InterlockError as error:
        print(error, flush=True)
        code = 2
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def died(pid: int) -> bool:
    """Whether a process was killed; it must have come to a good end otherwise."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code <= 0, code
    return code < 0


def restart() -> None:
    print(next(start for start in count(1) if not died(born(OUT))))


def moments(seed: int, kills: int) -> None:
    dice, results, total = random.Random(seed), OUT / "results.jsonl", len(SOURCE.read_text().splitlines())

    def finished() -> int:
        return results.read_bytes().count(b"\n") if results.exists() else 0

    killed = 0
    for left in range(kills, 0, -1):
        goal = finished() + dice.uniform(0, 1.6) * (total - finished()) / (left + 1)
        delay, early = dice.uniform(0, 0.02), dice.random() < 0.2
        pid = born(OUT)
        while not early and finished() < goal:
            time.sleep(0.002)
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
        killed += died(pid)
    died(born(OUT))
    print(killed)


def commits() -> None:
    pipeline.journal.writer.GROUP = 1  # every write is a commit of its own

    def die_after(number: int) -> None:
        class Mortal(pipeline.journal.writer.JournalWriter):
            done = 0

            def _commit(self, batch: object) -> None:
                super()._commit(batch)  # type: ignore[arg-type]
                Mortal.done += 1
                if Mortal.done == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        pipeline.journal.journal.JournalWriter = Mortal  # type: ignore[misc]

    for number in count(1):
        out = OUT / str(number)
        if not died(born(out, lambda number=number: die_after(number))):  # type: ignore[misc]
            break
        died(born(out))
    print(number)


def full(size: int) -> None:
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    pid = born(OUT, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, most)))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 2
    died(born(OUT))


if __name__ == "__main__":
    how, *numbers = [word for word in sys.argv[4:] if word != "answering"]
    {"restart": restart, "moments": moments, "commits": commits, "full": full}[how](*map(int, numbers))
