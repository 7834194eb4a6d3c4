from __future__ import annotations

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from torch import nn

from index import Embedder
from index.linear import swap_linear


class Own(nn.Linear):
    """A linear layer whose weights are read by another."""


@pytest.mark.parametrize("shape", [(1, 5), (7, 5), (2, 3, 5), (0, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_swapped_layer_gives_the_same_numbers(shape: tuple[int, ...], bias: bool) -> None:
    model = nn.Sequential(nn.Linear(5, 4, bias=bias), nn.Sequential(nn.Tanh(), nn.Linear(4, 3, bias=bias)))
    rows = torch.randn(shape)
    with torch.inference_mode():
        before = model(rows)
        swap_linear(model)
        assert torch.allclose(model(rows), before, atol=1e-6)
    assert not any(type(module) is nn.Linear for module in model.modules())


def test_other_layers_and_other_precisions_stay() -> None:
    model = nn.Sequential(Own(5, 4), nn.Linear(4, 3, dtype=torch.bfloat16))
    layers = list(model)
    swap_linear(model)
    assert list(model) == layers


def test_an_encoder_gives_the_vectors_that_it_gives_elsewhere() -> None:
    embedder = Embedder(threads=1)
    texts = ["May I bring my dog?", "A refund takes ten days. " * 20, "", "é"]
    plain = SentenceTransformer(str(embedder.weights.folder), device="cpu")
    expected = plain.encode(texts, normalize_embeddings=True)
    assert np.abs(embedder.encode(texts) - expected).max() < 2e-6
