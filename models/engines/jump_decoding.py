"""Jump-forward decoding in this process: tokens that the grammar forces share the forward pass of the one before them.

Knows transformers' cache and how rows of one batch move on by different numbers of tokens; the tokens themselves are
drawn by models/engines/sampler.py. The model is called as it is and the cache is made here: transformers' `generate`
promises nothing of what it hands to a decoding method of one's own, and changed it in 5.24.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from transformers import DynamicCache

from models.engines.sampler import Sampler

_CACHE = ("cache", "past_key_values")
"""What a model calls the cache it is given: since transformers 5.24, and before."""


def can_jump(model: Any) -> bool:
    """Whether a model's cache may have gaps: only where every layer attends to everything and positions are given."""
    config = model.config.get_text_config()
    layers = getattr(config, "layer_types", None) or ["full_attention"]
    if set(layers) != {"full_attention"} or any(DynamicCache(config=config).is_sliding):
        return False
    taken = _taken(model)
    return "position_ids" in taken and any(name in taken for name in _CACHE)


def jump_decode(model: Any, ids: torch.Tensor, mask: torch.Tensor, sampler: Sampler) -> None:
    """Decode the rows of `sampler` to their ends. `ids` and `mask`: prompts, (rows, width), padded on the left."""
    taken = _taken(model)
    cache = DynamicCache(config=model.config)
    named = {next(name for name in _CACHE if name in taken): cache, "use_cache": True, "return_dict": True}
    if "logits_to_keep" in taken:
        named["logits_to_keep"] = 1
    fed = ids
    while True:
        # A gap of the cache is masked, and counts for no position.
        positions = (mask.cumsum(dim=-1) - 1).clamp(min=0)[:, -fed.shape[1] :]
        output = model(input_ids=fed, attention_mask=mask, position_ids=positions, **named)
        sampler(ids, output.logits[:, -1].to(copy=True, dtype=torch.float32))
        going = sampler.drop_finished()
        if not going:
            return
        if len(going) < len(ids):
            rows = torch.tensor(going, device=ids.device)
            ids, mask = ids[rows], mask[rows]
            cache.batch_select_indices(rows)
        fed, here = sampler.ahead(ids.device)
        mask = torch.cat([mask, here], dim=1)


def _taken(model: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(model.forward).parameters
