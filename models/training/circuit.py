"""A copying circuit to start training from: two attention layers that find a token's last occurrence and write what
came after it (an induction head, Olsson et al. 2022).

A network of this size finds the circuit by itself only after far more text than two CPU cores can read in an hour; put
in by hand, training is left with the question that matters, what to copy and where to begin. Every weight stays free.

Dimensions of the residual stream: [0, C) the token's code, [C, 2C) the code of the token before it (written by layer
0), the last one a constant, the rest free.
"""

from __future__ import annotations

import math
from typing import cast

import torch

from models.training.network import Block, Network

CONSTANT = 6.0
"""Value of the constant dimension of every embedding; tokens' codes have unit variance."""
SHARPNESS = 7.6
"""Length of query and key of the head that looks one token back: leads its neighbours by about 6 in the softmax."""
MATCH = 1.63
"""Scale of query and key of the matching heads: the same code scores about 12, another one 0 ± 2."""
GAIN = 2.0
"""How much louder a copied code is than the token's own."""


@torch.no_grad()
def install_copying(network: Network) -> None:
    """Overwrite the initial weights of a network of at least two layers and two heads with the circuit, in place."""
    s = network.shape
    code = 3 * s.hidden // 8
    width = s.head
    network.embedding.zero_()
    network.embedding[:, :code].normal_()
    network.embedding[:, 2 * code : -1].normal_(std=0.1)
    network.embedding[:, -1] = CONSTANT
    network.norm.fill_(0.12)
    blocks = cast(list[Block], list(network.blocks))
    for block in blocks:
        block.out.zero_()
        block.down.zero_()
    back, match = blocks[:2]
    plain = math.sqrt((code + CONSTANT**2) / s.hidden)  # root mean square of the stream before layer 0 …
    paired = math.sqrt((2 * code + CONSTANT**2) / s.hidden)  # … and before layer 1
    frequency = s.theta ** (-torch.arange(width // 2).float() / (width // 2))
    slow = [i for i in range(width // 2) if frequency[i] < 0.002]  # pairs that hardly turn within a conversation
    slots = [*slow, *(i + width // 2 for i in slow)]
    for head in (0, 1):
        first = head * width
        here = slice(first, first + width)
        carried = slice(first, min(first + width, code))
        count = carried.stop - carried.start
        for block in (back, match):
            for matrix in (block.query, block.key, block.value):
                matrix[here] = 0.0
        fast = torch.arange(5)
        back.query[first + fast, -1] = SHARPNESS * plain / CONSTANT
        back.key[first + fast, -1] = SHARPNESS * plain / CONSTANT * frequency[:5].cos()
        back.key[first + fast + width // 2, -1] = SHARPNESS * plain / CONSTANT * frequency[:5].sin()
        for n in range(count):
            back.value[first + n, carried.start + n] = plain
            back.out[code + carried.start + n, first + n] = 1.0
            match.value[first + n, carried.start + n] = paired
            match.out[carried.start + n, first + n] = GAIN
        for n, slot in enumerate(slots):
            match.query[first + slot, (head * len(slots) + n) % code] = MATCH
            match.key[first + slot, code + (head * len(slots) + n) % code] = MATCH
