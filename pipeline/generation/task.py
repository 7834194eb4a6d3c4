"""Task: what a model is to say, and what it hears besides. Knows how its grammar is made; asks nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from models.contract import Contract
from models.engines.engine import Message
from models.grammar.grammar import Grammar
from pipeline.guardrail import Guardrail
from pipeline.prompts.example import Example
from pipeline.prompts.layout import Layout

C = TypeVar("C", bound=Contract)

Compile = Callable[[int | None, bool], Grammar]
"""The grammar of a contract whose scratchpads have at most so many characters (None: as many as they declare), and
whether its JSON is spaced, as the model's profile says."""


@dataclass(frozen=True)
class Task(Generic[C]):
    """What a model is to say. `kind` is what its text must be, `contract` whose name and hash the receipt gives.

    `prompt` gives the messages in the layout that a model wants.
    `compiled` gives the grammar for a length of the scratchpad and a way of writing JSON; `evidence` names the passages
    that the messages quote. `copied`: fields in the customer's own words that may be left out. `worded`: the
    questions of all the contract's fields in which words stay words. `told_apart`: the grammar without some fields, and
    with these values to choose from for others. `choices`: the texts of each field that has a few, of which so many as
    `leading` says are the contract's first fields; `answers`: those that are yes, no or null; `neutral`: the messages
    with a sentence that says nothing in place of the `matter`, which they are about; `labels`: what each field is, in a
    few words.
    """

    kind: type[C]
    contract: type[Contract]
    prompt: Callable[[Layout], Sequence[Message]]
    compiled: Compile
    guardrails: Sequence[Guardrail] = ()
    evidence: Sequence[str] = ()
    copied: Sequence[str] = ()
    worded: Mapping[str, str] = field(default_factory=dict)
    told_apart: Callable[[Set[str], Mapping[str, Sequence[object]]], Compile] | None = None
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leading: int = 0
    answers: Sequence[str] = ()
    neutral: Callable[[Layout, str], Sequence[Message]] | None = None
    matter: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    _grammars: dict[tuple[int | None, bool], Grammar] = field(default_factory=dict, compare=False)

    def grammar(self, length: int | None, spaced: bool) -> Grammar:
        """As `compiled`, once."""
        found = self._grammars.get((length, spaced))
        if found is None:
            found = self._grammars[length, spaced] = self.compiled(length, spaced)
        return found


@dataclass(frozen=True)
class Told:
    """What a model hears of one call besides: `instructions` behind those of app and workflow, `examples` as turns."""

    instructions: str = ""
    examples: tuple[Example, ...] = ()
