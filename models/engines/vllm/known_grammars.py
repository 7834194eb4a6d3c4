"""Known grammars: a vLLM server's front end tries a grammar once, not anew for every text that is copied under it.

Runs inside a vLLM server, whose front end compiles the grammar of each request to see that it is one, before the engine
compiles it again. A JSON Schema or a choice is the same for thousands of requests; where a form copies a customer's
words, the grammars of two requests differ in the list of these alone, and any list will do. Knows vLLM by the function
that tries a grammar; how a grammar lists what may be copied is in models/grammar/fragments/copied.py.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from hashlib import sha256
from threading import Lock
from typing import Any

from vllm.v1.structured_output import backend_guidance
from vllm.v1.structured_output.request import get_structured_output_key

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
        backend_guidance.validate_guidance_grammar = self.validate

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    def validate(self, sampling_params: Any, tokenizer: Any = None) -> None:
        """Stands in for vLLM's validate_guidance_grammar, and raises what that raises. `tokenizer`: the same always."""
        asked = sampling_params.structured_outputs
        if asked is None:
            return
        kind, text = get_structured_output_key(asked)
        written = f"{kind}\n{text if asked.grammar is None else without_lists(text)}"
        digest = sha256(written.encode(errors="surrogatepass")).digest()
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
                return
        _THEIRS(sampling_params, tokenizer)
        with self._lock:
            self._known[digest] = None
            while len(self._known) > KEPT:
                self._known.popitem(last=False)


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
