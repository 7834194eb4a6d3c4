"""A shop with two things to want, both of which ask back: what one message with two wishes is made of."""

from __future__ import annotations

from pathlib import Path

from pipeline import App, Run, action, workflow


@action
async def note(state: Path, text: str, key: str) -> str:
    with (state / "noted.txt").open("a") as file:
        file.write(f"{text} {key}\n")
    return text


@workflow(
    intent="buy",
    examples=["I want to buy a lamp", "two desk lamps please", "order a light", "I take one lamp"],
    actions=[note],
)
async def buy(run: Run) -> str:
    """Buy a lamp."""
    colour = await run.ask("Which colour?", choices=["red", "blue"])
    return await run.do(note, run.state, f"a {colour} one")


@workflow(
    intent="give_back",
    examples=["I want to send my lamp back", "return my order", "take it back", "refund me"],
    actions=[note],
)
async def give_back(run: Run) -> str:
    """Return a lamp."""
    why = await run.ask("Why do you return it?")
    return await run.do(note, run.state, f"returned: {why}")


app = App("wishes", [buy, give_back], out_of_scope_examples=["Tell me a joke", "Who won the match?", "sing me a song"])
