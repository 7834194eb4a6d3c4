"""Drafting: what code and a model find in what was said for the fields of a form.

Knows which of the two looks first, and which words are no longer free; leaves what is missing or wrong to filling.py,
what an answer changes to mending.py, and how a model is asked to generation.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import TypeAdapter, ValidationError

from models.contract import Contract
from models.grammar.grammar import compile_grammar
from models.said import Unread
from pipeline.durable.execution import Execution
from pipeline.durable.history import History
from pipeline.forms import extraction, slots
from pipeline.forms.interview import Interview
from pipeline.generation.fusing import Wanted, Written
from pipeline.generation.generation import Generation
from pipeline.generation.task import Compile, Task, Told
from pipeline.record import Turn

_WORDS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


class Drafting:
    """The drafts of one record's forms: values by field, None for what was not said, Unread for what is not clear.

    `told`: what a model hears of a form besides, by contract.
    """

    def __init__(self, interview: Interview, today: date, execution: Execution, generation: Generation) -> None:
        self._interview = interview
        self._today = today
        self._execution = execution
        self._generation = generation
        self._looked: History[str] = History(execution.positions)
        self._written: dict[type[Contract], _Written] = {}
        self._certain: dict[type[Contract], Mapping[str, str]] = {}
        self.told: dict[type[Contract], Told] = {}

    async def first(self, contract: type[Contract]) -> dict[str, object]:
        """What was said of a form, before anything was asked for."""
        values = self._found(contract)
        return await self._unwritten(contract) if values is None else values

    async def _unwritten(self, contract: type[Contract]) -> dict[str, object]:
        """What code and a model find of a form."""
        said, own = self._interview.said(), self._interview.own()
        if not self._generation.asks_first:
            return await self.fill(contract, said, own)
        # What code can read needs no model that is asked field by field, and is unsure of what it was told.

        async def read() -> dict[str, str]:
            return extraction.certain(contract, said, self._today)

        words = await self._execution.notice(f"certain {contract.__name__}", [said], read, _WORDS)
        known = {name: slots.read_words(contract, name, text, self._today) for name, text in words.items()}
        left = [name for name in contract.model_fields if name not in known]
        self._certain[contract] = words
        rest = extraction.without(said, words.values())  # no words fill two fields
        filled = await self.fill(contract, rest, own, left if known else None) if rest else {}
        return {name: value for name, value in filled.items() if not self._idle(contract, name, value)} | known

    def _idle(self, contract: type[Contract], field: str, value: object) -> bool:
        """Whether words cannot be read that a model which is unsure of what was said took for a field that needs none.

        The receipt tells them; whoever asked for them would ask about nothing.
        """
        return isinstance(value, Unread) and not contract.model_fields[field].is_required()

    async def fill(
        self, contract: type[Contract], said: Sequence[str], turns: Sequence[Turn], only: Sequence[str] | None = None
    ) -> dict[str, object]:
        """What a model copied from `said`, by field; None for what it did not find. `only`: these fields."""
        draft = slots.narrowed(contract, self._generation.decides)
        if only is not None:
            draft = slots.excerpt(draft, tuple(only))
        if not _asks(draft):
            return {}
        told = self.told.get(contract, Told())
        examples = [example.only(draft.model_fields) for example in told.examples]

        def compiled(form: type[Contract]) -> Compile:
            return lambda length, spaced: compile_grammar(form, said, scratchpad=length, spaced=spaced)

        task = Task(
            draft,
            contract,
            lambda layout: layout.fill(draft, turns, examples),
            compiled(draft),
            copied=[name for name in draft.model_fields if slots.said_kind(draft, name) is not None],
            worded=slots.worded(contract),
            told_apart=lambda unsaid, copies: compiled(slots.told_apart(draft, unsaid, copies)),
            answers=slots.open_answers(draft),
        )
        filled = await self._generation.produce(task, told=told)
        return {name: getattr(filled, name) for name in draft.model_fields}

    async def again(self, contract: type[Contract], values: Mapping[str, object], field: str) -> object | None:
        """A second look at what was said, for a field that was left empty and is needed after all."""
        kind = slots.said_kind(contract, field)
        if kind is None or field in self._looked:
            return None
        self._looked.add(field)
        known = {str(other) for name, other in values.items() if name != field and other is not None}
        said = self._interview.said()
        if self._generation.asks_first:
            said = extraction.without(said, {*known, *self._certain.get(contract, {}).values()})
        value = (await self.fill(contract, said, self._interview.own(), [field])).get(field) if said else None
        return None if isinstance(value, Unread) or str(value) in known else value

    async def spelled(self, contract: type[Contract], values: Mapping[str, object]) -> dict[str, object]:
        """What code reads in the customer's words for fields that a model left empty though they are required, or
        filled with words that are no value: codes and the like."""
        missing, said = slots.missing(contract, values), self._interview.said()
        unread = slots.unread(contract, values)

        async def read() -> dict[str, str]:
            found = extraction.spelled(contract, [*missing, *unread], said, self._today)
            return {
                name: words
                for name, words in found.items()
                if name not in unread or extraction.mistaken(contract, name, unread[name], words, self._today)
            }

        arguments = [missing, said, *([unread] if unread else [])]
        before = [[missing, said]]  # of versions that left unreadable words as they were
        found = await self._execution.notice(f"read {contract.__name__}", arguments, read, _WORDS, before)
        return {name: slots.read_words(contract, name, words, self._today) for name, words in found.items()}

    async def fuse(self, question: str, options: Mapping[str, str], forms: Mapping[str, type[Contract]]) -> Written:
        """How likely a model finds each option (name to description), and the form of the one it chose, from one call.

        `forms`: what an option's workflow collects first. `take` keeps the form, if it is the right one.
        """
        own, layout = self._interview.own(), self._generation.layout()
        drafts = {name: slots.narrowed(form, self._generation.decides) for name, form in forms.items()}
        # A model whose fields are asked for first has its form filled by itself.
        drafts = {name: draft for name, draft in drafts.items() if _asks(draft) and not self._generation.fills_apart}
        wanted = Wanted(
            options,
            drafts,
            forms,
            self._interview.said(),
            lambda lettered, fields: layout.fuse(question, lettered, fields, own),
        )
        return await self._generation.fuse(wanted, lambda lettered: layout.weigh(question, lettered, own))

    def take(self, contract: type[Contract], written: Written) -> None:
        """Keep a form that was written with the choice: `collect` then asks no model, unless more was said by then."""
        if written.text is None or written.hash != contract.contract_hash():
            return
        draft = slots.narrowed(contract, self._generation.decides)
        try:
            form = draft.model_validate_json(written.text, context={"today": self._today})
        except ValidationError:  # no grammar admits it, but an engine may be wrong: the form is asked for by itself
            return
        values = {name: getattr(form, name) for name in draft.model_fields}
        self._written[contract] = _Written(values, tuple(self._interview.own()))

    def _found(self, contract: type[Contract]) -> dict[str, object] | None:
        written = self._written.get(contract)
        if self.told[contract] != Told():  # what was written with the choice was written without that
            return None
        return None if written is None or written.own != tuple(self._interview.own()) else dict(written.values)


@dataclasses.dataclass(frozen=True)
class _Written:
    """A form's values that a model wrote when `own` was all that had been said."""

    values: Mapping[str, object]
    own: tuple[Turn, ...]


def _asks(draft: type[Contract]) -> bool:
    """Whether a model can fill any of a draft's fields."""
    return bool(set(draft.model_fields) - set(draft.private_fields()))
