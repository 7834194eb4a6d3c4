"""Holds one conversation with the shop in processes that are killed: `python talk.py OUT`, forked from here.

One folder for each commit of the journal, in which the process is killed right after that commit, and another one goes
on; prints how many folders. Whoever listens notes in `seen` each event before taking the next.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from datetime import date
from itertools import count
from pathlib import Path

import pipeline.journal.journal
import pipeline.journal.writer
from pipeline import Dialogues, Journal, Pipeline, load_app

APP, OUT = load_app(str(Path(__file__).with_name("shop.py"))), Path(sys.argv[1])
SAID = ["tell me which", "chair", "get me a human"]


async def talk(out: Path) -> None:
    out.mkdir(exist_ok=True)
    async with Journal.open(out / "journal.sqlite") as journal:
        served = Dialogues(await Pipeline.open(APP, journal, out, date(2026, 11, 22)), journal)
        await journal.begin_run({})
        await served.resume()
        known = journal.read("SELECT id FROM conversations")
        conversation = known[0][0] if known else await served.open("me")
        with (out / "seen").open("a") as seen:
            for number, text in enumerate(SAID):
                async for event in served.handle(conversation, text, key=str(number)):
                    print(json.dumps(event.row()), file=seen, flush=True)
        journal.end_run()


def born(out: Path, die_after: int | None) -> bool:
    """Talk in a process of its own; whether it was killed."""
    pid = os.fork()
    if pid:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code <= 0, code
        return code < 0
    try:
        if die_after is not None:
            mortal(die_after)
        asyncio.run(talk(out))
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def mortal(number: int) -> None:
    class Mortal(pipeline.journal.writer.JournalWriter):
        done = 0

        def _commit(self, batch: object) -> None:
            super()._commit(batch)  # type: ignore[arg-type]
            self.done += 1
            if self.done == number:
                os.kill(os.getpid(), signal.SIGKILL)

    pipeline.journal.journal.JournalWriter = Mortal  # type: ignore[misc]


if __name__ == "__main__":
    pipeline.journal.writer.GROUP = 1  # every write is a commit of its own
    for number in count(1):
        if not born(OUT / str(number), number):
            break
        assert not born(OUT / str(number), None)
    print(number)
