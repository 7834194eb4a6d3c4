"""ParallelMasks: the grammar masks of a whole batch at once, on several cores, with those behind its drafts.

Runs inside a vLLM server. vLLM fills one mask after the other as soon as drafts are on; at 64 sequences of free text
that is as long as a step of a GPU. llguidance does it in threads of its own. Knows vLLM's structured output manager;
whatever it does not know (another backend, a reasoning parser, an ended text among the drafts) is left to vLLM. Where a
text has room for its ending only, its masks admit nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llguidance import LLExecutor

from models.engines.vllm.closings import Closings, only_endings


class ParallelMasks:
    """Stands in for `grammar_bitmask` of the vLLM `manager` it is given."""

    def __init__(self, manager: Any, closings: Closings) -> None:
        self._manager = manager
        self._closings = closings
        self._theirs = manager.grammar_bitmask
        self._executor = LLExecutor()

    def fill(self, requests: Mapping[str, Any], names: Sequence[str], drafts: Mapping[str, Sequence[int]]) -> Any:
        """One row of bits for each draft of each request in `names`, and one for the token after its drafts.

        A NumPy array of int32, rows × ⌈vocabulary / 32⌉, in the order of `names`; None without any.
        """
        rows = self._filled(requests, names, drafts)
        row = 0
        for name in names:
            count = len(drafts.get(name, ())) + 1
            closing = self._closings.of(requests[name])
            if closing is not None and closing.spare < 1:
                closing.close()
            if closing is not None and closing.closed:
                end = requests[name].structured_output_request.grammar.ll_tokenizer.eos_token
                only_endings(rows, row, closing, end, count)
            row += count
        return rows

    def _filled(self, requests: Mapping[str, Any], names: Sequence[str], drafts: Mapping[str, Sequence[int]]) -> Any:
        bits = self._manager._grammar_bitmask
        grammars = [requests[name].structured_output_request.grammar for name in names]
        proposed = [list(drafts.get(name, ())) for name in names]
        if bits is None or not names or not self._knows(grammars, proposed):
            return self._theirs(requests, names, drafts)
        row, alone, ahead = 0, [], []
        for grammar, tokens in zip(grammars, proposed, strict=True):
            if tokens:
                ahead.append((grammar.ll_matcher, row, tokens))
            else:
                alone.append((grammar.ll_matcher, row))
            row += len(tokens) + 1
        # Straight into vLLM's tensor; llguidance.torch does the same, but compiles a kernel when it is imported.
        where = (bits.data_ptr(), bits.shape[1] * bits.element_size(), bits.shape[0])
        if alone:
            self._executor.unsafe_compute_mask_ptr(alone, *where)
        if ahead:
            self._executor.unsafe_compute_mask_ptr_with_draft_token(ahead, *where)
            for matcher, first, tokens in ahead:
                if matcher.is_error():  # its grammar outgrew what is built: the rows behind are of another step
                    bits[first + 1 : first + 1 + len(tokens)] = bits[first]
        return bits[:row].numpy()

    def _knows(self, grammars: Sequence[Any], drafts: Sequence[Sequence[int]]) -> bool:
        if self._manager.reasoner_cls is not None:
            return False
        return all(
            (matcher := getattr(grammar, "ll_matcher", None)) is not None
            and not grammar.is_terminated()
            and not matcher.is_error()
            and grammar.ll_tokenizer.eos_token not in tokens
            and -1 not in tokens  # padding
            for grammar, tokens in zip(grammars, drafts, strict=True)
        )
