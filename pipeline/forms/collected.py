"""Collected: what has become known in a run: the forms that were collected, the answers that a model gave.

Knows values and in which order they came; does not know how a form is filled (filling.py) or changed (amending.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from enum import Enum
from pathlib import Path

from models.contract import Contract
from pipeline.durable.history import History
from pipeline.durable.positions import Positions
from pipeline.guardrail import Guardrail


class Collected:
    """What one run knows. `text`, `today` and `state` are the run's own: a guardrail may ask for them by name."""

    def __init__(self, text: str, today: date, state: Path, positions: Positions) -> None:
        self.forms: dict[type[Contract], dict[str, object]] = {}
        """The forms that were collected in any pass, the last one last, with their values by field."""
        self._named: Mapping[str, object] = {"today": today, "text": text, "state": state}
        self._positions = positions
        self.values: History[Contract] = History(positions)
        """Everything that is known in this pass, oldest first."""

    def collect(self, form: Contract, values: dict[str, object]) -> None:
        """A form was collected: complete, with its values by field."""
        self.forms[type(form)] = values
        self.values.add(form)

    def add(self, answer: Contract) -> None:
        """A model gave an answer."""
        self.values.add(answer)

    def form_with(self, field: str | None) -> type[Contract] | None:
        """The form collected last that has a field."""
        return next((form for form in reversed(self.forms) if field in form.model_fields), None)

    def start_over(self) -> None:
        """Another pass: of the forms only their values are left, for it to begin with."""
        self.values = History(self._positions)

    async def holds(self, guardrail: Guardrail, given: Sequence[object]) -> bool:
        """Whether a rule holds for values, with what is known beside them."""
        return await guardrail.holds(given, self._named, tuple(self.values)[::-1])

    def in_context(self, query: str) -> str:
        """A query with the words of collected forms before it that it does not hold.

        Names and choices are such words; numbers, days and private fields are not.
        """
        said = [
            str(getattr(value, "value", value))
            for form in self.values
            if type(form) in self.forms
            for name, value in form
            if name not in type(form).private_fields() and isinstance(value, str | Enum)
        ]
        return " ".join([*(text for text in dict.fromkeys(said) if text.lower() not in query.lower()), query])
