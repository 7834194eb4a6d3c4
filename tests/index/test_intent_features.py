"""What every layer says of a text: the same in any company, and little of it computed for padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from index import Embedder
from index.intent_features import IntentFeatures


def test_messages_in_any_order_get_their_own_vectors_and_batches_hold_little_padding(embedder: Embedder) -> None:
    layers = IntentFeatures(embedder)
    wordy = [f"a b c d e f g h i j k {number}" for number in range(64)]
    long = [f"government information{number}" for number in range(32)]
    texts = wordy + long  # alike in characters, not in tokens
    shapes: list[tuple[int, int]] = []

    def seen(module: Any, arguments: Any, named: dict[str, Any]) -> None:
        del module, arguments
        shapes.append(tuple(named["input_ids"].shape))

    hook = embedder._model.transformers_model.register_forward_pre_hook(seen, with_kwargs=True)
    try:
        vectors = layers.encode(texts)
    finally:
        hook.remove()
    assert vectors.shape == (96, 7 * layers.dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert sum(rows * columns for rows, columns in shapes) <= 1.1 * sum(embedder.lengths(texts))
    for row in (0, 1, 40, 95):
        assert np.abs(layers.encode([texts[row]])[0] - vectors[row]).max() < 1e-5
    assert layers.encode([]).shape == (0, 7 * layers.dimensions)
