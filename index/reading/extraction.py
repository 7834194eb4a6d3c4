"""Takes text out of one file after another, in a process of its own: what a hostile file can do ends there.

This module is both ends: `Extractor` is the caller's, `main` the process's. A line of JSON each way. The process has so
much memory and so much time for a file; it is started at the first file, and again after it was lost.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from index.reading.extracted import Extracted
from index.reading.opening import opened, whole
from index.reading.reading import Scanned, Unreadable

MOST_BYTES = 268_435_456
"""Of a file. A book's PDF with pictures may be that large."""
SECONDS = 60.0
"""For a file. A page takes a PDF reader 10 to 100 ms."""
MEMORY = 2_147_483_648
"""Bytes that the process may take beyond what it has when it starts."""

_STEP = 1_048_576


class Extractor:
    """Use it as a context manager, from one thread. `seconds`, `memory`: of a file."""

    def __init__(self, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._seconds = seconds
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None

    def extract(self, format: str, path: Path) -> Extracted:
        """The text of a file in one of the formats of `formats.APART`. Raises Unreadable, Scanned."""
        with opened(path):  # so that what is no file is never waited for
            pass
        process = self._running()
        request = {"format": format, "path": str(path.absolute())}
        try:
            reply = self._reply(process, request)
        except TimeoutError:
            self.close()
            raise Unreadable(f"takes more than {self._seconds:g} seconds to read") from None
        except (OSError, EOFError, ValueError):
            self.close()
            raise Unreadable(f"breaks the {_shown(format)} reader, or needs too much memory") from None
        if reply.get("spent"):
            self.close()
        if "reason" in reply:
            raise (Scanned if reply.get("scanned") else Unreadable)(str(reply["reason"]))
        return Extracted.from_json(reply)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            program = "from index.reading.extraction import main; main()"
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
            self._process = subprocess.Popen(
                [sys.executable, "-c", program, str(self._memory), str(self._seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**environment, "OPENBLAS_NUM_THREADS": "1"},
                bufsize=0,
                start_new_session=True,  # Ctrl-C is for the caller, who closes this
            )
        return self._process

    def _reply(self, process: subprocess.Popen[bytes], request: Mapping[str, str]) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
        received: list[bytes] = []
        deadline = time.monotonic() + self._seconds + 5  # a process that starts may take seconds
        while not received or not received[-1].endswith(b"\n"):
            if not select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            step = os.read(process.stdout.fileno(), _STEP)
            if not step:
                raise TimeoutError if process.wait() == -signal.SIGALRM else EOFError
            received.append(step)
        reply: dict[str, Any] = json.loads(b"".join(received))
        return reply

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            with self._process:  # closes the pipes and waits
                pass
            self._process = None

    def __enter__(self) -> Extractor:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def main() -> None:
    """Serves requests until there are no more, or a file takes too long: then SIGALRM ends this process."""
    memory, seconds = int(sys.argv[1]), float(sys.argv[2])
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that a library prints may come between
    with suppress(OSError, ValueError):  # where there is no /proc, time alone is limited
        now = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (now + memory, now + memory))
    for line in sys.stdin.buffer:
        request = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        reply = json.dumps(_extracted(request["format"], Path(request["path"])))
        signal.setitimer(signal.ITIMER_REAL, 0)
        replies.write(reply.encode() + b"\n")
        replies.flush()


def _extracted(format: str, path: Path) -> dict[str, Any]:
    try:
        with opened(path) as stream:
            content = whole(stream, MOST_BYTES)
        read: Callable[[bytes], Extracted] = getattr(import_module(f"index.reading.{format}"), f"extract_{format}")
        return read(content).to_json()
    except Unreadable as error:
        return {"reason": str(error), "scanned": isinstance(error, Scanned)}
    except MemoryError:
        return {"reason": "needs too much memory to read", "spent": True}  # what was taken may never come back
    except Exception as error:  # libraries raise what they like for a file that is broken in a new way
        shown = " ".join(f"{type(error).__name__}: {error}".split())[:120].rstrip(".")
        return {"reason": f"is no readable {_shown(format)} ({shown})"}


def _shown(format: str) -> str:
    return format if format == "workbook" else format.upper()
