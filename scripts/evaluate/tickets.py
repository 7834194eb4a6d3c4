"""Tickets: what people write to a help desk, read into a form, and whether a desk can work with what came out.

Knows the form and its labels, which were written before any model read them; counts, and prints nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from models.contract import Contract
from models.engines.engine import Message
from models.grammar.grammar import compile_grammar
from pipeline.prompts.prompts import Prompts
from scripts.evaluate.model_figures import Measured, read

TICKETS = Path(__file__).with_name("tickets.jsonl")
"""Messages in this project's own words. `problem` is an expression for what is wrong."""


class Ticket(Contract):
    """What somebody needs from the help desk."""

    problem: str = Field(max_length=80, description="What does not work, or is wanted, in a few words.")
    device: Literal["laptop", "phone", "printer", "account"] = Field(description="What it is about.")
    urgent: bool = Field(description="Whether somebody cannot work until it is solved.")


@dataclass
class Tickets:
    """`usable`: the problem is named, and the ticket goes to the right people. `urgent`: its urgency is right."""

    read: int = 0
    named: int = 0
    usable: int = 0
    urgent: int = 0

    def add(self, label: Mapping[str, Any], got: Ticket | None) -> None:
        """Count one message; None for an answer that is none."""
        self.read += 1
        if got is None:
            return
        named = re.search(label["problem"], got.problem.casefold()) is not None
        self.named += named
        self.usable += named and got.device == label["device"]
        self.urgent += got.urgent == label["urgent"]


async def tickets(measured: Measured, rows: Sequence[Mapping[str, Any]]) -> Tickets:
    """Messages to a help desk, read into forms."""
    found, layout = Tickets(), Prompts().laid_out(measured.engine.profile)

    def asking(question: str) -> Sequence[Message]:
        return layout.answer(Ticket, question, [])

    async def one(row: Mapping[str, Any]) -> None:
        question = f"What does this message say? {row['text']}"
        form = await measured.likeliest("tickets", Ticket, asking, question, row["text"])
        grammar = compile_grammar(form, spaced=measured.engine.profile.spaced)
        text = await measured.write("tickets", asking(question), grammar)
        value = read(Ticket.model_validate_json, text, measured.parts["tickets"])
        found.add(row, value if isinstance(value, Ticket) else None)

    await measured.each("tickets", [lambda row=row: one(row) for row in rows])  # type: ignore[misc]
    return found
