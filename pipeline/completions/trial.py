"""Trial: whether the format that a request demands can be compiled, tried in a process of its own.

Compiling is llguidance's work. It walks through rules by recursion, so that a long enough chain of them ends its
process, and a hundred expressions that have to hold at once keep it busy for hours; nothing in a process keeps that
from happening to it. A service takes formats from whoever has a token: what the trial does not survive, or not in time,
is refused there.

Knows which options are formats; what is read of them is request.py's business.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from models.engines.closing import shortest
from models.errors import EngineUnavailable
from pipeline.completions.options import FORMATS, RESPONSES, TEXT
from pipeline.completions.request import read_request
from pipeline.record import CHAT, BadRecord

SECONDS = 4.0
"""Of a processor. A real schema takes milliseconds, the slowest of three hundred takes 0.3 s."""
KEPT = 10_000
"""Formats that are known to be harmless."""
ROOM = 1 << 30
"""Bytes that a trial may take beyond what its process has at first."""
_ASKED: Mapping[str, Mapping[str, Any]] = {
    CHAT: {"model": "any", "messages": [{"role": "user", "content": "x"}]},
    TEXT: {"model": "any", "prompt": "x"},
    RESPONSES: {"model": "any", "input": "x"},
}
"""What is asked beside a format that is tried."""


class Trial:
    """One process, begun with the first format; for any thread, one after the other."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._passed: OrderedDict[str, None] = OrderedDict()
        self._closed = False

    def check(self, route: object, body: object) -> None:
        """BadRecord, which names the option, for a format that cannot be compiled in time or without harm.
        EngineUnavailable once this is closed.
        """
        formats = {name: body[name] for name in FORMATS if body.get(name)} if isinstance(body, dict) else {}
        if not formats or not isinstance(route, str) or route not in _ASKED:
            return
        try:
            asked = json.dumps([route, formats])
        except RecursionError:
            raise BadRecord(f'"{next(iter(formats))}" is nested too deeply.') from None
        digest = sha256(asked.encode()).hexdigest()
        with self._lock:
            if digest in self._passed:
                self._passed.move_to_end(digest)
                return
            if not self._survives(asked):
                raise BadRecord(
                    f'"{next(iter(formats))}" cannot be enforced: its grammar takes more than {self._seconds:g} s, or'
                    " more room than there is, to compile. Ask for less at once."
                )
            self._passed[digest] = None
            if len(self._passed) > KEPT:
                self._passed.popitem(last=False)

    def close(self) -> None:
        """End the process, and with it what is tried."""
        self._closed = True
        if (child := self._child) is not None:
            child.kill()
        with self._lock:
            self._end()

    def _survives(self, asked: str) -> bool:
        if self._child is None and not self._closed:
            self._child = _begun(self._seconds)
        if self._closed or self._child is None:
            raise EngineUnavailable("The service is being stopped.", "Ask again soon.")
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            self._child.stdin.write(asked.encode() + b"\n")
            self._child.stdin.flush()
            survived = self._child.stdout.readline() == b"done\n"
        except OSError:
            survived = False
        if not survived:
            self._end()
            if self._closed:
                raise EngineUnavailable("The service is being stopped.", "Ask again soon.")
        return survived

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


def _begun(seconds: float) -> subprocess.Popen[bytes]:
    line = f"from {__name__} import main; main({seconds}, {_stack()})"
    # A session of its own: Ctrl-C is for the service, which ends it.
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


def main(seconds: float, stack: int) -> None:
    """Read what is asked, a line for each, and say when it is read; until the end of input."""
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + stack + ROOM, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.stack_size(stack)
    for line in sys.stdin.buffer:
        limit = int(time.process_time() + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        trying = threading.Thread(target=_try, args=(line,))
        trying.start()
        trying.join()
        sys.stdout.write("done\n")
        sys.stdout.flush()


def _try(line: bytes) -> None:
    route, formats = json.loads(line)
    with suppress(Exception):  # what is wrong with it is told by whoever reads it behind this
        grammar = read_request(route, {**_ASKED[route], **formats}).shape.grammar()
        if grammar is not None:
            shortest(grammar.opened().lark)  # what an engine that closes looks for, too
