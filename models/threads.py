"""Threads: how many decode in this process, and how they wait for each other. Knows OpenMP's variables; loads nothing.

Torch's threads spin by default while they wait. Where another process has one of the cores, the others then wait for a
thread that cannot run, and keep it from running: SmolLM2-135M decoded 1.5 tokens a second with two spinning threads on
two busy cores, and 17 with two that sleep while they wait.
"""

from __future__ import annotations

import os
import sys

POLICY = "OMP_WAIT_POLICY"
_SPINS = "GOMP_SPINCOUNT"
_COUNT = "OMP_NUM_THREADS"


def wait_passively() -> None:
    """Have torch's threads sleep while they wait, unless a user said otherwise. Too late where torch is loaded: OpenMP
    reads its variables once. What is started from here inherits it."""
    if "torch" not in sys.modules and not {POLICY, _SPINS} & os.environ.keys():
        os.environ[POLICY] = "PASSIVE"


def waits_passively() -> bool:
    """Whether torch's threads sleep while they wait, as far as the environment tells."""
    return os.environ.get(POLICY, "").upper() == "PASSIVE" or os.environ.get(_SPINS) == "0"


def decoding_threads(small: bool) -> int | None:
    """Threads that decode; None: torch's own choice, which is `OMP_NUM_THREADS` where a user set it, else the cores.

    `small`: a model for which more than one thread cost more than they gain. One as well where threads would spin.
    """
    if os.environ.get(_COUNT):
        return None
    return 1 if small or not waits_passively() else None
