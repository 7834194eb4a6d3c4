"""A server that takes grammars and ignores them is found out before any work, or asked in words if the user says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import interlock
from scripted_server import Body, Reply, ScriptedServer, says

APP = '''
from pydantic import Field
from models import Contract, Said
from pipeline import App, Run, workflow

class Order(Contract):
    item: Said[str] = Field(description="Which item?")

@workflow(intent="order", examples=["a lamp please"])
async def order(run: Run) -> Order:
    """Order something."""
    return await run.collect(Order)

app = App("shop", [order])
'''


def ignores_grammars(body: Body) -> Reply:
    if "<answer>" in json.dumps(body["messages"]):
        return says("Of course!\n<answer><item>lamp</item></answer>")
    return says("Birds are lovely animals.")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "in.jsonl").write_text('{"custom_id": "a", "text": "a red lamp please"}\n')
    return tmp_path


def test_it_stops_the_run_with_the_reason(shop: Path) -> None:
    with ScriptedServer(ignores_grammars) as server:
        options = ("-i", shop / "in.jsonl", "-o", shop / "out", "--app", shop / "shop.py", "--model", server.url)
        done = interlock("run", *options)
    assert done.returncode == 1
    assert "does not enforce grammars" in done.stderr
    assert "--enforcement prompted" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (shop / "out" / "results.jsonl").exists()


def test_prompted_goes_on_and_every_receipt_says_so(shop: Path) -> None:
    with ScriptedServer(ignores_grammars) as server:
        options = ("-i", shop / "in.jsonl", "-o", shop / "out", "--app", shop / "shop.py", "--model", server.url)
        done = interlock("run", *options, "--enforcement", "prompted")
    assert done.returncode == 0, done.stderr
    row = json.loads((shop / "out" / "results.jsonl").read_text())
    assert row["result"] == {"item": "lamp"}
    assert row["receipt"]["enforcement"] == "prompted"
    assert row["receipt"]["canary"].startswith("failed: ")
