"""A shop with two things to want, told apart by the gate: what it takes an encoder to serve, and no index."""

from __future__ import annotations

from pipeline import App, Run, workflow


@workflow(intent="buy", examples=["I want to buy a lamp", "two desk lamps please", "order a light", "I take one lamp"])
async def buy(run: Run) -> str:
    """Buy a lamp."""
    return "bought"


@workflow(intent="give_back", examples=["I want to send my lamp back", "return my order", "take it back", "refund me"])
async def give_back(run: Run) -> str:
    """Return a lamp."""
    return "returned"


app = App("lamps", [buy, give_back], out_of_scope_examples=["Tell me a joke", "Who won the match?", "sing me a song"])
