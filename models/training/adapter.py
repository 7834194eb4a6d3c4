"""Trains an adapter (LoRA, Hu et al. 2021) for a pretrained model: packs of lessons in, a peft folder out.

Only the upper layers learn, so that below them nothing is kept for a way back; what the rows of a pack begin with is
computed once, and its keys and values stand behind each row. Loss on the model's own tokens alone. Knows packs; does
not know where they come from.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from models.training.lesson import Pack

MATRICES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@dataclass(frozen=True)
class AdapterRecipe:
    """`rank` of each change, which counts `alpha` / `rank`; `frozen`: share of the layers, from below, that do not
    learn. `rate` is the peak of the learning rate; `packs` make a step; `warmup` is in steps, `decay` a share of the
    time.
    """

    minutes: float = 60.0
    rank: int = 16
    alpha: int = 32
    frozen: float = 0.5
    rate: float = 1e-3
    packs: int = 2
    warmup: int = 10
    decay: float = 0.7
    every: float = 8.0


class Watched(NamedTuple):
    """Own tokens of held-out lessons: mean loss in nats, and the share of lessons of which each would be drawn right
    at temperature 0 (without the grammar's help, which only makes it more)."""

    loss: float
    whole: float


@dataclass(frozen=True)
class Progress:
    """`tokens`: positions computed, those of shared beginnings once; `lessons` that they are of; `loss` since the last
    report, by part; `watched`: held-out lessons, by part."""

    minutes: float
    steps: int
    tokens: int
    lessons: int
    loss: Mapping[str, float]
    watched: Mapping[str, Watched] = field(default_factory=dict)


def prepare(folder: Path, recipe: AdapterRecipe, device: str) -> tuple[Any, Any]:
    """The tokenizer of the model in `folder`, and the model with an untrained adapter, as peft has it."""
    from peft import LoraConfig, get_peft_model  # type: ignore[import-not-found, unused-ignore]
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).to(device)
    layers = base.config.num_hidden_layers
    upper = list(range(int(layers * recipe.frozen), layers))
    config = LoraConfig(
        r=recipe.rank, lora_alpha=recipe.alpha, target_modules=MATRICES, layers_to_transform=upper,
        task_type="CAUSAL_LM",
    )  # fmt: skip
    return AutoTokenizer.from_pretrained(folder), get_peft_model(base, config)


def train(
    model: Any,
    packs: Iterator[tuple[str, Pack]],
    out: Path,
    recipe: AdapterRecipe,
    report: Callable[[Progress], None],
    watch: Mapping[str, Sequence[Pack]] = {},
) -> Progress:
    """Train the adapter of `model` (`prepare`) on packs, each with the name of its part, and write it to `out` every
    few minutes and at the end. Raises ArithmeticError when the loss is no longer a number.
    """
    network = model.get_base_model()  # with the adapter in it
    learned = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.0)
    steps = tokens = lessons = 0
    recent: dict[str, list[float]] = {}
    began, reported = time.monotonic(), -math.inf

    def progress() -> Progress:
        seen = {part: watched(network, some) for part, some in watch.items()}
        loss = {part: sum(each) / len(each) for part, each in recent.items()}
        return Progress((time.monotonic() - began) / 60, steps, tokens, lessons, loss, seen)

    while (minutes := (time.monotonic() - began) / 60) < recipe.minutes:
        if minutes - reported >= recipe.every:
            report(progress())
            if steps:
                model.save_pretrained(out / f"step-{steps}")
            recent, reported = {}, minutes
        left = (1 - minutes / recipe.minutes) / recipe.decay
        optimizer.param_groups[0]["lr"] = recipe.rate * max(min(1.0, (steps + 1) / recipe.warmup, left), 0.01)
        for _ in range(recipe.packs):
            part, pack = next(packs)
            each = losses(network, pack)
            loss = torch.stack([one.sum() / len(one) ** 0.5 for one in each]).mean()
            (loss / recipe.packs).backward()  # type: ignore[no-untyped-call]
            recent.setdefault(part, []).append(torch.cat(each).mean().item())
            tokens, lessons = tokens + pack.tokens, lessons + len(pack.rows)
            if not math.isfinite(loss.item()):
                raise ArithmeticError(f"the loss is {loss.item()} after {steps} steps")
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        steps += 1
    end = progress()
    report(end)
    model.save_pretrained(out)
    return end


def losses(network: Any, pack: Pack) -> list[Tensor]:
    """Of each row, the loss (nats) of each token that the model writes by itself. `network`: a causal model of
    transformers."""
    logits, targets, counts = _predicted(network, pack)
    return list(torch.split(F.cross_entropy(logits.float(), targets, reduction="none"), counts))


@torch.no_grad()
def watched(network: Any, packs: Sequence[Pack]) -> Watched:
    """How well held-out lessons are known."""
    each: list[Tensor] = []
    right: list[bool] = []
    for pack in packs:
        logits, targets, counts = _predicted(network, pack)
        each += torch.split(F.cross_entropy(logits.float(), targets, reduction="none"), counts)
        right += [bool(row.all()) for row in torch.split(logits.argmax(-1) == targets, counts)]
    return Watched(torch.cat(each).mean().item(), sum(right) / len(right))


def _predicted(network: Any, pack: Pack) -> tuple[Tensor, Tensor, list[int]]:
    """Logits where own tokens follow (n, vocabulary), these tokens (n,), and how many each row has."""
    device, width = network.device, max(len(row.ids) for row in pack.rows)
    ids = torch.zeros(len(pack.rows), width, dtype=torch.long)
    own = torch.zeros(len(pack.rows), width, dtype=torch.bool)
    mask = torch.zeros(len(pack.rows), len(pack.shared) + width, dtype=torch.long)
    for index, row in enumerate(pack.rows):
        ids[index, : len(row.ids)] = torch.tensor(row.ids)
        own[index, : len(row.own)] = torch.tensor(row.own)
        mask[index, : len(pack.shared) + len(row.ids)] = 1
    ids, own, mask = ids.to(device), own.to(device), mask.to(device)
    decoder = network.model
    with torch.autocast(device.type, torch.bfloat16):
        begun = decoder(input_ids=torch.tensor([pack.shared], device=device), use_cache=True).past_key_values
        begun.batch_repeat_interleave(len(pack.rows))
        states = decoder(input_ids=ids[:, :-1], attention_mask=mask[:, :-1], past_key_values=begun).last_hidden_state
        following = own[:, 1:]
        logits = network.lm_head(states[following])
    return logits, ids[:, 1:][following], following.sum(1).tolist()
