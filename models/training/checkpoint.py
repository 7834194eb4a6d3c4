"""The folder that training writes, and goes on from."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from models.training.network import Network, Shape, llama_config, to_llama
from models.training.tokenizer import END_ID, PAD_ID, save_tokenizer


def save(network: Network, tokenizer: Tokenizer, out: Path) -> None:
    """Write a folder that transformers and vLLM load as it is, and `checkpoint.pt` in float32 to go on from."""
    out.mkdir(parents=True, exist_ok=True)
    save_tokenizer(tokenizer, out, network.shape.context)
    (out / "config.json").write_text(json.dumps(llama_config(network.shape), indent=2) + "\n")
    (out / "generation_config.json").write_text(
        json.dumps({"eos_token_id": END_ID, "pad_token_id": PAD_ID}, indent=2) + "\n"
    )
    weights = {name: tensor.cpu() for name, tensor in to_llama(network).items()}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    torch.save(network.state_dict(), out / "checkpoint.pt")


def resume(folder: Path, shape: Shape) -> tuple[Tokenizer, Network]:
    """The tokenizer and the network that `save` wrote to `folder`; the optimizers start anew."""
    network = Network(shape)
    network.load_state_dict(torch.load(folder / "checkpoint.pt", weights_only=True, map_location="cpu"))
    return Tokenizer.from_file(str(folder / "tokenizer.json")), network
