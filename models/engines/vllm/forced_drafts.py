"""Forced drafts are taken, not checked: a grammar leaves one token at their places, whatever the model makes of them.

Runs inside a worker of a vLLM server all of whose drafts are forced. vLLM computes logits for every draft, applies a
mask to each, and has each accepted; here logits are those of the token behind the drafts. Knows vLLM's V1 model runner:
where it looks for logits, and where it samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

PLACEHOLDER = -1
"""What vLLM fills drafts and rows of sampled tokens up with."""


def take_forced_drafts(runner: Any) -> None:
    """Have the class `runner`, vLLM's GPUModelRunner, take drafts as they are, but where somebody asks what else was
    likely: that is told of every token."""
    locate, sample = runner._calc_spec_decode_metadata, runner._sample

    def located(self: Any, num_draft_tokens: Any, cu_num_scheduled_tokens: Any) -> Any:
        metadata = locate(self, num_draft_tokens, cu_num_scheduled_tokens)
        asked = self.input_batch.sampling_metadata
        told = asked.max_num_logprobs is not None or getattr(asked, "logprob_token_ids", None)
        # One whose prompt is cached but for a token, or that was preempted, is filled up with drafts that nobody made.
        if not told and not (metadata.draft_token_ids == PLACEHOLDER).any():
            metadata.logits_indices = metadata.logits_indices[metadata.bonus_logits_indices]
        return metadata

    def sampled(self: Any, logits: Any, spec_decode_metadata: Any) -> Any:
        counts = () if spec_decode_metadata is None else spec_decode_metadata.num_draft_tokens
        if logits is None or not counts or len(logits) != len(counts):  # those of the drafts are there, too
            return sample(self, logits, spec_decode_metadata)
        output = self.sampler(
            logits=logits, sampling_metadata=self.input_batch.sampling_metadata, predict_bonus_token=True
        )
        drafts = spec_decode_metadata.draft_token_ids
        output.sampled_token_ids = behind_drafts(drafts, counts, output.sampled_token_ids)
        return output

    runner._calc_spec_decode_metadata, runner._sample = located, sampled


def behind_drafts(drafts: torch.Tensor, counts: Sequence[int], sampled: torch.Tensor) -> torch.Tensor:
    """Rows of tokens, the drafts of each request and the token behind them, filled up with PLACEHOLDER, as vLLM's
    rejection sampler gives them (int32).

    `drafts`: those of all requests, one after the other; `counts`: how many each has; `sampled`: requests × 1.
    """
    many = torch.tensor(counts, device=sampled.device).unsqueeze(1)
    places = torch.arange(max(counts) + 1, device=sampled.device)
    tokens = torch.full((len(counts), len(places)), PLACEHOLDER, dtype=torch.int32, device=sampled.device)
    tokens[places < many] = drafts.to(torch.int32)
    tokens[places == many] = sampled[:, 0].to(torch.int32)
    return tokens
