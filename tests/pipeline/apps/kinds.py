"""Records of every kind: the first word of a text says how it ends. One workflow calls another."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import Field

from models import Contract, Said
from pipeline import App, Escalation, Refused, Run, action, step, workflow


class Form(Contract):
    what: Said[str] = Field(description="What is it about?")
    number: Said[int] = Field(description="How many?")


@step
async def weigh(text: str) -> int:
    await asyncio.sleep(0.001)
    if "stone" in text:
        raise ValueError("too heavy")
    return len(text)


@action
async def ship(state: Path, item: str, key: str) -> str:
    if item == "sold":
        raise Refused("It was sold a moment ago.")
    with (state / "shipped.txt").open("a") as file:
        file.write(f"{item} {key}\n")
    if item == "lost":
        raise TimeoutError("no answer")  # nobody knows, for there is no check
    return f"shipped {item}"


@workflow(intent="pack", actions=[ship])
async def pack(run: Run, item: str) -> str:
    """Pack one thing."""
    await run.step(weigh, item)
    paper = await run.ask(f"Paper for the {item}?", choices=["red", "blue"])
    await run.step(weigh, paper)
    return f"{await run.do(ship, run.state, item)} in {paper}"


@workflow(intent="send", examples=["send a lamp to my sister", "please ship a lamp"], actions=[ship], calls={pack: 2})
async def send(run: Run) -> str | Escalation:
    """Send something."""
    kind = run.text.split()[0]
    await run.step(weigh, run.text)
    match kind:
        case "asked":
            colour = await run.ask("Which colour?")
            await run.step(weigh, colour)
            if not await run.confirm(f"Send a {colour} one?"):
                return "Nothing was sent."
            return await run.do(ship, run.state, colour)
        case "formed":
            form = await run.collect(Form)
            await run.step(weigh, form.what)
            if not await run.confirm(f"Send {form.what} {form.number} times?"):
                return "Nothing was sent."
            return await run.do(ship, run.state, form.what)
        case "approved":
            if not await run.approve(ship, run.state, "lamp", question="May the lamp be sent?"):
                return "Nothing was sent."
            return await run.do(ship, run.state, "lamp")
        case "called":
            first = await run.call(pack, "vase")
            return f"{first}, {await run.call(pack, 'rug')}"
        case "beside":
            both = await asyncio.gather(run.call(pack, "vase"), run.call(pack, "rug"))
            return ", ".join(both)
        case "handed":
            await run.ask("Since when?")
            return Escalation("desk", "The customer wants a person.")
        case "refused":
            return await run.do(ship, run.state, "sold")
        case "uncertain":
            return await run.do(ship, run.state, "lost")
        case "crashed":
            await run.ask("Really?")
            raise RuntimeError("boom")
        case "broken":
            await run.step(weigh, "stone")
    return await run.do(ship, run.state, "lamp")


app = App("kinds", [send])
