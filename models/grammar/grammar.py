"""Grammar: one contract, and the texts it may copy from, as one tight llguidance grammar with its token budget.

Knows how fragments make a whole. Does not know the types (fragments/), nor any engine: the same string goes to all of
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import isfinite
from typing import Any

from pydantic import BaseModel

from models.grammar.fragments.builder import Bound, GrammarBuilder, NoText
from models.grammar.fragments.fragment import Fragment, either, sequence, text_fragment
from models.grammar.fragments.record import contract_fragment
from models.grammar.fragments.recursion import LEVELS, Sprawling
from models.grammar.source import normalise, sentences

__all__ = ["Grammar", "compile_choice", "compile_grammar", "normalise"]


TOLD = 4
"""Alternatives of a choice that is followed by a form. vLLM tells as many for every token of the form as well: each
makes a small model on a CPU 5 to 8 % slower. What the least likely of a handful of options have, hardly matters."""


@dataclass(frozen=True)
class Grammar:
    """A finite language in llguidance's Lark dialect.

    `lark` goes to every engine unchanged. `max_tokens` covers the longest text: every token is at least one byte.
    `open` is the same language without the ends that it was given, `tightened`, where the contract has none; "" where
    nothing was. It is for engines that close (models/engines/closing.py), within the same budget.
    `constant` is the only text the grammar admits, if there is exactly one: a caller may then skip the model.
    `contract` is whose values the texts are, if any contract's, and `bounds` says how long each of its fields may be.
    `said` and `evidence` are what a text may copy from: messages, normalised, and sentences by paragraph; nothing where
    the contract copies nothing.
    `spaced`: whether a blank stands behind each comma and colon (models/grammar/separators.py).
    `weighs`: the first token decides, and how likely the likeliest so many were is wanted (`Completion.first`); 0: not.
    `may_be_cut`: the budget may end before the text does.
    """

    lark: str
    max_tokens: int
    constant: str | None = None
    contract: type[BaseModel] | None = field(default=None, compare=False)
    bounds: tuple[Bound, ...] = field(default=(), compare=False, repr=False)
    said: tuple[str, ...] = field(default=(), compare=False, repr=False)
    evidence: tuple[tuple[str, ...], ...] = field(default=(), compare=False, repr=False)
    spaced: bool = False
    weighs: int = 0
    open: str = field(default="", repr=False)
    tightened: tuple[str, ...] = field(default=(), compare=False, repr=False)
    may_be_cut: bool = False

    def closes(self, max_tokens: int | None) -> bool:
        """Whether an engine that can is to bring a text to its end: it may take less, `max_tokens`, or has no end."""
        return not self.may_be_cut and bool(self.open or max_tokens or not self.max_tokens)

    def opened(self) -> Grammar:
        """The same without the ends that it was given."""
        return replace(self, lark=self.open or self.lark, open="", tightened=())

    def within(self, budget: int) -> Grammar:
        """The same with a budget that may be less than the longest text takes; 0: what the context leaves."""
        if 0 < self.max_tokens <= budget:
            return self
        return replace(self, max_tokens=budget, may_be_cut=True)


def compile_grammar(
    contract: type[BaseModel],
    said: Sequence[str] = (),
    evidence: Sequence[str] = (),
    scratchpad: int | None = None,
    spaced: bool = False,
    one_line: bool = False,
    open: bool = False,
) -> Grammar:
    """JSON with every field of `contract`, in declared order, always present.

    `said`: the customer's messages, oldest first; a Said field copies whole words of one of them. `evidence`: the
    passages; a Quote copies one to three consecutive sentences of one paragraph. `scratchpad`: characters that each
    Scratchpad may have at most, where fewer than it declares. `spaced`: with a blank behind each comma and colon, as
    the model's profile asks for it; else compact. `one_line`: no text holds a line break or a tab, as no Scratchpad
    does. `open`: what has no end of its own gets none, and no budget covers it. Every text that the grammar admits
    passes `contract.model_validate_json`, custom validators aside
    (`contract.checked_after()`).
    Raises ContractError for a field that nothing can be copied into and that may not be None.
    """
    grammar = without_sources(contract, scratchpad, spaced, one_line, open)
    if grammar is not None:
        return grammar
    blocks = tuple(tuple(block) for passage in evidence for block in sentences(passage))
    return _grammar(
        contract, GrammarBuilder(_messages(said), blocks, scratchpad, one_line=one_line, open=open, spaced=spaced)
    )


def compile_choice(
    options: Mapping[str, type[BaseModel] | None],
    said: Sequence[str] = (),
    scratchpad: int | None = None,
    spaced: bool = False,
) -> Grammar:
    """One of a few letters and, where a contract belongs to it, that contract's JSON right behind: `A{"city":null}`.

    The first token decides, and is weighed; after it only the chosen contract can follow, or the end. The budget is
    that of the longest option. `said`, `scratchpad`, `spaced` and errors are those of `compile_grammar`; nothing can be
    quoted.
    """
    messages = _messages(said)
    builder = GrammarBuilder(messages, (), scratchpad, spaced=spaced)
    fragments = [
        sequence(
            [text_fragment(letter), *([builder.rule(form.__name__, contract_fragment(form, builder))] if form else [])]
        )
        for letter, form in options.items()
    ]
    fragment = either(fragments)
    return Grammar(
        _lark(fragment.rule, builder),
        _budget(fragment.longest),
        fragment.constant,
        None,
        tuple(builder.bounds),
        messages,
        spaced=spaced,
        weighs=TOLD,
    )


class _Copies(Exception):
    """A grammar depends on what may be copied."""


class _Unread(tuple[Any, ...]):
    """Sources that nobody looks at."""

    def __iter__(self) -> Iterator[Any]:
        raise _Copies


@lru_cache(256)
def without_sources(
    contract: type[BaseModel], scratchpad: int | None, spaced: bool, one_line: bool = False, open: bool = False
) -> Grammar | None:
    """The grammar of a contract that copies nothing, the same for every record; None for one that does."""
    unread = _Unread()
    try:
        builder = GrammarBuilder(unread, unread, scratchpad, one_line=one_line, open=open, spaced=spaced)
        return replace(_grammar(contract, builder), said=(), evidence=())
    except _Copies:
        return None


def _grammar(contract: type[BaseModel], builder: GrammarBuilder) -> Grammar:
    try:
        fragment = contract_fragment(contract, builder)
    except Sprawling:
        fragment, builder = _levelled(contract, builder)
    lark = _lark(fragment.rule, builder)
    opened = ""
    if builder.tightened and not builder.open:
        known = without_sources(contract, builder.scratchpad, builder.spaced, builder.one_line, True)
        opened = (known or _grammar(contract, _anew(builder, open=True))).lark
        opened = "" if opened == lark else opened
    return Grammar(
        lark,
        _budget(fragment.longest),
        fragment.constant,
        contract,
        tuple(builder.bounds),
        builder.said,
        builder.evidence,
        builder.spaced,
        open=opened,
        tightened=tuple(f"{place}: {end}" for place, end in builder.tightened.items()),
    )


def _levelled(contract: type[BaseModel], builder: GrammarBuilder) -> tuple[Fragment, GrammarBuilder]:
    """A contract of classes that lead into each other in many ways, as deep as it has to go."""
    for levels in LEVELS:
        anew = _anew(builder, levels=levels)
        try:
            return contract_fragment(contract, anew), anew
        except NoText as error:
            missing = error
    raise missing


def _anew(builder: GrammarBuilder, open: bool = False, levels: int = 0) -> GrammarBuilder:
    """A builder of the same kind that has written nothing yet."""
    return GrammarBuilder(
        builder.said,
        builder.evidence,
        builder.scratchpad,
        one_line=builder.one_line,
        open=open,
        levels=levels,
        spaced=builder.spaced,
    )


def _budget(longest: float) -> int:
    """Tokens that a text of so many bytes takes at most, with the one that ends it; 0 where there is no longest one."""
    return int(longest) + 1 if isfinite(longest) else 0


def _lark(start: str, builder: GrammarBuilder) -> str:
    return "\n".join(f"{name}: {body}" for name, body in {"start": start, **builder.rules, **builder.terminals}.items())


def _messages(said: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for message in said if (text := normalise(message)))
