"""Intent features: what every layer of a sentence encoder says of a text, for telling intents apart.

The last layer alone is made for likeness of meaning; the words themselves stand in the lower ones. A regression on all
of them is wrong about CLINC150 a third less often than one on the sentence vector (97.4 % right instead of 95.9 on its
validation part), and costs the encoder nothing: they are by-products of the same pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from index.embedding import Embedder

_BATCH = 32
_CHARACTERS = 64 * 512
"""What of a text is looked at at all: no encoder reads more tokens than this has characters."""

Vectors = npt.NDArray[np.float32]


class IntentFeatures:
    """Reads an embedder's model; where that is no transformer with layers to see, its sentence vectors are all."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def fingerprint(self) -> str:
        """Names everything that shapes a vector. Loads the model."""
        return f"{self._embedder.fingerprint}:mean of each layer"

    @property
    def dimensions(self) -> int:
        """Columns of one layer. Loads the model."""
        return self._embedder.dimensions

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] = lambda done: None) -> Vectors:
        """One unit vector a text: each layer's mean over the tokens, at unit length, side by side.

        float32, shape (len(texts), (layers + 1) · d). `progress` gets the number of texts done. Call it in a thread.
        """
        embedder = self._embedder
        embedder.load()
        transformer = embedder._model.transformers_model
        if transformer is None:
            vectors = embedder.encode(texts)
            progress(len(texts))
            return vectors
        clean = [_clean(text) for text in texts]
        # By tokens, not by characters: a third of what a batch computes is padding otherwise.
        lengths = embedder.lengths(clean) if len(clean) > _BATCH else [0] * len(clean)
        order = sorted(range(len(clean)), key=lengths.__getitem__)
        parts: list[Vectors] = []
        for start in range(0, len(order), _BATCH):
            batch = [clean[row] for row in order[start : start + _BATCH]]
            parts.append(embedder._run(partial(_pooled, embedder._model, transformer, batch)))
            progress(start + len(batch))
        if not parts:
            parts = [embedder._run(partial(_pooled, embedder._model, transformer, [""]))[:0]]
        sorted_vectors = np.concatenate(parts)
        vectors = np.empty_like(sorted_vectors)
        vectors[order] = sorted_vectors
        return vectors


def _clean(text: str) -> str:
    # A lone surrogate (JSON's "\ud800") is a str to Python, and no text to a tokenizer.
    return text[:_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def _pooled(model: Any, transformer: Any, texts: Sequence[str]) -> Vectors:
    import torch

    length = int(model.max_seq_length or 512)
    tokens = model.tokenizer(list(texts), padding=True, truncation=True, max_length=length, return_tensors="pt")
    tokens = tokens.to(transformer.device)
    with torch.inference_mode():
        layers = transformer(**tokens, output_hidden_states=True).hidden_states
        mask = tokens["attention_mask"].unsqueeze(-1).to(layers[0].dtype)
        means = [torch.nn.functional.normalize((layer * mask).sum(1) / mask.sum(1), dim=1) for layer in layers]
        joined = torch.cat(means, dim=1) / len(means) ** 0.5
    vectors: Vectors = joined.float().cpu().numpy()
    return vectors
