"""Matrix registers of Intel's processors (AMX): a process has to ask Linux before it uses them.

Runs inside a vLLM server. vLLM's attention (0.32, CPU build) uses them in bfloat16 and does not ask: a server of a
small model, where no library has asked before, ends with an illegal instruction.
"""

from __future__ import annotations

import ctypes
import platform
import sys

_ARCH_PRCTL, _REQUEST, _TILES = 158, 0x1023, 18
"""Linux on x86-64: the system call, ARCH_REQ_XCOMP_PERM, and the number of the registers."""


def ask_for_matrix_registers() -> None:
    """Ask for them, for all threads of this process. Where there are none, nothing changes."""
    if sys.platform == "linux" and platform.machine() == "x86_64":
        ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST, _TILES)
