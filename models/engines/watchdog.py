"""Watchdog: runs one command and makes sure that nothing of it outlives whoever asked for it.

Started as a script, with its standard input a pipe that only the parent can write to. When the parent closes the pipe,
or dies in any way, SIGKILL included, the pipe ends; then the command and all its descendants are ended, first asked,
then killed. Exits with the command's status. Knows nothing of what it runs. Linux; standard library only.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

GRACE = 10.0
"""Seconds between asking and killing: an engine frees its shared memory in this time."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _die_with_parent() -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # the last resort, should the watchdog itself be killed


def descendants(root: int) -> list[int]:
    """Every process below `root`, whatever session or group it moved to."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended while we looked
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
    found = {root}
    while below := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= below
    return sorted(found - {root})


def _signal_all(number: int) -> None:
    for pid in descendants(os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _reap() -> bool:
    """Collect what has ended; True when no descendant is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def _end_all() -> None:
    _signal_all(signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while not _reap():
        if time.monotonic() > deadline:
            _signal_all(signal.SIGKILL)  # again and again: a child may have been born in between
        time.sleep(0.05)


def main(command: list[str]) -> int:
    """Run `command` until it ends or the pipe on standard input does; returns its exit status."""
    # Orphans become children of this process instead of init's, so that none is lost sight of.
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    # Asked to end, end the command first. A handler, not SIG_IGN, which the command would inherit.
    stopping, stop = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: os.write(stop, b"."))
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent)
    ended = os.pidfd_open(child.pid)
    select.select([0, ended, stopping], [], [])
    status = child.poll()
    _end_all()
    return 1 if status is None else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
