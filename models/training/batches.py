"""Batches: exercises as padded rows of tokens, and which positions of them count for the loss.

Knows the chat template's tokens and how rows of like length are gathered, in this process or in several. Does not know
the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from models.engines.engine import Message
from models.training.exercise import Exercise
from models.training.tokenizer import ASSISTANT, END, PAD_ID

Render = Callable[[Exercise], Sequence[Message]]
"""Lays an exercise out as the pipeline's own prompt."""
Source = Callable[[int], Iterator[Exercise]]
"""Seed -> exercises, for ever. It can be pickled, so that other processes can be told to call it."""
Row = tuple[list[int], int, list[bool]]
"""Token ids, how many of them are the prompt, and which of the others the model has to write by itself."""

LENGTHS = (96, 128, 160, 192, 240, 320, 400)
"""Padded lengths in tokens: few, since each is compiled once. Longer exercises are left out."""
AT_ONCE = 256
"""Exercises that are tokenised in one call."""


class Batch(NamedTuple):
    """Rows of like length. `ids` (rows, length) is what is read; `places` (n,) are the positions of the flattened rows
    whose next token, `targets` (n,), counts for the loss; `output` (n,) is 1.0 where the model has to write it by
    itself and 0.0 where it is a sample of the prompt.
    """

    ids: Tensor
    places: Tensor
    targets: Tensor
    output: Tensor

    def to(self, device: str) -> Batch:
        """A copy on `device`; from pinned memory, it is not waited for."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


@dataclass(frozen=True)
class Batches(IterableDataset[Batch]):
    """Batches of about `tokens` padded tokens, for ever.

    In a DataLoader's worker number n the exercises are those of seed `seed` + 1000 n: workers never share a stream, and
    the same seed with the same number of workers gives the same batches in the same order.
    """

    source: Source
    render: Render
    tokenizer: Tokenizer
    tokens: int
    prompt_share: float
    seed: int

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        seed = self.seed + (1000 * worker.id if worker else 0)
        draw = torch.Generator().manual_seed(seed)
        waiting: dict[int, list[Row]] = {length: [] for length in LENGTHS}
        exercises = self.source(seed)
        while some := list(islice(exercises, AT_ONCE)):
            for row in encode(some, self.render, self.tokenizer):
                length = next((size for size in LENGTHS if len(row[0]) <= size + 1), None)
                if length is None:
                    continue
                waiting[length].append(row)
                if len(waiting[length]) >= self.tokens // length:
                    yield collate(waiting[length], length, self.prompt_share, draw)
                    waiting[length] = []


def encode(exercises: Sequence[Exercise], render: Render, tokenizer: Tokenizer) -> list[Row]:
    """One row an exercise: the prompt and the opening of the answer as the chat template has them, then the answer."""
    prompts = [
        "".join(f"<|{message.role}|>{message.content}" for message in render(exercise)) + ASSISTANT
        for exercise in exercises
    ]
    answers = [exercise.target() for exercise in exercises]
    read = tokenizer.encode_batch_fast(prompts)
    written = tokenizer.encode_batch([answer + END for answer in answers])
    rows: list[Row] = []
    for exercise, prompt, answer, tokens in zip(exercises, read, answers, written, strict=True):
        own = bytearray(b"\1") * (len(answer) + len(END))
        for start, end in exercise.forced(answer):
            own[start:end] = bytes(end - start)
        ids = prompt.ids
        # A token is the model's own unless all of it is a name that the grammar writes.
        rows.append((ids + tokens.ids, len(ids), [own.find(1, start, end) >= 0 for start, end in tokens.offsets]))
    return rows


def collate(rows: Sequence[Row], length: int, prompt_share: float, draw: torch.Generator) -> Batch:
    """Rows of at most `length` + 1 tokens as a batch; `prompt_share` of the prompts' tokens count for the loss too."""
    whole = torch.tensor([ids + [PAD_ID] * (length + 1 - len(ids)) for ids, _, _ in rows])
    output = torch.tensor(
        [[False] * (prompt - 1) + own + [False] * (length - prompt + 1 - len(own)) for _, prompt, own in rows]
    )
    prompts = torch.tensor([prompt for _, prompt, _ in rows])
    some = torch.rand(output.shape, generator=draw) < prompt_share
    counted = output | (some & (torch.arange(length) < (prompts - 1)[:, None]))
    places = counted.flatten().nonzero().squeeze(1)
    return Batch(
        whole[:, :-1].contiguous(), places, whole[:, 1:].flatten()[places], output.flatten()[places].to(torch.float32)
    )


def fixed(exercises: Sequence[Exercise], render: Render, tokenizer: Tokenizer) -> list[Batch]:
    """These exercises as batches of at most 64, of which only the output counts; those too long are left out."""
    longest = LENGTHS[-1]
    rows = [row for row in encode(exercises, render, tokenizer) if len(row[0]) <= longest + 1]
    groups = (rows[n : n + 64] for n in range(0, len(rows), 64))
    return [collate(group, longest, 0.0, torch.Generator()) for group in groups]


def load(batches: Batches, workers: int, pin: bool) -> Iterator[Batch]:
    """The batches, made by this many other processes; by this one if `workers` is 0. `pin`: for a copy to a GPU."""
    if not workers:
        return iter(batches)
    # Spawned, not forked: threads of torch and of the tokenizer are running here, and a fork would copy their locks.
    loader = DataLoader(
        batches, None, num_workers=workers, pin_memory=pin, prefetch_factor=4, multiprocessing_context="spawn"
    )
    return iter(loader)
