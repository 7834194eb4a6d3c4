from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from models.engines.vllm.forced_drafts import behind_drafts, take_forced_drafts


def test_a_row_has_the_drafts_of_a_request_and_the_token_behind_them() -> None:
    tokens = behind_drafts(torch.tensor([1, 2, 3, 4]), [3, 0, 1], torch.tensor([[7], [8], [9]]))
    assert tokens.dtype == torch.int32
    assert tokens.tolist() == [[1, 2, 3, 7], [8, -1, -1, -1], [4, 9, -1, -1]]


class Runner:
    """Places of logits and samples the way vLLM has them, for two requests with two drafts and none."""

    def __init__(self, drafts: Sequence[int] = (5, 6), **asked: Any) -> None:
        self.drafts = drafts
        asked = {"max_num_logprobs": None, "logprob_token_ids": None} | asked
        self.input_batch = SimpleNamespace(sampling_metadata=SimpleNamespace(**asked))

    def _calc_spec_decode_metadata(self, num_draft_tokens: list[int], cu_num_scheduled_tokens: list[int]) -> Any:
        return SimpleNamespace(
            num_draft_tokens=num_draft_tokens,
            draft_token_ids=torch.tensor(self.drafts),
            logits_indices=torch.tensor([10, 11, 12, 40]),
            bonus_logits_indices=torch.tensor([2, 3]),
        )

    def _sample(self, logits: torch.Tensor, spec_decode_metadata: Any) -> str:
        return "theirs"

    def sampler(self, logits: torch.Tensor, sampling_metadata: Any, predict_bonus_token: bool) -> Any:
        return SimpleNamespace(sampled_token_ids=logits.argmax(-1, keepdim=True))


@pytest.mark.parametrize("asked", [{}, {"max_num_logprobs": 0}, {"logprob_token_ids": {0: [1]}}, {"drafts": [5, -1]}])
def test_drafts_have_no_logits_unless_somebody_asks_how_likely_they_were_or_nobody_made_them(
    asked: dict[str, Any],
) -> None:
    class Taking(Runner): ...

    take_forced_drafts(Taking)
    runner = Taking(**asked)
    metadata = runner._calc_spec_decode_metadata([2, 0], [13, 41])
    assert metadata.logits_indices.tolist() == ([10, 11, 12, 40] if asked else [12, 40])
    output = runner._sample(torch.eye(4)[: len(metadata.logits_indices)], metadata)
    assert output == "theirs" if asked else output.sampled_token_ids.tolist() == [[5, 6, 0], [1, -1, -1]]
    assert runner._sample(torch.eye(4), None) == "theirs"  # a step without drafts
