"""What a model computes in: what its profile says, else what its weights, its size and the CPU make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig

from models.engines import precision as module
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Message, Sampling
from models.engines.precision import precision
from models.engines.profiles import VARIABLE
from models.engines.vllm.server import launch_command
from models.grammar.grammar import Grammar


@pytest.mark.parametrize(
    ("stored", "native", "size", "asked", "found"),
    [
        ("bfloat16", True, 200, "auto", torch.bfloat16),
        ("bfloat16", False, 200, "auto", torch.float32),
        ("float32", True, 200, "auto", torch.float32),
        ("float16", True, 200, "auto", torch.float32),
        ("bfloat16", True, 199, "auto", torch.float32),
        ("bfloat16", True, 200, "float32", torch.float32),
        ("float32", False, 1, "bfloat16", torch.bfloat16),
    ],
)
def test_sixteen_bits_where_weights_and_cpu_have_them_and_the_profile_says_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: str, native: bool, size: int, asked: str, found: Any
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(module, "has_bfloat16", lambda: native)
    monkeypatch.setattr(module, "SMALL", 100)
    (tmp_path / "model.safetensors").write_bytes(b"x" * size)
    assert precision(tmp_path, LlamaConfig(dtype=stored), asked) is found


async def test_what_a_profile_says_is_obeyed_and_told(
    random_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: list[Message], trip: Grammar
) -> None:
    own = tmp_path / "own.toml"
    own.write_text("[half]\ndtype = 'bfloat16'\n", encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(own))
    command = launch_command("half", random_model, "http://127.0.0.1:1", ())
    assert command[command.index("--dtype") + 1] == "bfloat16"
    assert "--dtype" not in launch_command("whole", random_model, "http://127.0.0.1:1", ())
    for name, dtype in (("half", torch.bfloat16), ("whole", torch.float32)):
        engine = await EmbeddedEngine.open(random_model, name)
        assert {parameter.dtype for parameter in engine._model.model.parameters()} == {dtype}
        assert f"torch.{engine.profile.dtype}" == str(dtype)
        assert (await engine.generate(ask, trip, Sampling(1.0))).finish_reason == "stop"
        await engine.close()
