"""The sample app: Meridian Desk, a small airline in Mumbai that books, changes, cancels, explains and apologises."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pipeline import App
from pipeline.workflows.travel import examples
from pipeline.workflows.travel.inventory import Inventory
from pipeline.workflows.travel.workflow import ask_policy, book_trip, cancel_booking, change_booking, complain

__all__ = ["app", "prepare"]


def prepare(state: Path, today: date) -> None:
    """Make the inventory in `state` with flights from `today` on, unless there is one."""
    Inventory.create(state, today)


app = App(
    name="Meridian Desk",
    workflows=[book_trip, change_booking, cancel_booking, ask_policy, complain],
    knowledge=Path(__file__).parent / "knowledge",
    prepare=prepare,
    out_of_scope=(
        "I can book, change and cancel flights, answer questions about our terms, and take complaints;"
        " I cannot help with anything else."
    ),
    out_of_scope_examples=examples.OUT_OF_SCOPE,
)
