from __future__ import annotations

from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.engines.vllm.applied_masks import apply_masks


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tokens", [96, 90, 100])  # a row of logits may end before or behind its mask's last bit
@pytest.mark.parametrize("last_alone", [False, True])  # the token behind each request's drafts
@pytest.mark.parametrize("seed", range(4))
def test_they_refuse_the_tokens_whose_bits_are_not_set_in_their_own_row(
    kind: torch.dtype, tokens: int, last_alone: bool, seed: int
) -> None:
    random, numbers = Random(seed), np.random.default_rng(seed)
    batch = [str(number) for number in range(20)]
    drafts = {name: [0] * random.randint(1, 8) for name in batch if random.random() < 0.5}
    asked = [*random.sample(batch, 1 + 6 * seed), "gone"]  # in another order; the others write freely, one has left
    places = [(name, place) for name in asked for place in range(1 + len(drafts.get(name, ())))]
    masks = numbers.integers(-(2**31), 2**31, (len(places), 3), dtype=np.int32)
    rows = [(name, place) for name in batch for place in range(1 + len(drafts.get(name, ())))]
    rows = [(name, place) for name, place in rows if place == len(drafts.get(name, ())) or not last_alone]
    logits = torch.randn(len(rows), tokens).to(kind)
    expected = logits.clone()
    for number, where in enumerate(rows):
        for token in range(min(tokens, 96)) if where in places else ():
            if not int(masks[places.index(where)][token // 32]) >> token % 32 & 1:
                expected[number, token] = -torch.inf
    planned = SimpleNamespace(scheduled_spec_decode_tokens=drafts)
    given = SimpleNamespace(structured_output_request_ids=asked, grammar_bitmask=masks)
    apply_masks(planned, given, SimpleNamespace(req_ids=batch), logits)
    assert torch.equal(logits, expected)
    assert torch.isinf(logits).any()
