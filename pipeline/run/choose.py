"""Choosing: one of several options, by a model that is trusted with it, else by a person.

Knows who may choose, and what may be asked in one call; leaves how options are weighed to generation.py, the form that
comes with a choice to drafting.py, and when the gate needs either to gate.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from pydantic import create_model

from models.contract import Contract
from models.grammar.grammar import compile_grammar
from pipeline.errors import UsageError
from pipeline.generation.fusing import Written
from pipeline.generation.task import Task, Told
from pipeline.outcome import Question
from pipeline.run.scope import Scope
from pipeline.text import short


async def choose(scope: Scope, question: str, options: Sequence[str] | Mapping[str, str], told: Told = Told()) -> str:
    """As `Run.choose`."""
    if isinstance(options, str):
        raise UsageError(f'"{short(options)}" is one text and no options: pass a list of them.')
    described = dict(options) if isinstance(options, Mapping) else {option: option for option in options}
    names = tuple(described)
    if not names:
        raise UsageError(f'There is nothing to choose from for "{short(question)}": pass at least one option.')
    if len(names) == 1:
        return names[0]
    if scope.generation.chooses:
        return await pick(scope, question, described, told)
    labels = tuple(described.values())
    answer = await scope.interview.answer(Question(None, question, labels))
    return names[labels.index(answer)]


async def pick(scope: Scope, question: str, options: Mapping[str, str], told: Told = Told()) -> str:
    """As `Run.pick`."""
    contract = _choice(tuple(options))
    said = list(scope.conversation)
    task = Task(
        contract,
        contract,
        lambda layout: layout.choose(question, options, said, told.examples),
        lambda _, spaced: compile_grammar(contract, spaced=spaced),
    )
    chosen = await scope.generation.produce(task, told=told)
    return str(chosen.model_dump()["choice"])


async def weigh(scope: Scope, question: str, options: Mapping[str, str]) -> dict[str, float]:
    """As `Run.weigh`."""
    if not scope.generation.weighs:
        chosen = await pick(scope, question, options)
        return {name: float(name == chosen) for name in sorted(options)}
    said, layout = list(scope.conversation), scope.generation.layout()
    return await scope.generation.weigh(options, lambda lettered: layout.weigh(question, lettered, said))


async def fuse(
    scope: Scope, question: str, options: Mapping[str, str], forms: Mapping[str, type[Contract]]
) -> Written | None:
    """As `Run.fuse`."""
    earlier = any(turn.earlier for turn in scope.conversation)
    if not forms or not scope.generation.weighs or earlier:
        return None
    return await scope.filling.drafting.fuse(question, options, forms)


@lru_cache(maxsize=256)
def _choice(names: tuple[str, ...]) -> type[Contract]:
    field: Any = (Literal[names], ...)
    return create_model("Choice", __base__=Contract, choice=field)
