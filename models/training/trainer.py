"""Trains the shipped model: exercises in, a Hugging Face folder out, within a given number of minutes.

The loss is on what the model has to write by itself (not on field names, which the grammar forces), and on a few of the
prompt's tokens, which teaches it to read.
Matrices learn by Muon (Jordan et al. 2024), the rest by AdamW. Runs on CPU or GPU; the learning rate follows the
share of the time budget that is used up, so that a slower machine still ends with a finished schedule.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor

from models.engine import Message
from models.training.circuit import install_copying
from models.training.exercise import Exercise
from models.training.network import Network, Shape, llama_config, to_llama
from models.training.tokenizer import ASSISTANT, END, PAD, save_tokenizer, train_tokenizer

Render = Callable[[Exercise], Sequence[Message]]
"""Lays an exercise out as the pipeline's own prompt."""

LENGTHS = (96, 128, 160, 192, 240, 320)
"""Padded lengths in tokens: few, since each is compiled once. Longer exercises are left out."""


@dataclass(frozen=True)
class Recipe:
    """How long and how hard to train. Rates are peaks; `batch` is in tokens."""

    minutes: float = 60.0
    batch: int = 4096
    matrix_rate: float = 0.01
    other_rate: float = 3e-3
    prompt_share: float = 0.06
    warmup: float = 0.01
    decay: float = 0.5
    seed: int = 0
    compile: bool = True


@dataclass(frozen=True)
class Progress:
    """Where training stands: share of time used, steps, tokens, mean output loss of the last 50 steps (nats/token)."""

    share: float
    steps: int
    tokens: int
    loss: float


def train(
    exercises: Iterator[Exercise],
    sample: Iterator[Exercise],
    render: Render,
    out: Path,
    recipe: Recipe,
    shape: Shape,
    report: Callable[[Progress], None],
    start: Path | None = None,
) -> Progress:
    """Train from scratch (or go on from `start`, a checkpoint of an earlier training) and write the model to `out`.

    `exercises` are practised in order; `sample` is what the tokenizer is made from.
    """
    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if start is None:
        texts = (text for exercise in islice(sample, 30_000) for text in _texts(exercise, render))
        tokenizer = train_tokenizer(texts, shape.vocabulary)
    else:
        tokenizer = Tokenizer.from_file(str(start / "tokenizer.json"))
    network = Network(shape).to(device)
    if start is None:
        install_copying(network)
    else:
        network.load_state_dict(torch.load(start / "checkpoint.pt", weights_only=True))
    forward = torch.compile(network, dynamic=False) if recipe.compile else network
    matrices = [p for name, p in network.named_parameters() if p.ndim == 2 and name != "embedding"]
    norms = [p for p in network.parameters() if p.ndim != 2]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(matrices, lr=recipe.matrix_rate, weight_decay=0.01),
        torch.optim.AdamW([network.embedding, *norms], lr=recipe.other_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    peaks = (recipe.matrix_rate, recipe.other_rate)
    batches = _batches(exercises, render, tokenizer, recipe)
    began, steps, tokens, losses = time.monotonic(), 0, 0, list[float]()
    saved = began
    while (share := (time.monotonic() - began) / (60 * recipe.minutes)) < 1:
        rate = min(1.0, max(share, 1e-4) / recipe.warmup, (1 - share) / recipe.decay)
        for optimizer, peak in zip(optimizers, peaks, strict=True):
            optimizer.param_groups[0]["lr"] = peak * max(rate, 0.01)
        ids, weights, output = (tensor.to(device) for tensor in next(batches))
        with torch.autocast(device, torch.bfloat16):
            states = forward(ids[:, :-1])
        chosen = weights[:, 1:]
        each = F.cross_entropy(network.logits(states[chosen]), ids[:, 1:][chosen], reduction="none")
        each.mean().backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        steps, tokens = steps + 1, tokens + ids.numel()
        losses.append(each[output[:, 1:][chosen]].mean().item())
        if steps % 50 == 0:
            report(Progress(share, steps, tokens, sum(losses[-50:]) / 50))
        if time.monotonic() - saved > 300:
            save(network, tokenizer, out)
            saved = time.monotonic()
    save(network, tokenizer, out)
    return Progress(1.0, steps, tokens, sum(losses[-50:]) / max(1, len(losses[-50:])))


def save(network: Network, tokenizer: Tokenizer, out: Path) -> None:
    """Write a folder that transformers and vLLM load as it is, and `checkpoint.pt` in float32 to go on from."""
    out.mkdir(parents=True, exist_ok=True)
    save_tokenizer(tokenizer, out, network.shape.context)
    (out / "config.json").write_text(json.dumps(llama_config(network.shape), indent=2) + "\n")
    (out / "generation_config.json").write_text(json.dumps({"eos_token_id": 1, "pad_token_id": 0}, indent=2) + "\n")
    save_file(to_llama(network), out / "model.safetensors", metadata={"format": "pt"})
    torch.save(network.state_dict(), out / "checkpoint.pt")


def _texts(exercise: Exercise, render: Render) -> list[str]:
    return [*(message.content for message in render(exercise)), exercise.target()]


def _encode(exercise: Exercise, render: Render, tokenizer: Tokenizer) -> tuple[list[int], list[bool]]:
    # The chat template's tokens, and which of them the model has to write by itself.
    ids: list[int] = []
    for message in render(exercise):
        ids += [*tokenizer.encode(f"<|{message.role}|>").ids, *tokenizer.encode(message.content).ids]
    ids += tokenizer.encode(ASSISTANT).ids
    answer = tokenizer.encode(exercise.target())
    spans = exercise.forced()
    learnt = [not any(a <= start and end <= b for a, b in spans) for start, end in answer.offsets]
    return [*ids, *answer.ids, *tokenizer.encode(END).ids], [*[False] * len(ids), *learnt, True]


def _batches(
    exercises: Iterator[Exercise], render: Render, tokenizer: Tokenizer, recipe: Recipe
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    # (ids, which tokens count for the loss, which of these are output), each (rows, length); rows of like length.
    r = random.Random(recipe.seed)
    waiting: dict[int, list[tuple[list[int], list[bool]]]] = {length: [] for length in LENGTHS}
    pad = tokenizer.encode(PAD).ids[0]
    for exercise in exercises:
        ids, learnt = _encode(exercise, render, tokenizer)
        length = next((size for size in LENGTHS if len(ids) <= size + 1), None)
        if length is None:
            continue
        waiting[length].append((ids, learnt))
        if len(waiting[length]) < recipe.batch // length:
            continue
        rows = waiting[length]
        waiting[length] = []
        tensor = torch.full((len(rows), length + 1), pad)
        weights, output = torch.zeros_like(tensor, dtype=torch.bool), torch.zeros_like(tensor, dtype=torch.bool)
        for n, (row, mine) in enumerate(rows):
            tensor[n, : len(row)] = torch.tensor(row)
            output[n, : len(row)] = torch.tensor(mine)
            weights[n, [i for i in range(1, mine.index(True)) if r.random() < recipe.prompt_share]] = True
        yield tensor, weights | output, output
