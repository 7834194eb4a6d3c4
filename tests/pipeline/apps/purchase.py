"""Purchases that a manager has to approve: the text's last word is the price."""

from __future__ import annotations

from pathlib import Path

from pipeline import App, Run, action, workflow


@action(approval="manager")
async def order(state: Path, price: int, key: str) -> str:
    with (state / "orders.txt").open("a", encoding="utf-8") as orders:
        orders.write(f"{price}\n")
    return f"ordered for {price}"


@workflow(intent="purchase", examples=["a laptop for 900"], actions=[order])
async def purchase(run: Run) -> str:
    """Buy something for somebody."""
    price = int(run.text.split()[-1])
    if not await run.approve(order, run.state, price, question=f"May it cost {price}?"):
        return "It was not approved."
    return await run.do(order, run.state, price)


app = App("purchase", [purchase])
