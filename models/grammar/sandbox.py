"""Sandbox: a process in which a grammar is compiled before anybody else does it.

Compiling is llguidance's work. It walks through rules by recursion, so that a long enough chain of them ends its
process; a hundred expressions that have to hold at once keep it busy for hours; and where nothing but one letter may
ever follow (`/a+/ "ab"`: the longest run of a is taken, so that none is left), it writes that letter for ever. Nothing
in a process keeps that from happening to it, so it happens here.

Knows processes and their limits; what is done in one is a function that it is told by name.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from llguidance import LLMatcher

SECONDS = 4.0
"""Of a processor. A real schema takes milliseconds, the slowest of three hundred takes 0.3 s."""
ROOM = 1 << 30
"""Bytes that may be taken beyond what the process has at first."""
_WALKS, _BYTES = 12, 64
"""Random texts that are begun, and how far: some ten milliseconds."""
_ANY_LENGTH = re.compile(r"[*+]|,\s*\}")


class Sandbox:
    """One process, begun with what is tried first; for any thread, one after the other.

    `work`: the function that is called there, as "module:name"; it takes a JSON value. `seconds`: of a processor.
    """

    def __init__(self, work: str, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._work = work
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self.closed = False

    def survives(self, asked: object) -> bool:
        """Whether `work` comes to an end with `asked` in time and without harm, whatever it raises; False once this is
        closed."""
        line = json.dumps(asked).encode() + b"\n"
        with self._lock:
            if self.closed:
                return False
            if self._child is None:
                self._child = _begun(self._work, self.seconds)
            assert self._child.stdin is not None
            assert self._child.stdout is not None
            try:
                self._child.stdin.write(line)
                self._child.stdin.flush()
                survived = self._child.stdout.readline() == b"done\n"
            except OSError:
                survived = False
            if not survived:
                self._end()
            return survived

    def close(self) -> None:
        """End the process, and with it what is tried."""
        self.closed = True
        if (child := self._child) is not None:
            child.kill()
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


def _begun(work: str, seconds: float) -> subprocess.Popen[bytes]:
    line = f"from {__name__} import main; main({work!r}, {seconds}, {_stack()})"
    # A session of its own: Ctrl-C is for the process that serves, which ends it.
    return subprocess.Popen(
        [sys.executable, "-P", "-c", line],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,
    )


def _stack() -> int:
    """Half of the bytes that a thread's stack has here, so that what passes has room wherever it is compiled."""
    soft, _ = resource.getrlimit(resource.RLIMIT_STACK)
    return (2 << 20 if soft == resource.RLIM_INFINITY else soft) // 2


def main(work: str, seconds: float, stack: int) -> None:
    """Read what is tried, a line of JSON for each, and say when it is done; until the end of input."""
    module, name = work.split(":")
    function = getattr(import_module(module), name)
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + stack + ROOM, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.stack_size(stack)

    def tried(line: bytes) -> None:
        with suppress(Exception):  # what is wrong with it is told by whoever compiles it behind this
            function(json.loads(line))

    for line in sys.stdin.buffer:
        limit = int(time.process_time() + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        trying = threading.Thread(target=tried, args=(line,))
        trying.start()
        trying.join()
        sys.stdout.write("done\n")
        sys.stdout.flush()


def walk(lark: str, begun: LLMatcher) -> None:
    """Begin random texts of a grammar from a matcher by bytes at its start: what never ends in one of its states does
    not end here, as far as they come by. Without a part of any length nothing is begun."""
    if not _ANY_LENGTH.search(lark):
        return
    draw = random.Random(0)
    for _ in range(_WALKS):
        state = begun.deep_copy()
        for _ in range(_BYTES):
            mask = int.from_bytes(state.compute_bitmask(), "little")
            allowed = [byte for byte in range(256) if mask >> byte & 1]
            if not allowed or not state.consume_token(draw.choice(allowed)):
                break
