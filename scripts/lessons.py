"""Lessons: the project's exercises as the pipeline puts them to a model, under the grammars of a run."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from models.contract import Contract
from models.engines.profiles import Profile
from models.engines.weighing import LETTERS
from models.grammar.grammar import Grammar, compile_grammar
from models.said import Quote, SaidMark, Scratchpad
from models.training import choices, extraction, passages, same_form, sgd
from models.training.choices import Choice
from models.training.exercise import THINKING, Exercise
from models.training.extraction import Extraction, Key
from models.training.lesson import Lesson, Pack, Packer
from models.training.passages import Asked
from models.values.money import Money
from pipeline.prompts.layout import Layout
from pipeline.prompts.prompts import Prompts
from pipeline.record import Turn
from pipeline.routing.gate import refusals

TRAIN, DEV = Path("sgd/travel_train.jsonl"), Path("sgd/travel_dev.jsonl")
CLINC, FAQ = Path("clinc150/train_val.json"), Path("dstc9_faq/knowledge.json")
SHARES = {"dialogues": 0.36, "requests": 0.3, "choices": 0.16, "quotes": 0.07, "yes or no": 0.04, "extraction": 0.07}
"""Of packs."""
READ_AS: Mapping[str, Any] = {
    "departure": date, "new_date": date, "travellers": int, "budget": Money, "amount": Money, "day": date,
    "price": Money,
}  # fmt: skip
"""What a field of this name is often read as."""
PROMPTS = Prompts()


class Quoted(Contract):
    """The sentence that answers the question."""

    quote: Quote = Field(description="The sentence of the passages that answers the question.")


class Cited(Contract):
    """A sentence of the evidence."""

    sentence: Quote = Field(description="The sentence that answers the question.")


class YesOrNo(Contract):
    """Whether it is so."""

    yes: bool = Field(description="Whether the answer to the question is yes.")


def fill(layout: Layout, spaced: bool, exercise: Exercise, typed: bool, told: str) -> Lesson:
    """A form to fill, as `run.collect` asks for it."""
    form = _form(tuple(exercise.fields.items()), typed, told)
    said = [text for role, text in exercise.turns if role == "customer"]
    answers = {name: value and value.strip() for name, value in exercise.answers.items()}
    messages = layout.fill(form, [Turn(role, text) for role, text in exercise.turns])
    return Lesson(tuple(messages), _written(answers), compile_grammar(form, said=said, spaced=spaced))


@cache
def _form(fields: tuple[tuple[str, str], ...], typed: bool, told: str) -> type[Contract]:
    made: dict[str, Any] = {}
    for name, hint in fields:
        kind: Any = SaidMark(READ_AS.get(name, str) if typed else str)
        said = (Annotated[kind.kind, kind] | None, Field(None, description=hint))
        made[name] = (Scratchpad, ...) if name == THINKING else said
    return create_model("Form", __base__=Contract, __doc__=told or None, **made)


def choose(layout: Layout, choice: Choice) -> Lesson:
    """The gate's question, as `weigh` puts it."""
    told = {name: name.replace("_", " ") for name in choice.options} | refusals(PROMPTS)
    letters = LETTERS[: len(told)]
    names = sorted(told, reverse=choice.options[0] > choice.options[-1])
    order = dict(zip(letters, names, strict=True))
    lettered = {letter: f"{name}: {told[name]}" for letter, name in order.items()}
    messages = layout.weigh(PROMPTS.word("wish"), lettered, [Turn("customer", choice.message)])
    grammar = Grammar("start: " + " | ".join(f'"{letter}"' for letter in letters) + "\n", 2)
    return Lesson(tuple(messages), next(letter for letter in order if order[letter] == choice.right), grammar)


def quote(layout: Layout, spaced: bool, asked: Asked, form: type[Contract]) -> Lesson:
    """A sentence to quote."""
    messages = layout.answer(form, asked.question, asked.passages)
    grammar = compile_grammar(form, evidence=asked.passages, spaced=spaced)
    return Lesson(tuple(messages), _written({next(iter(form.model_fields)): asked.answer}), grammar)


def judge(layout: Layout, spaced: bool, asked: Asked) -> Lesson:
    """Yes or no, from the evidence."""
    messages = layout.answer(YesOrNo, asked.question, asked.passages)
    return Lesson(tuple(messages), _written({"yes": asked.yes}), compile_grammar(YesOrNo, spaced=spaced))


def extract(layout: Layout, spaced: bool, one: Extraction) -> Lesson:
    """A record to read from a text."""
    form = _record(tuple(one.keys.items()))
    messages = layout.answer(form, f"What does this say? {one.text}", [])
    return Lesson(tuple(messages), _written(one.record), compile_grammar(form, spaced=spaced))


_Short = Annotated[str, Field(max_length=40)]


@cache
def _record(keys: tuple[tuple[str, Key], ...]) -> type[Contract]:
    made: dict[str, Any] = {}
    for name, key in keys:
        hint = f"The {name.replace('_', ' ')}; null if not said."
        if key.kind == "list":
            made[name] = (list[_Short], Field(max_length=4, description=f"All {name}; may be empty."))
            continue
        kinds: dict[str, Any] = {"text": _Short, "number": int, "flag": bool, "choice": Literal[key.options or ("",)]}
        made[name] = (kinds[key.kind] | None, Field(description=hint))
    return create_model("Record", __base__=Contract, __doc__="What somebody wrote.", **made)


def _written(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


def lessons(part: str, data: Path, profile: Profile, r: random.Random) -> Iterator[list[Lesson]]:
    """Lessons of one part, those with the same form or options at a time, for ever."""
    layout, spaced = PROMPTS.laid_out(profile), profile.spaced
    if part == "dialogues":
        schema = sgd.read_schema(data / "sgd" / "schema_train.json")
        for forms in same_form.from_dialogues(sgd.read_turns(data / TRAIN), schema, r, 10):
            yield [fill(layout, spaced, exercise, False, "") for exercise in forms]
    elif part == "requests":
        for forms in same_form.from_requests(r, 10):
            typed, told = r.random() < 0.5, r.choice(("", "", "What a customer wants.", "A request."))
            yield [fill(layout, spaced, exercise, typed, told) for exercise in forms]
    elif part == "choices":
        messages = choices.read_messages(data / CLINC, "train")
        kept = choices.held_out([name for name in messages if name != "oos"])
        practised = {name: texts for name, texts in messages.items() if name not in kept}
        for some in choices.choices(practised, r, 10):
            yield [choose(layout, choice) for choice in some]
    elif part == "extraction":
        for texts in extraction.extractions(r, 6):
            yield [extract(layout, spaced, one) for one in texts]
    else:
        yield from _questions(part == "quotes", data, layout, spaced, r)


def _questions(quotes: bool, data: Path, layout: Layout, spaced: bool, r: random.Random) -> Iterator[list[Lesson]]:
    questions = passages.asked(passages.read_entities(data / FAQ)[0], r)
    # More answers begin with yes than with no: as many of each are practised.
    clear = (one for one in questions if one.yes is not None and (not one.yes or r.random() < 0.4))
    while True:
        if quotes:
            form = r.choice((Quoted, Cited))
            yield [quote(layout, spaced, one, form) for one in islice(questions, 6)]
        else:
            yield [judge(layout, spaced, one) for one in islice(clear, 6)]


def mixture(data: Path, profile: Profile, packer: Packer, seed: int) -> Iterator[tuple[str, Pack]]:
    """Packs of all parts in the shares above, for ever."""
    r = random.Random(seed)
    sources = {
        part: lessons(part, data, profile, random.Random(seed * 1000 + number)) for number, part in enumerate(SHARES, 1)
    }
    while True:
        part = r.choices(list(SHARES), list(SHARES.values()))[0]
        for one in packer.packs(next(sources[part])):
            yield part, one


def held_out(data: Path, profile: Profile, packer: Packer) -> dict[str, list[Pack]]:
    """Lessons that are never practised: dialogues of another split, intents and places left out."""
    layout, spaced, r = PROMPTS.laid_out(profile), profile.spaced, random.Random(0)
    schema = sgd.read_schema(data / "sgd" / "schema_dev.json")
    turns = r.sample(sgd.read_turns(data / DEV), 30)
    by_form: dict[str, list[Lesson]] = {}
    for lesson in (fill(layout, spaced, sgd.plain(turn, schema), False, "") for turn in turns):
        by_form.setdefault(lesson.messages[0].content, []).append(lesson)
    messages = choices.read_messages(data / CLINC, "val")
    names = sorted(choices.held_out([name for name in messages if name != "oos"]))
    fives = [tuple(names[n::4]) for n in range(4)]
    picked = [[Choice(five, text, name) for name in five for text in messages[name][:2]] for five in fives]
    unseen = passages.asked(passages.read_entities(data / FAQ)[1], random.Random(1))
    return {
        "dialogues": [one for some in by_form.values() for one in packer.packs(some)],
        "choices": [one for some in picked for one in packer.packs([choose(layout, choice) for choice in some])],
        "quotes": packer.packs([quote(layout, spaced, one, Quoted) for one in islice(unseen, 20)]),
    }
