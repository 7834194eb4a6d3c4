"""A small Llama in plain PyTorch, for training only: fewer steps between the matrices than the library's own class.

`to_llama` gives its weights the names of `transformers.LlamaForCausalLM`; transformers and vLLM run the result
unchanged. Architecture: Touvron et al. 2023 (RMSNorm, rotary positions, SwiGLU, no biases), embeddings tied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.training.tokenizer import END_ID, PAD_ID


@dataclass(frozen=True)
class Shape:
    """Sizes of the network. `hidden` = heads x head width.

    Wide heads and a large `theta` leave many slowly turning pairs, by which a copier finds the same token far away.
    """

    vocabulary: int = 4096
    hidden: int = 192
    layers: int = 4
    heads: int = 3
    feedforward: int = 512
    context: int = 2048
    theta: float = 500_000.0
    epsilon: float = 1e-5

    @property
    def head(self) -> int:
        """Width of one attention head."""
        return self.hidden // self.heads


class Block(nn.Module):
    """Attention and feed-forward, each behind an RMSNorm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.attention_norm = nn.Parameter(torch.ones(shape.hidden))
        self.feedforward_norm = nn.Parameter(torch.ones(shape.hidden))
        # Query, key and value are apart, since Muon levels a matrix as a whole: beside the value's gradient, much the
        # largest at first, the query and the key of a joint matrix would hardly move, and attention would not form.
        self.query = nn.Parameter(torch.empty(shape.hidden, shape.hidden))
        self.key = nn.Parameter(torch.empty(shape.hidden, shape.hidden))
        self.value = nn.Parameter(torch.empty(shape.hidden, shape.hidden))
        self.out = nn.Parameter(torch.empty(shape.hidden, shape.hidden))
        self.gate = nn.Parameter(torch.empty(shape.feedforward, shape.hidden))
        self.up = nn.Parameter(torch.empty(shape.feedforward, shape.hidden))
        self.down = nn.Parameter(torch.empty(shape.hidden, shape.feedforward))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x: (batch, time, hidden) -> the same shape."""
        b, t, d = x.shape
        s = self.shape
        h = F.rms_norm(x, (d,), self.attention_norm.to(x.dtype), s.epsilon)
        joint = torch.cat([self.query, self.key, self.value])
        q, k, v = F.linear(h, joint).view(b, t, 3, s.heads, s.head).permute(2, 0, 3, 1, 4)
        q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
        mixed = attend(q, k, v)
        x = x + F.linear(mixed.transpose(1, 2).reshape(b, t, d), self.out)
        h = F.rms_norm(x, (d,), self.feedforward_norm.to(x.dtype), s.epsilon)
        gate, up = F.linear(h, torch.cat([self.gate, self.up])).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, self.down)


class Network(nn.Module):
    """Token ids (batch, time) -> hidden states (batch, time, hidden); `logits` maps chosen states to the vocabulary."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Parameter(torch.empty(shape.vocabulary, shape.hidden))
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.hidden))
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                scale = (2 * shape.layers) ** -0.5 if name.endswith(("out", "down")) else 1.0
                nn.init.normal_(parameter, std=0.02 if name == "embedding" else scale * shape.hidden**-0.5)
        angle = torch.outer(
            torch.arange(shape.context).float(), shape.theta ** (-torch.arange(0, shape.head, 2).float() / shape.head)
        )
        self.register_buffer("cos", torch.cat([angle, angle], -1).cos(), persistent=False)
        self.register_buffer("sin", torch.cat([angle, angle], -1).sin(), persistent=False)

    def forward(self, ids: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
        """Hidden states after the last norm, in `dtype`."""
        t = ids.shape[1]
        x = F.embedding(ids, self.embedding).to(dtype)
        cos, sin = self.cos[:t].to(x.dtype), self.sin[:t].to(x.dtype)  # type: ignore[index]
        for block in self.blocks:
            x = block(x, cos, sin)
        # CUDA's autocast computes norms in float32, and would make the logits' matrix product one of float32.
        return F.rms_norm(x, (self.shape.hidden,), self.norm.to(x.dtype), self.shape.epsilon).to(dtype)

    def logits(self, states: Tensor) -> Tensor:
        """states: (n, hidden) -> (n, vocabulary) in float32."""
        return F.linear(states, self.embedding.to(states.dtype)).float()


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Causal attention; query, key and value: (batch, heads, time, width) -> the same shape.

    On a GPU it is the library's fused kernel, which writes no scores to memory. On a CPU the library's is slower than
    these plain steps compiled, for the short texts read here.
    """
    if query.is_cuda:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)
    t = query.shape[2]
    mask = torch.full((t, t), -torch.inf, dtype=query.dtype).triu(1)
    scores = (query @ key.transpose(-1, -2)) * query.shape[3] ** -0.5 + mask
    return torch.softmax(scores, -1) @ value


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    left, right = x.chunk(2, -1)
    return x * cos + torch.cat([-right, left], -1) * sin


def to_llama(network: Network) -> dict[str, Tensor]:
    """The weights in bfloat16 under the names of `LlamaForCausalLM`."""
    weights: dict[str, Any] = {"model.embed_tokens.weight": network.embedding, "model.norm.weight": network.norm}
    for n, block in enumerate(network.blocks):
        weights |= {
            f"model.layers.{n}.{name}.weight": tensor
            for name, tensor in (
                ("self_attn.q_proj", block.query), ("self_attn.k_proj", block.key), ("self_attn.v_proj", block.value),
                ("self_attn.o_proj", block.out),
                ("mlp.gate_proj", block.gate), ("mlp.up_proj", block.up), ("mlp.down_proj", block.down),
                ("input_layernorm", block.attention_norm), ("post_attention_layernorm", block.feedforward_norm),
            )
        }  # fmt: skip
    return {name: tensor.detach().to(torch.bfloat16).contiguous().clone() for name, tensor in weights.items()}


def llama_config(shape: Shape) -> dict[str, object]:
    """`config.json` for the weights of `to_llama`."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.feedforward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "head_dim": shape.head,
        "max_position_embeddings": shape.context,
        "rope_theta": shape.theta,
        "rms_norm_eps": shape.epsilon,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": END_ID,
        "pad_token_id": PAD_ID,
        "torch_dtype": "bfloat16",
    }
