from __future__ import annotations

import json

from command import interlock


def test_the_instant_engine_is_measured_by_lines() -> None:
    done = interlock("bench", "pipeline", "--instant", "--lines", 20, "--lines", 40, "--repeat", 1)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert [row["lines"] for row in found["instant"]] == [20, 40]
    assert all(row["records_per_s"] > 0 and row["peak_mib"] > 10 for row in found["instant"])


def test_the_bare_client_sends_what_the_pipeline_sent(vllm_url: str) -> None:
    done = interlock("bench", "pipeline", "--bare", vllm_url, "--lines", 6, "--concurrency", 3, "--repeat", 2)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["requests"] == 6
    assert len(found["ratios"]) == 2
    assert found["bare_per_s"] > 0
