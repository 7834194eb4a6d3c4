from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.threads import decoding_threads

ROOT = Path(__file__).parents[2]
TOLD = """import os, models
from models.threads import decoding_threads as threads
print(os.environ.get('{}'), threads(False), threads(True))"""


def told(code: str, **given: str) -> str:
    """What a fresh process prints whose environment says nothing of threads but this."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    environment = {**plain, "PYTHONPATH": str(ROOT), **given}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("given", "variable", "policy", "large", "small"),
    [
        ({}, "OMP_WAIT_POLICY", "PASSIVE", None, 1),
        ({"OMP_NUM_THREADS": "3"}, "OMP_WAIT_POLICY", "PASSIVE", None, None),
        ({"OMP_WAIT_POLICY": "active"}, "OMP_WAIT_POLICY", "active", 1, 1),
        ({"GOMP_SPINCOUNT": "0"}, "OMP_WAIT_POLICY", None, None, 1),
        ({"GOMP_SPINCOUNT": "9999"}, "GOMP_SPINCOUNT", "9999", 1, 1),
    ],
)
def test_threads_sleep_while_they_wait_unless_a_user_said_otherwise_and_then_one_decodes(
    given: dict[str, str], variable: str, policy: str | None, large: int | None, small: int | None
) -> None:
    assert told(TOLD.format(variable), **given) == f"{policy} {large} {small}"


def test_where_torch_was_loaded_before_only_one_thread_decodes() -> None:
    assert told(f"import torch\n{TOLD.format('OMP_WAIT_POLICY')}") == "None 1 1"


def test_commands_wait_so_too() -> None:
    code = "import sys, os, scripts.main; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    assert told(code) == "PASSIVE False"


def test_the_number_of_threads_that_a_user_set_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert decoding_threads(small=True) is None
