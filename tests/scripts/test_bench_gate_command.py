"""`interlock bench gate`: one call where two ways of asking took three, with the same requests served."""

from __future__ import annotations

import json

from command import interlock


def test_the_fused_gate_asks_once_for_what_takes_three_calls_apart() -> None:
    done = interlock("bench", "gate", "--lines", 2, "--copies", 1, "--repeat", 1)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    forms = found["sets"]["with a form"]
    assert (forms["requests"], forms["fused_calls"], forms["apart_calls"]) == (2, 1.0, 3.0)
    assert found["ratio"] == forms["ratio"] > 0
    assert found["sets"]["all"]["requests"] == 2
