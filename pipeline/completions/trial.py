"""Trial: whether the format that a request demands can be compiled, tried in a process of its own.

A service takes formats from whoever has a token, and a batch from whoever wrote its lines: what the trial does not
survive, or not in time, is refused there (models/grammar/sandbox.py says what that may be).

Knows which options are formats; what is read of them is request.py's business.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from models.engines.closing import shortest
from models.errors import EngineUnavailable
from models.grammar.matchers import BY_BYTES
from models.grammar.sandbox import SECONDS, Sandbox, walk
from pipeline.completions.options import FORMATS, RESPONSES, TEXT
from pipeline.completions.request import read_request
from pipeline.record import CHAT, BadRecord, Record

KEPT = 10_000
"""Formats that are known to be harmless."""
_ASKED: Mapping[str, Mapping[str, Any]] = {
    CHAT: {"model": "any", "messages": [{"role": "user", "content": "x"}]},
    TEXT: {"model": "any", "prompt": "x"},
    RESPONSES: {"model": "any", "input": "x"},
}
"""What is asked beside a format that is tried."""


class Trial:
    """For any thread, one after the other. Its process is begun with the first format."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._sandbox = Sandbox(f"{__name__}:read", seconds)
        self._lock = threading.Lock()
        self._passed: OrderedDict[str, None] = OrderedDict()

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
            survived = self._sandbox.survives([route, formats])
            if self._sandbox.closed:
                raise EngineUnavailable("The service is being stopped.", "Ask again soon.")
            if not survived:
                raise BadRecord(
                    f'"{next(iter(formats))}" cannot be enforced: its grammar takes more than'
                    f" {self._sandbox.seconds:g} s, or more room than there is, to compile. Ask for less at once."
                )
            self._passed[digest] = None
            if len(self._passed) > KEPT:
                self._passed.popitem(last=False)

    def before(self, read: Callable[[object], Record]) -> Callable[[object], Record]:
        """`read`, of a line of a batch, with the line's format tried before that. As `check`."""

        def tried(line: object) -> Record:
            if isinstance(line, dict):
                try:
                    self.check(line.get("url"), line.get("body"))
                except BadRecord as error:
                    id = line.get("custom_id")
                    raise BadRecord(str(error), id if isinstance(id, str) else None) from None
            return read(line)

        return tried

    def close(self) -> None:
        """End the process, and with it what is tried."""
        self._sandbox.close()


def read(asked: tuple[str, Mapping[str, Any]]) -> None:
    """Read formats for a route as a request does that demands them, and look for what an engine does with them."""
    route, formats = asked
    shape = read_request(route, {**_ASKED[route], **formats}).shape
    grammar = shape.grammar()
    if grammar is not None:
        lark = grammar.opened().lark
        shortest(lark)  # what an engine that closes looks for, too
        if shape.kind == "grammar":  # of ours none goes on for ever
            walk(lark, BY_BYTES.start_of(lark))
