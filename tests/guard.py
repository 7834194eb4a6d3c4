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
    """The processes that were started with `mark` in their environment, in whatever session they are by now."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it ended while we looked, or is somebody else's
            if mark.encode() in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
    return found


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
