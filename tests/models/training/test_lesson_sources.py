"""What lessons are made of: exercises of one form, choices, extraction, questions; what is held out stays out."""

import random
from itertools import islice
from pathlib import Path

import pytest

from models.training import choices, extraction, passages, same_form, sgd
from models.training.exercise import THINKING

DATA = Path(__file__).parents[3].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the public training data is not on this machine")
MESSAGES = {f"intent_{n}": [f"message {n} {m}" for m in range(3)] for n in range(30)}


def test_requests_come_with_others_of_the_same_form():
    groups = list(islice(same_form.from_requests(random.Random(1), 6), 60))
    assert all(len({tuple(one.fields.items()) for one in group}) == 1 for group in groups)
    assert sum(len(group) == 6 for group in groups) > 30
    for group in groups:
        for one in group:
            said = " ".join(text for _, text in one.turns)
            assert all(value in said for name, value in one.answers.items() if value and name != THINKING)


@needs_data
def test_dialogues_come_with_others_of_the_same_form():
    schema = sgd.read_schema(DATA / "sgd" / "schema_train.json")
    turns = sgd.read_turns(DATA / "sgd" / "travel_train.jsonl")
    for group in islice(same_form.from_dialogues(turns, schema, random.Random(2), 5), 40):
        assert len(group) == 5
        for one in group:
            assert one.fields == group[0].fields
            assert list(one.answers) == list(one.fields)


def test_a_choice_has_its_answer_among_its_options_or_is_none_or_two_of_them():
    seen = [one for group in islice(choices.choices(MESSAGES, random.Random(3), 8), 100) for one in group]
    kinds = {one.right for one in seen if one.right in (choices.NONE, choices.BOTH)}
    assert kinds == {choices.NONE, choices.BOTH}
    for one in seen:
        intent = next(name for name, texts in MESSAGES.items() if any(one.message.startswith(text) for text in texts))
        if one.right == choices.NONE:
            assert intent not in one.options
        elif one.right != choices.BOTH:
            assert one.right == intent
            assert intent in one.options


def test_the_same_intents_are_always_held_out():
    held = choices.held_out(list(MESSAGES))
    assert held == choices.held_out(sorted(MESSAGES, reverse=True))
    assert len(held) == 20


def test_what_is_extracted_is_said():
    for group in islice(extraction.extractions(random.Random(4), 5), 100):
        for one in group:
            assert list(one.record) == list(one.keys)
            for name, value in one.record.items():
                for part in value if isinstance(value, list) else [value]:
                    said = extraction.FLAGS[name][not part] if isinstance(part, bool) else str(part)
                    assert part is None or said in one.text


@needs_data
def test_an_answer_stands_in_one_of_its_passages_and_held_out_places_are_others():
    practised, held = passages.read_entities(DATA / "dstc9_faq" / "knowledge.json")
    assert len(practised) > 8 * len(held) > 0
    assert not [one for one in held if one in practised]
    for one in islice(passages.asked(practised, random.Random(5)), 300):
        assert sum(one.answer in passage for passage in one.passages) == 1
    assert {one.yes for one in islice(passages.asked(practised, random.Random(6)), 100)} == {True, False, None}
