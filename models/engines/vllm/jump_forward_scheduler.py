"""JumpForwardScheduler and NullProposer: what runs inside a vLLM server that has jump-forward on.

Knows llguidance's matcher, and vLLM's V1 scheduler with closing (models/engines/vllm/closing_scheduler.py); the flags
that load it are in models/engines/vllm/jump_forward.py.

A grammar often admits one next token only: keys, quotes, commas, a constant. llguidance names them in advance. Handed
to vLLM as drafts of speculative decoding, they share one forward pass, and, since the grammar's mask leaves nothing
else at their places, they are accepted always: the text is the one that would have come without them. On a CPU they are
not even checked (models/engines/vllm/forced_drafts.py).
"""
# ruff: noqa: E402

from __future__ import annotations

from typing import Any

from models.interfaces import VLLM

VLLM.check()  # before what may be missing is imported

import torch
from vllm.config import VllmConfig
from vllm.v1.outputs import DraftTokenIds
from vllm.v1.request import Request

from models.engines.vllm.applied_masks import apply_on_cpu, on_cpu
from models.engines.vllm.closing_scheduler import ClosingScheduler
from models.engines.vllm.drafted_sampling import correct_sampling
from models.engines.vllm.forced_drafts import take_forced_drafts
from models.engines.vllm.matrix_registers import ask_for_matrix_registers


class JumpForwardScheduler(ClosingScheduler):
    """vLLM's scheduler, with closing, drafting the tokens that a request's grammar or its ending forces.

    Raises RuntimeError at start with async scheduling (which decides on drafts, too, before the token in front of them
    is known) or without drafts. Where vLLM lacks what is needed here, this module raises UnfitPackage when it is
    imported.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        speculative = self.vllm_config.speculative_config
        if speculative is None:
            raise RuntimeError("Jump-forward needs the --speculative-config that `interlock serve-flags` prints.")
        self._only_forced = speculative.method == "custom_class"

    def update_draft_token_ids(self, draft_token_ids: DraftTokenIds) -> None:
        """After each step: drafts for the next. A proposer's own drafts stay where the grammar forces nothing."""
        super().update_draft_token_ids(draft_token_ids)
        for name in draft_token_ids.req_ids:
            request = self.requests.get(name)
            if request is None or request.is_finished() or request.is_prefill_chunk:
                continue
            forced = self._forced(request) if request.use_structured_output else []
            # Near the end of the context vLLM pads with drafts that nobody proposed.
            closing = self.closing(request) if request.use_structured_output else None
            alone = self._only_forced or (closing is not None and closing.closed)
            if alone or request.spec_token_ids[: len(forced)] != forced:
                request.spec_token_ids = forced

    def _forced(self, request: Request) -> list[int]:
        # The step that checks drafts yields one token more than it accepts.
        room = min(
            self.num_spec_tokens,
            request.max_tokens - request.num_output_tokens - 1,
            self.max_model_len - request.num_tokens - 1,
        )
        structured = request.structured_output_request
        matcher = getattr(structured.grammar, "ll_matcher", None)  # guidance is the only backend that has one
        if room <= 0 or matcher is None or structured.grammar.is_terminated() or self._is_reasoning(structured):
            return []
        closing = self.closing(request)
        if closing is not None and closing.spare < 1:
            closing.close()
        if closing is not None and closing.closed:
            return closing.ending[:room]
        tokens: list[int] = matcher.compute_ff_tokens()
        return tokens[: room if closing is None else min(room, closing.spare)]

    def _is_reasoning(self, structured: Any) -> bool:
        manager = self.structured_output_manager
        return manager.reasoner_cls is not None and not manager.enable_in_reasoning and not structured.reasoning_ended


class NullProposer:
    """Proposes no drafts: vLLM's drafting is on, and the scheduler alone decides what is drafted."""

    def __init__(self, config: VllmConfig) -> None:
        ask_for_matrix_registers()  # a worker may be a process of its own
        correct_sampling(config)
        apply_on_cpu(config)
        if on_cpu(config):
            from vllm.v1.worker.gpu_model_runner import GPUModelRunner  # the CPU's is made of it

            take_forced_drafts(GPUModelRunner)

    def load_model(self, model: torch.nn.Module) -> None:
        """Nothing to load."""

    def propose(self, sampled_token_ids: list[list[int]], *_: Any, **__: Any) -> list[list[int]]:
        """One empty draft for each sequence."""
        return [[] for _ in sampled_token_ids]
