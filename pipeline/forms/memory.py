"""Memory: what was said earlier in a conversation, by the field that it was said for; what was done and found.

Knows values and their types; neither where they are kept nor when one is used (interview.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from index.documents import Passage
from models.contract import Contract
from models.said import Unread, written
from pipeline.forms import slots
from pipeline.journal.rows import ActionRow, StepRow

KEPT = "remember"
RECALLED = "recall"
"""Beginning of the names of the steps in which a record of a conversation keeps a form, and recalls earlier ones."""

_PASSAGES: TypeAdapter[list[Passage]] = TypeAdapter(list[Passage])


@dataclass(frozen=True)
class Remembered:
    """One value: the name of its type ("date", "BookingRef") and the words that read back to it."""

    kind: str
    text: str


@dataclass(frozen=True)
class Memory:
    """What a conversation's earlier records collected: field name to the value said last. Empty at its beginning.

    `done`: the actions that happened, `found`: the passages that were retrieved, each once; oldest first.
    """

    values: Mapping[str, Remembered] = field(default_factory=dict)
    done: Sequence[ActionRow] = ()
    found: Sequence[Passage] = ()

    @classmethod
    def of(cls, steps: Iterable[StepRow]) -> Memory:
        """What the steps of earlier records kept, oldest first: what was said later counts."""
        values: dict[str, Remembered] = {}
        found: dict[str, Passage] = {}
        for step in steps:
            if step.name.startswith(f"{KEPT} ") and step.result is not None:
                values |= {name: Remembered(*pair) for name, pair in json.loads(step.result).items()}
            elif step.is_retrieval and step.result is not None:
                found |= {passage.id: passage for passage in _PASSAGES.validate_json(step.result)}
        return cls(values, found=tuple(found.values()))

    def words(self, contract: type[Contract], fields: Iterable[str]) -> dict[str, str]:
        """Of these fields, the words said earlier for one of the same name and type."""
        found: dict[str, str] = {}
        for name in fields:
            known, kind = self.values.get(name), slots.said_kind(contract, name)
            if known is not None and kind is not None and known.kind == kind.__name__:
                found[name] = known.text
        return found

    def with_form(self, form: Contract) -> Memory:
        """The same, and what a form holds."""
        return replace(self, values={**self.values, **{name: Remembered(*pair) for name, pair in kept(form).items()}})


def kept(form: Contract) -> dict[str, tuple[str, str]]:
    """What is worth remembering of a form: the customer's own words, field by field, as type and text."""
    contract = type(form)
    kinds = {name: slots.said_kind(contract, name) for name in contract.model_fields}
    values = {name: getattr(form, name) for name in kinds}
    return {
        name: (kind.__name__, written(values[name]))
        for name, kind in kinds.items()
        if kind is not None and values[name] is not None and not isinstance(values[name], Unread)
    }
