"""Instant: an engine that answers at once, and an app of three steps, to measure what the pipeline itself costs.

The workflow has one step of each kind: a form that the engine fills, a step in plain Python, an action.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from models.canary import Canary
from models.contract import Contract
from models.engine import Completion, Enforcement, Message, Sampling, Usage
from models.grammar import Grammar
from models.profiles import Profile
from pipeline import App, Run, action, step, workflow


class Ticket(Contract):
    """What a customer needs."""

    kind: Literal["repair", "return", "question"]
    urgent: bool


class InstantEngine:
    """Gives the same valid answer to every question about a `Ticket`, before anything could wait for it."""

    name = "instant"
    profile = Profile("instant", context=4096)
    identity = "none"
    enforcement: Enforcement = "grammar"
    canary: Canary | None = None

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        """A ticket."""
        return Completion('{"kind":"repair","urgent":true}', "stop", Usage(100, 12), 0.0)

    async def close(self) -> None:
        """Nothing is held."""


@step
async def find_desk(kind: str) -> str:
    """The desk that a kind of ticket goes to."""
    return f"{kind} desk"


@action
async def file_ticket(desk: str, urgent: bool, key: str) -> str:
    """Pretend to file a ticket: its number."""
    return f"{desk} {key[:8]}"


@workflow(intent="ticket", examples=["My washing machine is broken."], actions=[file_ticket])
async def ticket(run: Run) -> str:
    """File a ticket."""
    form = await run.generate(Ticket, "What does the customer need?")
    desk = await run.step(find_desk, form.kind)
    return await run.do(file_ticket, desk, form.urgent)


app = App("instant", [ticket])
