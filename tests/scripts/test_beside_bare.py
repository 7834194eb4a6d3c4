from __future__ import annotations

import pytest

from interlock import App, Contract, Run, workflow
from scripts.bench.bare import beside_bare, write_reports


class Urgent(Contract):
    urgent: bool


@workflow(intent="report", examples=["My washing machine is broken."])
async def asks_twice(run: Run) -> str:
    """Report a fault."""
    first = await run.generate(Urgent, f"Is this urgent: {run.text}")
    second = await run.generate(Urgent, f"And this: {run.text}")
    return f"{first.urgent} {second.urgent}"


async def test_the_batch_and_the_bare_client_are_told_in_the_same_requests(vllm_url: str) -> None:
    found = await beside_bare(vllm_url, App("twice", [asks_twice]), write_reports(3), 3, 3, 1)
    assert (found["rows"], found["requests"]) == (3, 6)
    assert found["batch_per_s"] / found["bare_per_s"] == pytest.approx(found["ratio"], rel=0.02)
