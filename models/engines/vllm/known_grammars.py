"""Known grammars: a vLLM server's front end tries a grammar once, not anew for every text that is copied under it, and
beside the server first.

Runs inside a vLLM server, whose front end compiles the grammar of each request to see that it is one, before the engine
compiles it again. Some end the process that does, or never come to an end (models/grammar/sandbox.py): these are
refused. Where a form copies a customer's words, the grammars of two requests differ in the list of these alone, and any
list will do. Knows vLLM by the function that tries a grammar; how a grammar lists what may be copied is in
models/grammar/fragments/copied.py.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from hashlib import sha256
from threading import Lock
from typing import Any

from llguidance import LLMatcher
from vllm.exceptions import VLLMValidationError
from vllm.v1.structured_output import backend_guidance
from vllm.v1.structured_output.request import get_structured_output_key

from models.engines.vllm.closings import ASKED
from models.grammar.sandbox import Sandbox

KEPT = 4096
"""Grammars that are remembered, by 32 bytes each."""
LONGEST = 16_384
"""Characters of a list that any other may stand for. What a longer one makes of a grammar is not to be foreseen."""
_LISTS = re.compile(r'^([A-Z]\w*: %regex \{"substring_chunks": )(\[.*\])(?=\}$)', re.MULTILINE)
_THEIRS = backend_guidance.validate_guidance_grammar


class KnownGrammars:
    """ASGI middleware that touches no request: a server's front end that has it tries grammars as here."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._known = OrderedDict[bytes, None]()
        self._lock = Lock()
        self._sandbox = Sandbox("models.engines.vllm.rehearsal:rehearse")
        backend_guidance.validate_guidance_grammar = self.validate

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    def close(self) -> None:
        """End the process beside the server, which ends with it in any case."""
        self._sandbox.close()

    def validate(self, sampling_params: Any, tokenizer: Any = None) -> None:
        """Stands in for vLLM's validate_guidance_grammar, and raises what that raises; VLLMValidationError, too, for a
        grammar that is not compiled in time or without harm. `tokenizer`: the same always."""
        asked = sampling_params.structured_outputs
        if asked is None:
            return
        lark = None if asked.grammar is None else without_lists(asked.grammar)
        closes = bool((sampling_params.extra_args or {}).get(ASKED))
        try:
            kind, source = get_structured_output_key(asked)
            grammar = backend_guidance.serialize_guidance_grammar(kind, source if lark is None else lark)
        except (ValueError, KeyError, TypeError):
            _THEIRS(sampling_params, tokenizer)
            return
        if not self._knows(grammar, lark, closes, tokenizer):
            _THEIRS(sampling_params, tokenizer)

    def _knows(self, grammar: str, lark: str | None, closes: bool, tokenizer: Any) -> bool:
        """Whether `grammar` is one, as was found before or is found now."""
        digest = sha256(f"{closes} {grammar}".encode(errors="surrogatepass")).digest()
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
                return True
        if not self._sandbox.survives([grammar, lark, closes]):
            raise VLLMValidationError(
                f"The grammar takes more than {self._sandbox.seconds:g} s, or more room than there is, to compile: ask"
                " for less at once."
            )
        fault = LLMatcher.validate_grammar(grammar, tokenizer)
        with self._lock:
            if not fault:
                self._known[digest] = None
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return not fault


def without_lists(lark: str) -> str:
    """`lark` with one chunk in the place of each list of what may be copied, as far as that is a list of texts."""
    return _LISTS.sub(_shortened, lark)


def _shortened(found: re.Match[str]) -> str:
    if len(found[2]) > LONGEST:
        return found[0]
    try:
        chunks = json.loads(found[2])
        "".join(chunks).encode()
    except (ValueError, TypeError, RecursionError):  # no JSON, no texts, half a character, an abyss of brackets
        return found[0]
    return f'{found[1]}["a"]' if all(chunks) else found[0]  # llguidance panics where the last text is empty
