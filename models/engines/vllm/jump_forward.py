"""Jump-forward decoding for vLLM: tokens that the grammar forces cost no forward pass of their own. With it comes
closing: a server that has it ends its answers within their budget.

Knows the flags that switch them on, and what to say of a version of vLLM on which nobody has compared the texts at
T = 0 (those where that was done are in models/interfaces.py). Does not import vLLM: what runs inside the server is
models/engines/vllm/jump_forward_scheduler.py.
"""

from __future__ import annotations

import json

from models.interfaces import VLLM

DRAFTS = 8
"""Forced tokens checked in one pass at most: on a key-heavy schema 3 gave 35 steps, 8 gave 29 and 16 gave 27."""

_PLUGIN = "models.engines.vllm.jump_forward_scheduler"
_FRONT = ("--middleware", "models.engines.vllm.known_grammars.KnownGrammars")
"""vLLM's way of having a front end import something."""


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
    return ("--scheduler-cls", f"{_PLUGIN}.JumpForwardScheduler", "--speculative-config", speculative, *_FRONT)


def closing_flags() -> tuple[str, ...]:
    """Flags for closing without jump-forward. Both know only after a step what the next may hold, so the server gives
    up async scheduling."""
    scheduler = ("--scheduler-cls", "models.engines.vllm.closing_scheduler.ClosingScheduler", "--no-async-scheduling")
    return (*scheduler, *_FRONT)


def refusal(vllm: str | None) -> str:
    """One sentence: why jump-forward stays off with version `vllm`, None being none at all, unless it is asked for."""
    found = f"this is {vllm}" if vllm else "vLLM is not installed"
    return f"Jump-forward is off: it was tested with vLLM {VLLM.series}, and {found}."


def untried(vllm: str) -> str:
    """One sentence for who asks for jump-forward on version `vllm`, with which it was not tested."""
    return (
        f"Jump-forward was tested with vLLM {VLLM.series}, and this is {vllm}: a server starts if it has all it takes."
    )
