"""What one model is worth, part by part, on the same data as others: forms, the gate, the quoted sentence, reviews.

Measures and counts; draws no data and prints nothing.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from index.documents import Passage
from models.contract import Contract
from models.engines.answers import answers
from models.engines.engine import Completion, Engine, Message, Sampling
from models.engines.preferences import NEUTRAL, Matter, Preferences
from models.engines.weighing import Ask
from models.errors import ConstraintBroken
from models.grammar.grammar import Grammar, compile_grammar
from models.said import Quote
from models.training.score import FillScore
from pipeline.app import App
from pipeline.forms import slots
from pipeline.prompts.example import Example
from pipeline.prompts.prompts import Prompts
from pipeline.record import Turn
from pipeline.routing.dataset import Row
from pipeline.routing.decision import Decision
from pipeline.routing.gate import concluded
from pipeline.routing.opinion import opinions
from pipeline.routing.router import Router
from pipeline.routing.trial import worth
from scripts.evaluate.forms import Work, draft_of

AT_ONCE = 8
COLD = Sampling()
FREE = 160
"""Tokens of a free answer at most: twice what the longest right answer takes."""
REVIEWS = Path(__file__).with_name("reviews.jsonl")
"""Product reviews in this project's own words, with labels that were written before any model read them. `complaints`
holds an expression for each thing that is complained of."""


class Complaint(Contract):
    """One thing that the customer complains of."""

    about: str = Field(max_length=60, description="What is wrong, in a few words of the review.")


class Review(Contract):
    """What a product review says."""

    kind: Literal["kitchen", "electronics", "clothing", "toys", "books"] = Field(description="Kind of product.")
    sentiment: Literal["positive", "negative", "mixed"] = Field(description="How the customer found it.")
    complaints: list[Complaint] = Field(max_length=4, description="Everything the customer complains of; may be empty.")
    recommends: bool | None = Field(description="Whether the customer tells others to buy it; null if not said.")


SHOWN = (
    Example(
        "What does this review say? My new lamp is bright and was easy to put up.",
        Review(kind="electronics", sentiment="positive", complaints=[], recommends=None),
    ),
    Example(
        "What does this review say? The handle of this pot broke and it smells of glue, do not buy it.",
        Review(
            kind="kitchen",
            sentiment="negative",
            complaints=[Complaint(about="handle broke"), Complaint(about="smells of glue")],
            recommends=False,
        ),
    ),
)
"""Worked examples of reviews, as an app gives them: one without a complaint, one with two."""


class Cited(Contract):
    """The sentence that answers the question."""

    quote: Quote = Field(description="The sentence of the passages that answers the question.")


@dataclass
class Texts:
    """Every text that a model wrote for one part: how many were no valid value, its tokens, and wall seconds."""

    written: int = 0
    invalid: int = 0
    prompt_tokens: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def add(self, completion: Completion) -> None:
        self.written += 1
        self.prompt_tokens += completion.usage.prompt_tokens
        self.tokens += completion.usage.completion_tokens

    @property
    def speed(self) -> float:
        """Completion tokens a wall second."""
        return self.tokens / self.seconds if self.seconds else 0.0


@dataclass
class Reviews:
    """How reviews were read. Of those `with_some` complaints one was `found` and all `named`; of those `without`, some
    were made up in `false`. `right`: all fields right; `but_kind`: all others, whatever the kind."""

    read: int = 0
    with_some: int = 0
    found: int = 0
    named: int = 0
    without: int = 0
    false: int = 0
    sentiment: int = 0
    kind: int = 0
    recommends: int = 0
    but_kind: int = 0
    right: int = 0

    def add(self, label: Mapping[str, Any], got: Review | None) -> None:
        """Count one review; None for an answer that is none."""
        self.read += 1
        wanted = label["complaints"]
        self.with_some += bool(wanted)
        self.without += not wanted
        if got is None:
            return
        told = " | ".join(one.about.casefold() for one in got.complaints)
        all_named = all(re.search(one, told) for one in wanted)
        self.found += bool(wanted) and bool(got.complaints)
        self.named += bool(wanted) and all_named
        self.false += not wanted and bool(got.complaints)
        self.sentiment += got.sentiment == label["sentiment"]
        self.kind += got.kind == label["kind"]
        self.recommends += got.recommends == label["recommends"]
        same = (got.sentiment, got.recommends) == (label["sentiment"], label["recommends"])
        others = same and all_named and bool(wanted) == bool(got.complaints)
        self.but_kind += others
        self.right += others and got.kind == label["kind"]


@dataclass
class Measured:
    """An engine whose texts are counted, part by part."""

    engine: Engine
    parts: dict[str, Texts] = field(default_factory=dict)
    preferences: Preferences = field(default_factory=Preferences)

    async def write(
        self, part: str, messages: Sequence[Message], grammar: Grammar | None, sampling: Sampling = COLD
    ) -> str | None:
        """One text; None, and counted, where the engine did not keep to the grammar."""
        texts = self.parts.setdefault(part, Texts())
        try:
            found = await self.engine.generate(messages, grammar, sampling, None if grammar else FREE)
        except ConstraintBroken:
            texts.written += 1
            texts.invalid += 1
            return None
        texts.add(found)
        return found.text

    def ask(self, part: str) -> Ask:
        """The engine, with its tokens counted; what it writes is no text of that part."""
        texts = self.parts.setdefault(part, Texts())

        async def ask(messages: Sequence[Message], grammar: Grammar, sampling: Sampling) -> Completion:
            found = await self.engine.generate(messages, grammar, sampling)
            texts.prompt_tokens += found.usage.prompt_tokens
            texts.tokens += found.usage.completion_tokens
            return found

        return ask

    async def likeliest(
        self, part: str, contract: type[Contract], asking: Callable[[str], Sequence[Message]], question: str, text: str
    ) -> type[Contract]:
        """The contract with the likeliest choices, and the answers that are sure, as `Run.generate` has it filled.
        `asking` a `question` for it, which is about a `text`."""
        profile, ask = self.engine.profile, self.ask(part)
        if not profile.calibrates:
            return contract
        neutral, messages = [asking(sentence) for sentence in NEUTRAL], asking(question)
        matter = Matter(text, slots.labels(contract), profile.likelihood)
        found = await self.preferences.prefer(
            ask, messages, neutral, slots.choices(contract), profile.spaced, slots.leading(contract), matter=matter
        )
        sure = await answers(ask, messages, slots.open_answers(contract), profile.spaced)
        left = {**found.texts, **{field: (value,) for field, value in sure.values.items()}}
        return slots.told_apart(contract, frozenset(), left)

    async def each(self, part: str, jobs: Iterable[Callable[[], Awaitable[None]]]) -> None:
        """Do the jobs of one part, a few at once, and take its wall time."""
        room, started = asyncio.Semaphore(AT_ONCE), time.perf_counter()

        async def one(job: Callable[[], Awaitable[None]]) -> None:
            async with room:
                await job()

        await asyncio.gather(*map(one, jobs))
        self.parts.setdefault(part, Texts()).seconds += time.perf_counter() - started


async def fill(measured: Measured, part: str, work: Sequence[Work], today: date) -> FillScore:
    """Forms filled from conversations."""
    score, engine = FillScore(), measured.engine
    layout = Prompts().laid_out(engine.profile)

    async def one(contract: type[Contract], turns: Sequence[Turn], gold: Mapping[str, str | None]) -> None:
        messages = layout.fill(contract, turns)
        draft = await draft_of(measured.ask(part), engine.profile, contract, turns, messages, today)
        text = draft.grammar.constant or await measured.write(part, messages, draft.grammar)
        filled = read(draft.read, text, measured.parts[part])
        values = {} if filled is None else filled.public()
        score.add(gold, {name: None if value is None else str(value) for name, value in values.items()})

    await measured.each(part, [lambda item=item: one(*item) for item in work])  # type: ignore[misc]
    return score


def read(reader: Callable[[str], Contract], text: str | None, texts: Texts) -> Contract | None:
    """A text as a value; None, and counted, if it is none."""
    try:
        return None if text is None else reader(text)
    except ValidationError:
        texts.invalid += 1
        return None


async def gate(
    measured: Measured, router: Router, rows: Sequence[Row], decisions: Sequence[Decision], app: App | None
) -> dict[str, float]:
    """What decisions are worth with the model where the encoder is not sure, and by the model alone (worth 0 to 1)."""
    started = time.perf_counter()
    heard = await opinions(
        measured.engine, [(row.text, one) for row, one in zip(rows, decisions, strict=True)], app, always=True
    )
    texts = measured.parts.setdefault("gate", Texts())
    texts.seconds += time.perf_counter() - started
    texts.prompt_tokens += sum(one.tokens for one in heard)
    both, alone = 0.0, 0.0
    for row, decision, opinion in zip(rows, decisions, heard, strict=True):
        sole = concluded(decision, {}, opinion.shares, router.margin) if opinion.shares else decision
        together = (
            concluded(decision, dict(decision.candidates), opinion.shares, router.margin)
            if opinion.shares and not decision.sure
            else decision
        )
        both, alone = both + worth(row.intent, together), alone + worth(row.intent, sole)
    return {"cascade": both / max(1, len(rows)), "alone": alone / max(1, len(rows))}


async def quote(measured: Measured, questions: Sequence[tuple[str, Sequence[Passage], str]]) -> int:
    """How often a model quotes the right sentence of some passages: questions, passages, and how it begins."""
    right, engine = 0, measured.engine
    layout = Prompts().laid_out(engine.profile)

    async def one(question: str, passages: Sequence[Passage], answer: str) -> None:
        nonlocal right
        texts = [passage.text for passage in passages]
        grammar = compile_grammar(Cited, evidence=texts, spaced=engine.profile.spaced)
        text = await measured.write("quotes", layout.answer(Cited, question, texts), grammar)
        cited = read(Cited.model_validate_json, text, measured.parts["quotes"])
        right += cited is not None and str(cited.public()["quote"]).startswith(answer)

    await measured.each("quotes", [lambda item=item: one(*item) for item in questions])  # type: ignore[misc]
    return right


async def reviews(
    measured: Measured,
    part: str,
    rows: Sequence[Mapping[str, Any]],
    temperature: float = 0.0,
    free: bool = False,
    examples: Sequence[Example] = (),
) -> Reviews:
    """Reviews read into a form; with `free`, in free text that is parsed afterwards; `examples` are shown before."""
    found, engine = Reviews(), measured.engine
    layout = Prompts().laid_out(engine.profile)

    def asking(question: str) -> Sequence[Message]:
        return layout.answer(Review, question, [], examples)

    async def one(number: int, row: Mapping[str, Any]) -> None:
        question, grammar = f"What does this review say? {row['text']}", None
        if not free:
            form = await measured.likeliest(part, Review, asking, question, row["text"])
            grammar = compile_grammar(form, spaced=engine.profile.spaced)
        text = await measured.write(part, asking(question), grammar, Sampling(temperature, seed=number))
        if free and text is not None:
            text = within(text)
        value = read(Review.model_validate_json, text, measured.parts[part])
        found.add(row, value if isinstance(value, Review) else None)

    await measured.each(part, [lambda item=item: one(*item) for item in enumerate(rows)])  # type: ignore[misc]
    return found


def within(text: str) -> str:
    """The first JSON object inside a free text, or the text as it is."""
    start = text.find("{")
    try:
        value, _ = json.JSONDecoder().raw_decode(text[max(start, 0) :])
    except ValueError:
        return text
    return json.dumps(value)
