"""Closings: those requests of a server that are to end within their budget, whole and valid, and what is said of them.

A request asks for it in `vllm_xargs`, beside a grammar; the answer's `stop_reason` says what became of that. Runs on
both sides. Knows vLLM's structured output manager and its requests; how a text is closed is models/engines/closing.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.engines.closing import Closing
from models.errors import BudgetTooSmall

ASKED = "interlock_closing"
"""Name of the extra argument that asks for it; its value is 1."""

ABLE = "closing"
CLOSED = "closed: "
SHORT = "too short: "
"""What `stop_reason` begins with: the model came to the end by itself; the field that was being written when the ending
began; why there is no answer."""


class Closings:
    """Makes one for each request of `manager` that asks, while its prompt waits. `context`: tokens that a prompt and
    its answer may take together."""

    def __init__(self, manager: Any, context: int) -> None:
        self._manager = manager
        self._theirs = manager.grammar_init
        self._context = context
        self._worker = ThreadPoolExecutor(1, "closings")
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
        if tokenizer is not None:
            structured.closing = self._worker.submit(Closing, tokenizer, structured.params.grammar, budget)

    def of(self, request: Any) -> Closing | None:
        """That of a request which asked for it, and has room for an ending; else it ends with its next token."""
        made: Future[Closing] | None = getattr(request.structured_output_request, "closing", None)
        if made is None:
            return None
        try:
            return made.result()
        except BudgetTooSmall:
            request.max_tokens = 1
            return None

    def told(self, request: Any) -> str | None:
        """What the answer says; None for a request that did not ask."""
        made: Future[Closing] | None = getattr(request.structured_output_request, "closing", None)
        if made is None:
            return None
        if error := made.exception():
            return f"{SHORT}{error.what if isinstance(error, BudgetTooSmall) else error}"
        closed = made.result().closed
        return f"{CLOSED}{closed}" if closed else ABLE


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
