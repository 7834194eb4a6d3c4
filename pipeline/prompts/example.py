"""Example: a request and the answer that a model should give, shown to it as turns before the real one.

Knows what an answer looks like in JSON, and refuses one that the model itself could not give; lays nothing out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from models.grammar.grammar import compile_grammar
from models.grammar.membership import refused_at
from models.held_value import HeldValue
from pipeline.errors import UsageError
from pipeline.prompts.listing import is_schema
from pipeline.record import Turn
from pipeline.text import short

if TYPE_CHECKING:
    from models.contract import Contract


@dataclass(frozen=True)
class Example:
    """`said`: a customer's words or a whole conversation, or the question of a `generate`, with its `evidence`.

    `answer`: the fields by key, those of a customer's own words in exactly these words ("tomorrow", not its date); what
    is left out is its default, else null. A contract stands for its fields as they are written. Of a `choose`: the
    option's name.
    """

    said: str | Sequence[Turn]
    answer: Contract | Mapping[str, Any] | str
    evidence: Sequence[str] = ()

    @property
    def conversation(self) -> Sequence[Turn]:
        """What was said, as turns."""
        return [Turn("customer", self.said)] if isinstance(self.said, str) else self.said

    @property
    def question(self) -> str:
        """What was asked: the last turn."""
        return self.said if isinstance(self.said, str) else self.said[-1].text

    def written(self, contract: type[Contract], spaced: bool = True) -> str:
        """The answer as JSON with every key of the contract. UsageError if no model could give it."""
        answer = self.answer
        if isinstance(answer, str):
            raise UsageError(f"The example {self} has a text for its answer: give the fields of {contract.__name__}.")
        values: Any
        given: Mapping[str, Any]
        if is_schema(contract) or issubclass(contract, HeldValue):
            given = values = answer if isinstance(answer, Mapping) else answer.public()
        else:
            given = dict(answer) if isinstance(answer, Mapping) else answer.model_dump(mode="json")
            keys = {name: info.alias or name for name, info in contract.model_fields.items()}
            if unknown := [key for key in given if key not in {**keys, **dict.fromkeys(keys.values())}]:
                name = contract.__name__.removesuffix("Draft")
                raise UsageError(f"The example {self} fills '{unknown[0]}', which {name} does not have.")
            blank = _defaults(contract) | dict.fromkeys(contract.private_fields(), "")
            values = {key: given.get(name, given.get(key, blank.get(name))) for name, key in keys.items()}
        said = [turn.text for turn in self.conversation if turn.role == "customer"]
        grammar = compile_grammar(contract, said or [""], list(self.evidence))
        at = refused_at(grammar, _json(values, spaced=False))
        if at is not None:
            raise UsageError(f"The example {self} {_fault(values, given, at)}.")
        return _json(values, spaced)

    def chosen(self, options: Collection[str], spaced: bool = True) -> str:
        """The answer as the JSON of a choice. UsageError if it is not one of the options."""
        if self.answer not in options:
            raise UsageError(f"The example {self} chooses {self.answer!r}, which is none of: {', '.join(options)}.")
        return _json({"choice": self.answer}, spaced)

    def only(self, fields: Collection[str]) -> Example:
        """The same of a form that has these fields only."""
        if isinstance(self.answer, str):
            return self
        answer = self.answer if isinstance(self.answer, Mapping) else self.answer.model_dump(mode="json")
        return replace(self, answer={name: value for name, value in answer.items() if name in fields})

    def __str__(self) -> str:
        return f'"{short(self.question)}"'


def _defaults(contract: type[Contract]) -> dict[str, Any]:
    """What fields are where nothing is said of them, by name, in JSON's types."""
    optional = {name: info for name, info in contract.model_fields.items() if not info.is_required()}
    return {name: to_jsonable_python(info.get_default(call_default_factory=True)) for name, info in optional.items()}


def _fault(values: Any, given: Any, at: int) -> str:
    """Which key of an answer is refused at byte `at` of its compact JSON, in words."""
    if isinstance(values, Mapping):
        end = 1
        for key, value in values.items():
            end += len(_json({key: value}, spaced=False).encode()) - 1
            if at < end:
                break
        else:
            return "has an answer that lacks a key"
        if value is None and key not in given:
            return f"leaves out '{key}', which cannot be null"
        return (
            f"has {short(_json(value, spaced=True), 60)} for '{key}', which cannot be that: keep to its type and"
            " limits, and to words that stand in the example"
        )
    return "has an answer that is no value of its form: keep to its type and limits"


def _json(value: Any, spaced: bool) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": ") if spaced else (",", ":"))
