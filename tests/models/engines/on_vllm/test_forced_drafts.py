from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch

from models.engines.vllm.forced_drafts import behind_drafts, take_forced_drafts


def test_a_row_has_the_drafts_of_a_request_and_the_token_behind_them() -> None:
    tokens = behind_drafts(torch.tensor([1, 2, 3, 4]), [3, 0, 1], torch.tensor([[7], [8], [9]]))
    assert tokens.dtype == torch.int32
    assert tokens.tolist() == [[1, 2, 3, 7], [8, -1, -1, -1], [4, 9, -1, -1]]


@dataclass
class Asked:
    """What vLLM knows of how a step's tokens are drawn."""

    max_num_logprobs: int | None = None
    logprob_token_ids: dict[int, list[int]] | None = None


class Told(NamedTuple):
    """Likelihoods as vLLM writes them."""

    logprob_token_ids: torch.Tensor
    logprobs: torch.Tensor
    selected_token_ranks: torch.Tensor


class Sampler:
    """Draws the likeliest token, and changes logits as vLLM's does."""

    logprobs_mode = "raw_logprobs"

    def __call__(self, logits: torch.Tensor, sampling_metadata: Asked, predict_bonus_token: bool) -> Any:
        assert sampling_metadata.max_num_logprobs is None
        drawn = logits.argmax(-1, keepdim=True)
        logits[:] = 0
        return SimpleNamespace(sampled_token_ids=drawn, logprobs_tensors=None)

    def compute_logprobs(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.log_softmax(-1)

    def gather_logprobs(self, logprobs: torch.Tensor, num_logprobs: int, token_ids: torch.Tensor) -> Told:
        own, (values, likeliest) = token_ids.unsqueeze(1), logprobs.topk(num_logprobs)
        told = torch.cat((own, likeliest), 1), torch.cat((logprobs.gather(1, own), values), 1)
        return Told(*told, torch.ones_like(token_ids))


class Runner:
    """Places of logits and samples the way vLLM has them, for two requests with two drafts and none."""

    def __init__(self, drafts: Sequence[int] = (5, 6), told: dict[str, int] | None = None, **asked: Any) -> None:
        self.drafts, self.sampler = drafts, Sampler()
        told = told or {}
        metadata = Asked(max(told.values(), default=None), **asked)
        self.input_batch = SimpleNamespace(req_ids=["drafted", "plain"], num_logprobs=told, sampling_metadata=metadata)

    def _calc_spec_decode_metadata(self, num_draft_tokens: list[int], cu_num_scheduled_tokens: list[int]) -> Any:
        return SimpleNamespace(
            num_draft_tokens=num_draft_tokens,
            draft_token_ids=torch.tensor(self.drafts),
            logits_indices=torch.tensor([10, 11, 12, 40]),
            bonus_logits_indices=torch.tensor([2, 3]),
        )

    def _sample(self, logits: torch.Tensor, spec_decode_metadata: Any) -> Any:
        return "theirs"


class Taking(Runner): ...


take_forced_drafts(Taking)


@pytest.mark.parametrize(
    "asked",
    [{}, {"told": {"plain": 2}}, {"told": {"plain": -1}}, {"logprob_token_ids": {0: [1]}}, {"drafts": [5, -1]}],
)
def test_drafts_have_no_logits_unless_all_of_the_vocabulary_is_asked_for_or_nobody_made_them(
    asked: dict[str, Any],
) -> None:
    runner = Taking(**asked)
    theirs = asked not in ({}, {"told": {"plain": 2}})
    metadata = runner._calc_spec_decode_metadata([2, 0], [13, 41])
    assert metadata.logits_indices.tolist() == ([10, 11, 12, 40] if theirs else [12, 40])
    output = runner._sample(torch.eye(4)[: len(metadata.logits_indices)], metadata)
    assert output == "theirs" if theirs else output.sampled_token_ids.tolist() == [[5, 6, 0], [1, -1, -1]]
    assert runner._sample(torch.eye(4), None) == "theirs"  # a step without drafts


@pytest.mark.parametrize("asking", [{"plain": 2}, {"drafted": 2}, {"drafted": 2, "plain": 1}])
def test_what_was_likely_is_told_of_drawn_tokens_and_of_a_draft_that_nothing_else_was(asking: dict[str, int]) -> None:
    runner = Taking(told=asking)
    logits = torch.tensor([[9.0, 0, 1.0, 0], [0, 1.0, 3.0, 2.0]])
    likely = logits.log_softmax(-1)
    output = runner._sample(logits, runner._calc_spec_decode_metadata([2, 0], [13, 41]))
    assert output.sampled_token_ids.tolist() == [[5, 6, 0], [2, -1, -1]]
    told = output.logprobs_tensors
    assert len(told.logprobs) == output.sampled_token_ids.numel()
    if "drafted" in asking:
        assert [set(each) for each in told.logprob_token_ids[:2].tolist()] == [{5}, {6}]
        assert not told.logprobs[:2].any()
        assert told.logprob_token_ids[2].tolist() == [0, 0, 2]
        assert torch.allclose(told.logprobs[2], likely[0, [0, 0, 2]])
    if "plain" in asking:
        assert told.logprob_token_ids[3].tolist() == [2, 2, 3]
        assert torch.allclose(told.logprobs[3], likely[1, [2, 2, 3]])
