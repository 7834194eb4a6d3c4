"""Jump-forward decoding in this process: tokens that the grammar forces share the forward pass of the one before them.

Knows transformers' cache and how rows of one batch move on by different numbers of tokens; the tokens themselves are
drawn by models/engines/sampler.py. It is a decoding method of transformers' `generate`, by which Outlines calls it.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch

from models.engines.sampler import Sampler


def can_jump(model: Any) -> bool:
    """Whether a model's cache may have gaps: only where every layer attends to everything and positions are given."""
    config = model.config.get_text_config()
    layers = getattr(config, "layer_types", None) or ["full_attention"]
    return set(layers) == {"full_attention"} and "position_ids" in inspect.signature(model.forward).parameters


class JumpDecoding:
    """Decodes the rows of `sampler` to their ends. `passes` counts the forward passes of the batch."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self.passes = 0

    def __call__(
        self,
        model: Any,
        input_ids: torch.Tensor,
        logits_processor: Any,
        **inputs: Any,
    ) -> torch.Tensor:
        """As transformers calls it: `input_ids` and the `attention_mask` of shape (rows, width), padded on the left."""
        cache = inputs["past_key_values"]
        keep = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
        fed, mask = input_ids, inputs.get("attention_mask")
        if mask is None:  # transformers leaves it out where nothing is padded
            mask = torch.ones_like(input_ids)
        while True:
            self.passes += 1
            # A gap of the cache is masked, and counts for no position.
            positions = (mask.cumsum(dim=-1) - 1).clamp(min=0)[:, -fed.shape[1] :]
            output = model(
                input_ids=fed,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                return_dict=True,
                **keep,
            )
            logits_processor(input_ids, output.logits[:, -1].to(copy=True, dtype=torch.float32))
            going = self._sampler.drop_finished()
            if not going:
                return input_ids
            if len(going) < len(input_ids):
                rows = torch.tensor(going, device=input_ids.device)
                input_ids, mask = input_ids[rows], mask[rows]
                cache.batch_select_indices(rows)
            fed, here = self._sampler.ahead(input_ids.device)
            mask = torch.cat([mask, here], dim=1)
