"""A hall without a model: people who can be kept waiting, asked, handed over and served, by the words they say."""

from __future__ import annotations

import asyncio
from pathlib import Path

from models.contract import Contract
from models.said import Scratchpad
from pipeline import App, Escalation, Run, action, step, workflow


class Seat(Contract):
    """Where somebody sits."""

    thinking: Scratchpad
    row: int
    place: int


@step
async def opened(state: Path, door: str) -> str:
    while not (state / door).exists():
        await asyncio.sleep(0.005)
    return door


@action
async def seat(state: Path, row: str, key: str) -> str:
    with (state / "seats.txt").open("a", encoding="utf-8") as seats:
        seats.write(f"{row}\n")
    return f"row {row}"


@workflow(intent="seat", examples=["A seat, please."], actions=[seat])
async def take_seat(run: Run) -> str | Escalation:
    """Find somebody a seat."""
    words = run.text.split()
    run.say("Looking around…")
    if "wait" in words:
        await run.step(opened, run.state, "door")
    if "manager" in words:
        return Escalation("desk", "They want the manager.")
    if "crash" in words:
        raise RuntimeError("a secret of the inside")
    row = "front" if "front" in words else await run.ask("Which row?", field="row", choices=["front", "back"])
    return f"Please take {await run.do(seat, run.state, row)}."


app = App("hall", [take_seat])
"""Its class Seat is in its OpenAPI."""
