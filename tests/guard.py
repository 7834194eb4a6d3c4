"""Guard: ends every process of a test run once the run itself is gone, whatever killed it.

Started as a script, `guard.py MARK`, with its standard input a pipe that only the run can write to. When that pipe
ends, every process whose environment holds MARK is killed, until none is left. Linux; standard library only.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path


def marked(mark: str) -> list[int]:
    """The processes that were started with `mark` in their environment, and all below them.

    Below them, for some write their title over their environment, as vLLM's engine does.
    """
    found, parents = set(), {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended while we looked, or is somebody else's
            parents[int(process.name)] = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                found.add(int(process.name))
    while below := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= below
    return sorted(found)


def main(mark: str) -> None:
    """Wait for the end of standard input, then kill."""
    while os.read(0, 1024):
        pass
    while found := marked(mark):  # again: one may have been born in between
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # it goes after the run, never before it
        signal.signal(number, signal.SIG_IGN)
    main(sys.argv[1])
