"""Precision: the type in which a model's weights are held and its sums are made. Knows folders and this CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

SMALL = 100_000_000
"""Parameters below which a CPU computes in float32: what 16 bits gain is lost between the layers."""

_NATIVE = {"avx512_bf16", "amx_bf16", "bf16"}
"""Flags of a CPU (x86, Arm) that multiplies numbers of this type. Without, it is slower than float32."""


def precision(folder: Path, config: Any, asked: str) -> torch.dtype | str:
    """What to load the model in `folder` as; `config` is its transformers configuration, `asked` what its profile
    says of `dtype`.

    "auto" is what the weights are stored in where there is a GPU. On a CPU it is float32, and bfloat16 where the
    weights are stored so, the CPU multiplies such numbers, and the model is not small.
    """
    if asked != "auto":
        return getattr(torch, asked)  # type: ignore[no-any-return]
    if torch.cuda.is_available():
        return "auto"
    stored = getattr(config.get_text_config(), "dtype", None) or getattr(config, "dtype", None)
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return torch.bfloat16 if stored == torch.bfloat16 and size >= 2 * SMALL and has_bfloat16() else torch.float32


def has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 by itself, as far as Linux tells."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(
        _NATIVE & {*line.split()} for line in told.splitlines() if line.lower().startswith(("flags", "features"))
    )
