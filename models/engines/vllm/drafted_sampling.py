"""Sampling beside drafts, where vLLM's own ends or is wrong: a step in which nothing was drafted, and CPUs.

Runs inside a vLLM server that drafts, whoever proposes. Knows vLLM's rejection sampler by two functions.
"""

from __future__ import annotations

from typing import Any

import torch
from vllm.config import VllmConfig
from vllm.v1.sample import rejection_sampler

from models.engines.vllm.applied_masks import on_cpu


def correct_sampling(config: VllmConfig) -> None:
    """Have the server of `config`, in this process, sample beside drafts as here. Once more changes nothing."""
    _constrain_drafts_alone()
    if on_cpu(config):
        rejection_sampler.expand_batch_to_tokens = expand_batch_to_tokens


def _constrain_drafts_alone() -> None:
    """Leave a step without drafts as it is: vLLM 0.32 looks for the largest of their `top_k`, and ends without one."""
    theirs = rejection_sampler.apply_sampling_constraints

    def constrain(logits: torch.Tensor, *more: Any, **named: Any) -> torch.Tensor:
        return theirs(logits, *more, **named) if len(logits) else logits

    rejection_sampler.apply_sampling_constraints = constrain


def expand_batch_to_tokens(
    x: torch.Tensor, cu_num_tokens: torch.Tensor, num_tokens: int, replace_from: int = 0, replace_to: int = 0
) -> torch.Tensor:
    """[a, b] with cumulated counts [1, 3] as [a, b, b]; `replace_from` becomes `replace_to`. Shapes as in vLLM's, whose
    CPU build (0.32) leaves the temperatures of draft positions unset, because it writes them to a copy."""
    counts = cu_num_tokens.diff(prepend=cu_num_tokens.new_zeros(1))
    values = torch.where(x == replace_from, torch.full_like(x, replace_to), x)
    return values.repeat_interleave(counts, output_size=num_tokens)
