"""Forced drafts are taken, not checked: a grammar leaves one token at their places, whatever the model makes of them.

Runs inside a worker of a vLLM server all of whose drafts are forced. vLLM computes logits for every draft, applies a
mask to each, and has each accepted; here logits are those of the token behind the drafts. Knows vLLM's V1 model runner:
where it looks for logits, and where it samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

PLACEHOLDER = -1
"""What vLLM fills drafts and rows of sampled tokens up with."""


def take_forced_drafts(runner: Any) -> None:
    """Have the class `runner`, vLLM's GPUModelRunner, take drafts as they are.

    Who asks what else was likely is told that nothing was at their places. vLLM would look at the whole vocabulary at
    every place that a draft may have, of every request of a step in which one asks.
    """
    locate, sample = runner._calc_spec_decode_metadata, runner._sample

    def located(self: Any, num_draft_tokens: Any, cu_num_scheduled_tokens: Any) -> Any:
        metadata = locate(self, num_draft_tokens, cu_num_scheduled_tokens)
        # One whose prompt is cached but for a token, or that was preempted, is filled up with drafts that nobody made.
        if _tells(self) and not (metadata.draft_token_ids == PLACEHOLDER).any():
            metadata.logits_indices = metadata.logits_indices[metadata.bonus_logits_indices]
        return metadata

    def sampled(self: Any, logits: Any, spec_decode_metadata: Any) -> Any:
        counts = () if spec_decode_metadata is None else spec_decode_metadata.num_draft_tokens
        if logits is None or not counts or len(logits) != len(counts):  # those of the drafts are there, too
            return sample(self, logits, spec_decode_metadata)
        asked, names = self.input_batch.sampling_metadata, self.input_batch.num_logprobs
        rows = [row for row, name in enumerate(self.input_batch.req_ids) if name in names]
        likely = self.sampler.compute_logprobs(logits[rows]) if rows else None  # before the sampler changes logits
        output = self.sampler(
            logits=logits, sampling_metadata=replace(asked, max_num_logprobs=None), predict_bonus_token=True
        )
        drawn = output.sampled_token_ids
        output.sampled_token_ids = behind_drafts(spec_decode_metadata.draft_token_ids, counts, drawn)
        if rows:
            told = self.sampler.gather_logprobs(likely, asked.max_num_logprobs, drawn[rows, 0].long())
            output.logprobs_tensors = among_drafts(told, rows, counts, output.sampled_token_ids)
        return output

    runner._calc_spec_decode_metadata, runner._sample = located, sampled


def _tells(runner: Any) -> bool:
    """Whether `sampled` can tell what is asked of likelihoods: the usual ones, of a few tokens."""
    asked = runner.input_batch.sampling_metadata
    few = asked.max_num_logprobs is None or asked.max_num_logprobs >= 0
    return few and not asked.logprob_token_ids and runner.sampler.logprobs_mode == "raw_logprobs"


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


def among_drafts(told: Any, rows: Sequence[int], counts: Sequence[int], tokens: torch.Tensor) -> Any:
    """vLLM's LogprobsTensors of all tokens, one request after the other: `told` for those drawn for `rows`, and for
    each draft itself, with all the likelihood there is. Nobody looks at those of other requests.

    `counts`: drafts of each request; `tokens`: as `behind_drafts` gives them.
    """
    width = told.logprobs.shape[1]
    names = tokens.clamp(min=0).to(told.logprob_token_ids.dtype).unsqueeze(2).repeat(1, 1, width)
    likely = torch.zeros(names.shape, dtype=told.logprobs.dtype)
    ranks = torch.ones(tokens.shape, dtype=told.selected_token_ranks.dtype)
    drawn = rows, [counts[row] for row in rows]
    names[drawn], likely[drawn], ranks[drawn] = told.logprob_token_ids, told.logprobs, told.selected_token_ranks
    return told._replace(
        logprob_token_ids=names.flatten(0, 1), logprobs=likely.flatten(0, 1), selected_token_ranks=ranks.flatten()
    )
