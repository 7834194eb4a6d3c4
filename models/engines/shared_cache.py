"""SharedCache: the keys and values of the rows that are decoded together, which come and go one by one.

Knows transformers' cache, and that rows of one batch move on by different numbers of tokens; knows nothing of grammars
or draws. The model is called as it is and the cache is made here: transformers' `generate` promises nothing of what it
hands to a decoding method of one's own, and changed it in 5.24.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import DynamicCache

_CACHE = ("cache", "past_key_values")
"""What a model calls the cache it is given: since transformers 5.24, and before."""

SHARED = 64
"""Tokens that two prompts must begin with for the second to take them over: fewer are read as fast."""

PART = 32
"""Positions whose probabilities are computed at once: of a large vocabulary a few megabytes each."""

SLACK = 1.25
"""The cache is packed anew where it is so much wider than its longest row."""


def can_share(model: Any) -> bool:
    """Whether a model's cache may have gaps: only where every layer attends to everything and positions are given."""
    config = model.config.get_text_config()
    layers = getattr(config, "layer_types", None) or ["full_attention"]
    if set(layers) != {"full_attention"} or any(DynamicCache(config=config).is_sliding):
        return False
    taken = _taken(model)
    return "position_ids" in taken and any(name in taken for name in _CACHE)


class Reading:
    """A prompt that is being read, a piece at a time, in a cache of its own: it is not padded, so that what is read
    does not depend on who else is there. With `scored`, `logprobs` gets those of its tokens but the first."""

    def __init__(self, model: Any, prompt: Sequence[int], scored: bool = False) -> None:
        self.cache = DynamicCache(config=model.config)
        self.logits: torch.Tensor | None = None
        self.logprobs: list[float] = []
        self._scored = scored
        self._model = model
        self._prompt = torch.tensor([list(prompt)], device=model.device)
        self._read = 0

    def begin(self, before: Reading | None) -> None:
        """Take over what this prompt, of which nothing is read, begins with from one that is read, such as an
        instruction with its form."""
        if before is None or self._read or self._scored:  # what is taken over has no logits
            return
        length = min(before._prompt.shape[1], self._prompt.shape[1] - 1)  # the last token's logits are wanted
        differ = (before._prompt[0, :length] != self._prompt[0, :length]).nonzero()
        shared = int(differ[0]) if len(differ) else length
        if shared < SHARED:
            return
        for number, layer in enumerate(before.cache.layers):
            self.cache.update(layer.keys[:, :, :shared], layer.values[:, :, :shared], number)
        self._read = shared

    def go_on(self, most: int) -> int:
        """Read at most so many tokens more, and say how many. `logits`, (1, vocabulary), once all are read."""
        piece = self._prompt[:, self._read : self._read + most]
        positions = torch.arange(self._read, self._read + piece.shape[1], device=piece.device).unsqueeze(0)
        self._read += piece.shape[1]
        mask = torch.ones((1, self._read), dtype=torch.long, device=piece.device)
        logits = _forward(self._model, self.cache, piece, mask, positions, 0 if self._scored else 1)
        if self._scored:
            self._score(logits[0], self._prompt[0, self._read - piece.shape[1] + 1 : self._read + 1])
        if self._read == self._prompt.shape[1]:
            self.logits = _last(logits)
        return piece.shape[1]

    def _score(self, logits: torch.Tensor, following: torch.Tensor) -> None:
        """Note how likely each token was behind the one whose `logits`, (tokens, vocabulary), stand before it; nothing
        follows the prompt's last."""
        for start in range(0, len(following), PART):
            ids = following[start : start + PART, None]
            shares = logits[start : start + len(ids)].to(torch.float32).log_softmax(-1)
            self.logprobs += shares.gather(1, ids)[:, 0].tolist()


class SharedCache:
    """The cache of several rows. `mask`, int64 (rows, width): what of it is a row's own; the rest are gaps."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cache = DynamicCache(config=model.config)
        self.mask = torch.zeros((0, 0), dtype=torch.long, device=model.device)

    def step(self, fed: torch.Tensor, here: torch.Tensor) -> torch.Tensor:
        """The logits, float32 (rows, vocabulary), behind the tokens `fed`, (rows, width), padded on the left where
        `here` is 0."""
        self.mask = torch.cat([self.mask, here], dim=1)
        # A gap of the cache is masked, and counts for no position.
        positions = (self.mask.cumsum(dim=-1) - 1).clamp(min=0)[:, -fed.shape[1] :]
        return _last(_forward(self._model, self._cache, fed, self.mask, positions))

    def join(self, readings: Sequence[Reading]) -> None:
        """Take rows in whose prompts are read, behind those that are here."""
        if not readings:
            return
        self._pack(range(len(self.mask)), 1.0)
        masks = [reading.cache.get_seq_length() for reading in readings]
        width = max(self.mask.shape[1], *masks)
        rows = [self.mask, *[self.mask.new_ones((1, length)) for length in masks]]
        caches = [reading.cache for reading in readings]
        if len(self.mask):
            caches = [self._cache, *caches]
        else:
            rows = rows[1:]
        joined = DynamicCache(config=self._model.config)
        for number, layers in enumerate(zip(*[cache.layers for cache in caches], strict=True)):
            keys, values = ([getattr(layer, kind) for layer in layers] for kind in ("keys", "values"))
            joined.update(_stacked(keys, width), _stacked(values, width), number)
        self._cache = joined
        self.mask = torch.cat([torch.nn.functional.pad(row, (width - row.shape[1], 0)) for row in rows])

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only."""
        if rows:
            self._pack(rows, SLACK)
        else:
            self._cache, self.mask = DynamicCache(config=self._model.config), self.mask[:0, :0]

    def _pack(self, rows: Sequence[int], slack: float) -> None:
        """Drop the other rows, and the gaps where they make the cache wider by `slack`."""
        if len(rows) < len(self.mask):
            index = torch.tensor(list(rows), device=self.mask.device)
            self.mask = self.mask[index]
            self._cache.batch_select_indices(index)
        if not len(self.mask):
            return
        longest = int(self.mask.sum(dim=1).max())
        if self.mask.shape[1] <= longest * slack:
            return
        # Stable: the gaps come first, and what is a row's own stays in its order.
        order = self.mask.argsort(dim=1, stable=True)[:, -longest:]
        self.mask = self.mask.gather(1, order)
        packed = DynamicCache(config=self._model.config)
        for number, layer in enumerate(self._cache.layers):
            keys, values = (
                kept.gather(2, order[:, None, :, None].expand(-1, kept.shape[1], -1, kept.shape[3]))
                for kept in (layer.keys, layer.values)
            )
            packed.update(keys, values, number)
        self._cache = packed


def _stacked(parts: Sequence[torch.Tensor], width: int) -> torch.Tensor:
    """Keys or values of one layer, (rows, heads, length, size) each, as one tensor, padded on the left to `width`."""
    return torch.cat([torch.nn.functional.pad(part, (0, 0, width - part.shape[2], 0)) for part in parts])


def _forward(
    model: Any, cache: DynamicCache, fed: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, kept: int = 1
) -> torch.Tensor:
    """The logits behind the last `kept` tokens, 0: behind all, (rows, tokens, vocabulary), in the model's dtype; behind
    all of a model that cannot leave any out."""
    taken = _taken(model)
    named = {next(name for name in _CACHE if name in taken): cache, "use_cache": True, "return_dict": True}
    if "logits_to_keep" in taken:
        named["logits_to_keep"] = kept
    logits: torch.Tensor = model(input_ids=fed, attention_mask=mask, position_ids=positions, **named).logits
    return logits


def _last(logits: torch.Tensor) -> torch.Tensor:
    """Those behind the last token, float32 (rows, vocabulary), without the others."""
    return logits[:, -1].to(copy=True, dtype=torch.float32)


def _taken(model: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(model.forward).parameters
