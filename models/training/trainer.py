"""Trains the shipped model: exercises in, a Hugging Face folder out, within a given number of minutes.

The loss is on what the model has to write by itself (not on field names, which the grammar forces), and on a few of the
prompt's tokens, which teaches it to read.
Matrices learn by Muon (Jordan et al. 2024), the rest by AdamW. Runs on CPU or GPU; the learning rate follows the
share of the time budget that is used up, so that a slower machine still ends with a finished schedule.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from models.training.batches import LENGTHS, Batch, Batches, Render, Source, fixed, load
from models.training.checkpoint import resume, save
from models.training.circuit import install_copying
from models.training.exercise import Exercise
from models.training.network import Network, Shape
from models.training.recipe import Recipe
from models.training.tokenizer import train_tokenizer

EXAMPLES = 30_000
"""Exercises that the tokenizer is made from."""


@dataclass(frozen=True)
class Progress:
    """Where training stands: share of time used, steps, tokens, mean output loss of the last steps (nats/token), and
    the output loss on the exercises that are watched, if any are.
    """

    share: float
    steps: int
    tokens: int
    loss: float
    watched: float | None = None


def train(
    source: Source,
    render: Render,
    out: Path,
    recipe: Recipe,
    shape: Shape,
    report: Callable[[Progress], None],
    start: Path | None = None,
    watch: Iterable[Exercise] = (),
) -> Progress:
    """Train from scratch (or go on from `start`, a folder of an earlier training) and write the model to `out`.

    Exercises are those of `source(recipe.seed)`, and of further seeds if there are workers. `watch` is not practised:
    its loss is reported. Raises ArithmeticError when the loss is no longer a number.
    """
    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if start is None:
        texts = (text for exercise in islice(source(recipe.seed + 10), EXAMPLES) for text in _texts(exercise, render))
        tokenizer, network = train_tokenizer(texts, shape.vocabulary), Network(shape)
        install_copying(network)
    else:
        tokenizer, network = resume(start, shape)
    network.to(device)
    stream = Batches(source, render, tokenizer, recipe.batch, recipe.prompt_share, recipe.seed)
    batches = load(stream, recipe.workers, pin=device == "cuda")
    forward = torch.compile(network, dynamic=False) if recipe.compile else network
    if device == "cuda":
        _compile_all(forward, recipe.batch, device)
        network.zero_grad()
    seen = [batch.to(device) for batch in fixed(list(watch), render, tokenizer)]
    matrices = [p for name, p in network.named_parameters() if p.ndim == 2 and name != "embedding"]
    rest = [network.embedding, *(p for p in network.parameters() if p.ndim != 2)]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(matrices, lr=recipe.matrix_rate, weight_decay=0.01),
        torch.optim.AdamW(
            rest, lr=recipe.other_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=device == "cuda" or None
        ),
    ]
    peaks = (recipe.matrix_rate, recipe.other_rate)
    steps, tokens, loss, recent = 0, 0, math.nan, list[Tensor]()
    began = saved = time.monotonic()
    while (share := (time.monotonic() - began) / (60 * recipe.minutes)) < 1:
        rate = min(1.0, max(share, 1e-4) / recipe.warmup, (1 - share) / recipe.decay)
        for optimizer, peak in zip(optimizers, peaks, strict=True):
            optimizer.param_groups[0]["lr"] = peak * max(rate, 0.01)
        batch = next(batches).to(device)
        each = _losses(network, forward, batch)
        each.mean().backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        steps, tokens = steps + 1, tokens + batch.ids.numel()
        recent.append(_output_loss(each.detach(), batch))
        if steps % recipe.every == 0:  # the only time that the GPU is waited for
            loss, recent = torch.stack(recent).mean().item(), []
            if not math.isfinite(loss):
                raise ArithmeticError(f"the loss is {loss} after {steps} steps")
            report(Progress(share, steps, tokens, loss, _watched(network, seen)))
        if time.monotonic() - saved > 300:
            save(network, tokenizer, out)
            saved = time.monotonic()
    save(network, tokenizer, out)
    loss = torch.stack(recent).mean().item() if recent else loss
    return Progress(1.0, steps, tokens, loss, _watched(network, seen))


def _losses(network: Network, forward: Callable[..., Tensor], batch: Batch) -> Tensor:
    # One loss for each position that counts. Positions come as indices: a mask's size would have to be waited for.
    with torch.autocast(batch.ids.device.type, torch.bfloat16):
        states = forward(batch.ids)
    logits = network.logits(states.flatten(0, 1).index_select(0, batch.places))
    return F.cross_entropy(logits, batch.targets, reduction="none")


def _output_loss(each: Tensor, batch: Batch) -> Tensor:
    return (each * batch.output).sum() / batch.output.sum()


@torch.no_grad()
def _watched(network: Network, batches: Sequence[Batch]) -> float | None:
    if not batches:
        return None
    return torch.stack([_output_loss(_losses(network, network, batch), batch) for batch in batches]).mean().item()


def _compile_all(forward: Callable[..., Tensor], tokens: int, device: str) -> None:
    # Before the clock starts: what takes a small part of an hour on a CPU would be a large part of a GPU's few minutes.
    for length in LENGTHS:
        ids = torch.zeros(tokens // length, length, dtype=torch.long, device=device)
        with torch.autocast(device, torch.bfloat16):
            forward(ids).float().mean().backward()  # type: ignore[no-untyped-call]


def _texts(exercise: Exercise, render: Render) -> list[str]:
    return [*(message.content for message in render(exercise)), exercise.target()]
