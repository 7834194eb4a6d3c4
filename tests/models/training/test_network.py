"""The network that is trained is the Llama that transformers and vLLM run."""

import json

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

from models.training.circuit import install_copying
from models.training.network import Network, Shape, attend, llama_config, to_llama


def test_transformers_computes_the_same_logits(tmp_path):
    torch.manual_seed(0)
    network = Network(Shape(vocabulary=128, hidden=64, layers=2, heads=2, feedforward=96, context=64))
    (tmp_path / "config.json").write_text(json.dumps(llama_config(network.shape)))
    save_file(to_llama(network), tmp_path / "model.safetensors", metadata={"format": "pt"})
    llama = LlamaForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    ids = torch.randint(5, 128, (2, 17))
    with torch.no_grad():
        network.load_state_dict({name: tensor.bfloat16().float() for name, tensor in network.state_dict().items()})
        ours = network.logits(network(ids, torch.float32))
        theirs = llama(ids).logits
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_attention_written_out_is_the_fused_kernel_that_a_gpu_gets():
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, 19, 16)
    fused = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    torch.testing.assert_close(attend(query, key, value), fused)


def test_the_copying_circuit_continues_what_it_has_read_before_any_training():
    torch.manual_seed(0)
    network = Network(Shape(hidden=256, heads=4, feedforward=640, layers=4))
    install_copying(network)
    read = torch.randint(5, 4096, (4, 60))
    ids = torch.cat([read, read], 1)
    with torch.no_grad():
        logits = network.logits(network(ids[:, :-1], torch.float32).flatten(0, 1))
    loss = F.cross_entropy(logits, ids[:, 1:].flatten(), reduction="none").view(4, -1)
    assert loss[:, 60:].mean() < 1.0 < 8.0 < loss[:, :59].mean()
