"""CompiledGrammars: a vLLM server's engine compiles a grammar that its requests repeat once, and hands out copies.

Runs inside a vLLM server, which by itself compiles the grammar of each request, though a form, a JSON Schema or a
choice is the same for thousands of them. A copy knows as well what the lexer has built for the texts before it: that is
most of what a mask costs. Knows vLLM's structured output manager.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import replace
from hashlib import sha256
from threading import Lock
from typing import Any

from models.grammar.matchers import Original, fault_of

KEPT = 128
"""Originals kept in all, the texts of as many grammars remembered besides."""
LANES = min(4, os.cpu_count() or 1)
"""Originals of one grammar: the masks of copies of one are made one after the other, those of several at once."""


class CompiledGrammars:
    """Stands in for `_create_grammar` of the vLLM `manager` it is given, on any thread.

    `tells`: what cannot be compiled is raised, as vLLM then refuses that request alone; by itself it answers such a
    request with an empty text, or ends where llguidance panics.
    """

    def __init__(self, manager: Any, tells: bool) -> None:
        self._theirs = manager._create_grammar
        self._tells = tells
        self._lanes = OrderedDict[bytes, list[tuple[Any, Original]]]()
        self._kept = 0
        self._lock = Lock()
        manager._create_grammar = self.create

    def create(self, request: Any) -> Any:
        """The grammar of `request`, at its start. Raises what vLLM raises, and ValueError if it `tells`."""
        kind, text = request.structured_output_request.structured_output_key
        digest = sha256(f"{kind}\n{text}".encode(errors="surrogatepass")).digest()
        with self._lock:
            seen = digest in self._lanes
            lanes = self._lanes.setdefault(digest, [])
            self._lanes.move_to_end(digest)
            self._forget()
            if len(lanes) >= LANES:
                grammar, original = lanes.pop(0)
                if not original.is_spent:
                    lanes.append((grammar, original))
                    return replace(grammar, ll_matcher=original.copy())
                self._kept -= 1
        made = self._compiled(request)
        matcher = getattr(made, "ll_matcher", None)  # guidance is the only backend that has one
        if not seen or matcher is None or matcher.is_error():  # a form with a customer's words is never seen again
            return made
        original = Original(matcher)
        with self._lock:
            if self._lanes.get(digest) is lanes:
                lanes.append((made, original))
                self._kept += 1
            return replace(made, ll_matcher=original.copy())

    def _forget(self) -> None:
        """Leave out what was not asked for longest. The last one stays."""
        while len(self._lanes) > 1 and (len(self._lanes) > KEPT or self._kept > KEPT):
            _, lanes = self._lanes.popitem(last=False)
            self._kept -= len(lanes)

    def _compiled(self, request: Any) -> Any:
        try:
            grammar = self._theirs(request)
        except Exception:
            raise
        except BaseException as panic:
            if not self._tells:
                raise
            raise ValueError(str(panic)) from panic
        matcher = getattr(grammar, "ll_matcher", None)
        if self._tells and matcher is not None and matcher.is_error():
            raise ValueError(fault_of(matcher))
        return grammar
