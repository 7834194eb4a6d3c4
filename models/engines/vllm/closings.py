"""Closings: those requests of a server that are to end within their budget, whole and valid, and what is said of them.

A request asks for it in `vllm_xargs`, beside a grammar; the answer's `stop_reason` says what became of that. Runs on
both sides. Knows vLLM's structured output manager and its requests; how a text is closed is models/engines/closing.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from llguidance import LLTokenizer
from numpy.typing import NDArray

from models.engines.closing import Closing
from models.errors import EngineError
from models.grammar.matchers import fault_of, is_outgrown

ASKED = "interlock_closing"
"""Name of the extra argument that asks for it; its value is 1."""

ABLE = "closing"
CLOSED = "closed: "
SHORT = "too short: "
COMPLEX = "too complex: "
"""What `stop_reason` begins with: the model came to the end by itself; the field that was being written when the ending
began; why there is no answer; why llguidance ended one that is none."""

WORKERS = 2
"""Endings looked for at once: one takes milliseconds, and that of a large enough grammar seconds. More of the latter
would only slow the scheduler down, whose interpreter they share."""


class Closings:
    """Makes one for each request of `manager` that asks, while its prompt waits. `context`: tokens that a prompt and
    its answer may take together."""

    def __init__(self, manager: Any, context: int) -> None:
        self._manager = manager
        self._theirs = manager.grammar_init
        self._context = context
        self._workers = ThreadPoolExecutor(WORKERS, "closings")
        manager.grammar_init = self.begin

    def begin(self, request: Any) -> None:
        """Stands in for `grammar_init` of the manager."""
        self._theirs(request)
        structured, sampling = request.structured_output_request, request.sampling_params
        asked = sampling is not None and (sampling.extra_args or {}).get(ASKED)
        # What a parser of reasoning takes away is no part of a grammar's text.
        if structured is None or not asked or not structured.params.grammar or self._manager.reasoner_cls is not None:
            return
        budget = min(request.max_tokens, self._context - request.num_prompt_tokens)
        tokenizer = getattr(self._manager.backend, "ll_tokenizer", None)  # guidance is the only backend that has one
        compiled = structured._grammar
        if tokenizer is None:
            return
        if isinstance(compiled, Future):  # a request is planned once that is done, so none waits for another's ending
            structured.grammar = self._workers.submit(_with_ending, structured, compiled, tokenizer, budget)
        else:
            _with_ending(structured, compiled, tokenizer, budget)

    def of(self, request: Any) -> Closing | None:
        """That of a request which asked for it, and has room for an ending; else it ends with its next token."""
        made = _made(request)
        if isinstance(made, Closing):
            return made
        if made is not None:
            request.max_tokens = 1
        return None

    def tell_with_a_token(self, request: Any, scores: dict[str, Any], token: bool) -> None:
        """Keep what a step says of a request's prompt in `scores` until there is a `token` to tell it with: vLLM ends
        where there is none, and a prompt that is read again says nothing more."""
        structured, name = request.structured_output_request, request.request_id
        if not token:
            structured.scores = scores.pop(name, None)
        elif (kept := getattr(structured, "scores", None)) is not None:
            scores[name], structured.scores = kept, None

    def told(self, request: Any) -> str | None:
        """What the answer says; None for a request that did not ask."""
        made = _made(request)
        if made is None:
            return None
        if isinstance(made, Closing):
            matcher = request.structured_output_request.grammar.ll_matcher
            if is_outgrown(matcher):
                return f"{COMPLEX}{fault_of(matcher)}"
            return f"{CLOSED}{made.closed}" if made.closed else ABLE
        why = made.what if isinstance(made, EngineError) else f"{type(made).__name__}: {made}"
        return SHORT + why.split("\n", 1)[0]  # llguidance adds all of its state


def _made(request: Any) -> Closing | BaseException | None:
    """What became of a request's ending; None for one that did not ask."""
    made: Closing | BaseException | None = getattr(request.structured_output_request, "closing", None)
    return made


def _with_ending(structured: Any, compiled: Any, tokenizer: LLTokenizer, budget: int) -> Any:
    """The grammar of a request, once an ending of it was looked for. `compiled`: the grammar, or a future of it."""
    try:
        structured.closing = Closing(tokenizer, structured.params.grammar, budget)
    except BaseException as error:  # llguidance's panics, too: whatever a grammar holds, it ends one request alone
        structured.closing = error
    return compiled.result() if isinstance(compiled, Future) else compiled


def only_endings(rows: NDArray[np.int32], first: int, closing: Closing, end: int, count: int) -> None:
    """Leave nothing but the next tokens of an ending in `count` rows of masks from `first` on; `end` ends a text."""
    for place, token in enumerate([*closing.ending, *[end] * count][:count]):
        rows[first + place] = 0
        rows[first + place, token // 32] = np.uint32(1 << token % 32).astype(np.int32)


def longest(tokens: Sequence[int], closing: Closing, matcher: Any, end: int) -> int:
    """How many of `tokens` may be taken; so many are. `matcher` stands in front of the first; `end` ends a text."""
    ended = list(tokens).index(end) if end in tokens else len(tokens)
    for count in range(ended, 0, -1):
        if closing.take(tokens[:count], matcher):
            return len(tokens) if count == ended else count
    return len(tokens) if ended == 0 else 0
