"""What the shipped model practises: every answer can be copied, nothing else is asked."""

import json
import random
from itertools import islice
from pathlib import Path

import pytest

from models.training import faq, sgd, utterances
from models.training.exercise import THINKING, THINKING_HINT, Exercise
from models.training.score import FillScore
from models.training.typos import mistyped
from pipeline.prompts.copier import NOTES

DATA = Path(__file__).parents[3].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the public training data is not on this machine")


def copyable(exercise: Exercise) -> None:
    texts = [text for _, text in exercise.turns]
    for name, value in exercise.answers.items():
        assert name in exercise.fields
        if value is not None and name != THINKING:
            assert any(value in text for text in texts), (name, value, texts)


def test_every_generated_answer_stands_in_the_conversation():
    for exercise in islice(utterances.exercises(random.Random(1)), 2000):
        copyable(exercise)
        assert list(exercise.answers) == list(exercise.fields)


def test_slips_of_the_keyboard_spare_the_words_of_values():
    talk = [("customer", "please bring wonderful Kolkata over to somewhere"), ("assistant", "wonderful somewhere")]
    seen = [mistyped(talk, {"city": "Kolkata"}, random.Random(n)) for n in range(50)]
    assert all("Kolkata" in said[0][1] and said[1] == talk[1] for said in seen)
    assert len({said[0][1] for said in seen}) > 20


def test_a_route_said_without_from_has_its_origin():
    found = 0
    for exercise in islice(utterances.exercises(random.Random(5)), 5000):
        origin, destination = exercise.answers.get("origin"), exercise.answers.get("destination")
        text = exercise.turns[0][1]
        found += f"{origin} to {destination}" in text and f"from {origin}" not in text
    assert found > 20


@needs_data
def test_every_answer_from_dialogues_stands_in_the_conversation_after_refilling():
    schema = sgd.read_schema(DATA / "sgd" / "schema_train.json")
    turns = sgd.read_turns(DATA / "sgd" / "travel_train.jsonl")
    for exercise in islice(sgd.exercises(turns, schema, random.Random(2)), 2000):
        copyable(exercise)


@needs_data
def test_the_answer_to_a_frequent_question_is_its_evidence():
    pairs = faq.read_pairs(DATA / "dstc9_faq" / "knowledge.json")
    for exercise in islice(faq.exercises(pairs, random.Random(3)), 100):
        assert exercise.answers["quote"] == exercise.evidence[0]


def test_a_value_keeps_the_space_before_it_so_that_its_tokens_are_those_of_the_text():
    exercise = Exercise(
        {"to": "Where?", "day": "When?"}, (("customer", "fly me to Bali"),), {"to": "Bali", "day": None}
    )
    assert exercise.target() == '{"to":" Bali","day":null}'
    assert json.loads(exercise.target())["to"].strip() == "Bali"


def test_numbers_said_in_words_count_as_said_but_one_way_is_no_number():
    turn = {"history": [], "user": "Two tickets, one way", "slots": {"passengers": "2", "stops": "1"}, "service": "x"}
    assert sgd.gold(turn, {"passengers": "", "stops": ""}) == {"passengers": "Two", "stops": None}


def test_the_scratchpad_is_announced_as_in_the_pipelines_prompts():
    assert NOTES == THINKING_HINT


def test_score_counts_wrong_values_against_precision_and_recall():
    score = FillScore()
    score.add({"a": "The 3rd", "b": None, "c": "two"}, {"a": "3rd", "b": "Goa", "c": None})
    assert score.figures() == {
        "forms": 1, "precision": 0.5, "recall": 0.5, "f1": 0.5, "empty_kept": 0.0, "whole": 0.0
    }  # fmt: skip
