"""Masks applied to logits on a CPU: what vLLM does token by token of the vocabulary, whole rows at a time.

Runs inside a vLLM server. Knows vLLM's model runner by the one function that it takes the place of, whose result is
the same; on a GPU vLLM has a kernel, and nothing is done here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def apply_on_cpu(config: Any) -> None:
    """Where the server of the VllmConfig `config` computes on a CPU, have its model runner apply masks as here."""
    if torch.device(config.device_config.device).type == "cpu":
        from vllm.v1.worker import gpu_model_runner  # the CPU's runner is made of it

        gpu_model_runner.apply_grammar_bitmask = apply_masks


def apply_masks(scheduler_output: Any, grammar_output: Any, input_batch: Any, logits: torch.Tensor) -> None:
    """Set to -inf what the masks do not admit. `logits`: one row for each draft of each request of `input_batch`, and
    one for the token after them; masks come in the order of `grammar_output`, and rows without one stay as they are."""
    drafts = scheduler_output.scheduled_spec_decode_tokens
    first, row = dict[str, int](), 0
    for name in input_batch.req_ids:
        first[name] = row
        row += 1 + len(drafts.get(name, ()))
    rows, chosen, place = list[int](), list[int](), 0
    for name in grammar_output.structured_output_request_ids:
        count = 1 + len(drafts.get(name, ()))
        if name in first:
            rows.extend(range(first[name], first[name] + count))
            chosen.extend(range(place, place + count))
        place += count
    masks = grammar_output.grammar_bitmask
    refused = np.zeros((logits.shape[0], masks.shape[1]), dtype=np.int32)
    refused[rows] = ~masks[chosen]
    width = min(logits.shape[1], 32 * masks.shape[1])
    bits = np.unpackbits(refused.view(np.uint8), axis=1, count=width, bitorder="little")
    logits[:, :width].masked_fill_(torch.from_numpy(bits.view(np.bool_)), -torch.inf)
