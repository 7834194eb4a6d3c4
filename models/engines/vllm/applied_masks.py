"""Masks applied to logits on a CPU: what vLLM does token by token of the vocabulary, whole rows at a time.

Runs inside a vLLM server. Knows vLLM's model runner by the one function whose place it takes, with the same result; on
a GPU vLLM has a kernel for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def on_cpu(config: Any) -> bool:
    """Whether the server of the VllmConfig `config` computes on a CPU."""
    return torch.device(config.device_config.device).type == "cpu"


def apply_on_cpu(config: Any) -> None:
    """On a CPU, have the model runner of the server of `config` apply masks as here."""
    if on_cpu(config):
        from vllm.v1.worker import gpu_model_runner  # the CPU's is made of it

        gpu_model_runner.apply_grammar_bitmask = apply_masks


def apply_masks(scheduler_output: Any, grammar_output: Any, input_batch: Any, logits: torch.Tensor) -> None:
    """Set to -inf what the masks do not admit, which come in the order of `grammar_output`; rows without one stay as
    they are. `logits`: one row for each draft of each request of `input_batch`, and one for the token behind them; or
    the latter alone."""
    drafts = scheduler_output.scheduled_spec_decode_tokens
    names = input_batch.req_ids
    last_alone = logits.shape[0] == len(names)
    first, row = dict[str, int](), 0
    for name in names:
        first[name] = row
        row += 1 if last_alone else 1 + len(drafts.get(name, ()))
    rows, chosen, place = list[int](), list[int](), 0
    for name in grammar_output.structured_output_request_ids:
        count = 1 + len(drafts.get(name, ()))
        place += count
        if name in first:
            taken = 1 if last_alone else count
            rows.extend(range(first[name], first[name] + taken))
            chosen.extend(range(place - taken, place))
    masks = grammar_output.grammar_bitmask
    refused = np.zeros((logits.shape[0], masks.shape[1]), dtype=np.int32)
    refused[rows] = ~masks[chosen]
    width = min(logits.shape[1], 32 * masks.shape[1])
    bits = np.unpackbits(refused.view(np.uint8), axis=1, count=width, bitorder="little")
    logits[:, :width].masked_fill_(torch.from_numpy(bits.view(np.bool_)), -torch.inf)
