"""Models side by side, and a model's trial: what the commands measure, and what they keep."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from command import interlock

from scripts.evaluate.model_figures import REVIEWS, Complaint, Review, Reviews, within
from scripts.evaluate.results import read_lines
from scripts.evaluate.tickets import TICKETS, Ticket, Tickets

APP = '''
from pipeline import App, Run, workflow

@workflow(intent="buy", examples=["I want a lamp", "two desk lamps please", "order a light", "a floor lamp for me"])
async def buy(run: Run) -> str:
    """Buy a lamp."""
    return "bought"

@workflow(intent="give_back", examples=["take my lamp back", "return my order", "refund me", "the lamp was wrong"])
async def give_back(run: Run) -> str:
    """Return a lamp."""
    return "returned"

app = App("Lamps", [buy, give_back], out_of_scope_examples=["Tell me a joke", "Who won?", "Sing a song"])
'''


def test_models_are_measured_on_the_same_rows_and_nothing_under_a_grammar_is_invalid() -> None:
    done = interlock("evaluate", "models", "--model", "models/tiny", "--limit", "2")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])["models"]
    encoder, tiny = told["encoder alone"], told["models/tiny"]
    assert encoder.keys() == {"gate sample", "quotes right"}
    assert tiny["forms sample f1"] > 0.5
    assert (tiny["texts under a grammar"], tiny["invalid"], tiny["free texts"]) == (10, 0, 2)
    assert tiny["prompt tokens"] > 0 < tiny["answer tokens"]
    assert tiny["parts"]["reviews"]["seconds"] > 0
    assert "gate sample, model alone" in done.stderr


def test_one_part_is_measured_alone_and_its_data_belong_to_it() -> None:
    done = interlock("evaluate", "models", "--model", "models/tiny", "--limit", "2", "--part", "forms")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])["models"]
    assert told["encoder alone"] == {}
    assert {name for name in told["models/tiny"] if name[:5] in ("forms", "gate ", "quote", "revie")} == {
        "forms sample f1",
        "forms sample empty_kept",
        "forms sample whole",
    }
    assert "texts under a grammar" in done.stderr
    assert "free" not in done.stderr  # nothing of what was not measured
    refused = interlock("evaluate", "models", "--model", "models/tiny", "--part", "gate", "--sgd", "x.jsonl")
    assert refused.returncode == 2
    assert "--sgd is read by --part forms" in refused.stderr


def test_the_reviews_are_labelled_with_what_stands_in_them() -> None:
    rows = read_lines(REVIEWS)
    assert len(rows) >= 30
    assert len({row["text"] for row in rows}) == len(rows)
    assert sum(not row["complaints"] for row in rows) >= 10
    for row in rows:
        for expression in row["complaints"]:
            assert re.search(expression, row["text"].casefold()), row
        assert (row["sentiment"] == "positive") is (not row["complaints"])
        Review(kind=row["kind"], sentiment=row["sentiment"], complaints=[], recommends=row["recommends"])


def test_a_review_counts_as_right_only_if_everything_is() -> None:
    label = {"kind": "toys", "sentiment": "negative", "complaints": ["wheel", "sharp|edge"], "recommends": None}
    both = [Complaint(about="The wheels fell off"), Complaint(about="a sharp edge")]
    found = Reviews()
    found.add(label, Review(kind="toys", sentiment="negative", complaints=both, recommends=None))
    found.add(label, Review(kind="toys", sentiment="mixed", complaints=both[:1], recommends=None))
    found.add({**label, "complaints": []}, Review(kind="toys", sentiment="negative", complaints=both, recommends=None))
    found.add(label, Review(kind="books", sentiment="negative", complaints=both, recommends=None))
    found.add(label, Review(kind="toys", sentiment="negative", complaints=both, recommends=False))
    found.add(label, None)
    assert (found.read, found.with_some, found.found, found.named, found.without) == (6, 5, 4, 3, 1)
    assert (found.false, found.sentiment, found.kind, found.recommends) == (1, 4, 4, 4)
    assert (found.but_kind, found.right) == (2, 1)


def test_a_ticket_is_usable_if_it_says_what_is_wrong_with_what() -> None:
    rows = read_lines(TICKETS)
    assert len(rows) >= 11
    found = Tickets()
    for row in rows:
        assert re.search(row["problem"], row["text"].casefold()), row
        found.add(row, Ticket(problem=row["text"][:80], device=row["device"], urgent=row["urgent"]))
    assert found.urgent == found.read == len(rows)
    label = {"problem": "jam", "device": "printer", "urgent": True}
    found = Tickets()
    found.add(label, Ticket(problem="Paper jam", device="laptop", urgent=True))
    found.add(label, Ticket(problem="Paper jam", device="printer", urgent=False))
    found.add(label, None)
    assert (found.read, found.named, found.usable, found.urgent) == (3, 2, 1, 1)


@pytest.mark.parametrize(
    ("text", "inside"),
    [('Sure: {"a": 1} there', '{"a": 1}'), ('```json\n{"a": [1]}\n```', '{"a": [1]}'), ("no", "no"), ('{"a"', '{"a"')],
)
def test_free_text_is_searched_for_an_object(text: str, inside: str) -> None:
    assert within(text) == inside


def test_a_trial_is_kept_beside_the_app_and_told(tmp_path: Path) -> None:
    shop = tmp_path / "lamps.py"
    shop.write_text(APP)
    done = interlock("calibrate", "--app", shop, "--model", "models/tiny")
    assert done.returncode == 0, done.stderr
    trial = json.loads(done.stdout.splitlines()[-1])["trial"]
    assert trial["messages"] == 13
    assert 0 < trial["asked"] <= 13
    (kept,) = json.loads((tmp_path / "lamps.trials.json").read_text())["trials"]
    assert kept["identity"].startswith("sha256:")
    assert {**kept, "trusted": trial["trusted"]} == trial
    checked = interlock("check", shop, "--attacks", "0")
    assert "Trial: embedded:models/tiny " in checked.stderr
    nothing = interlock("calibrate", "--app", shop)
    assert nothing.returncode == 2
    assert "name labelled messages with --data, or a --model" in nothing.stderr
    unasked = interlock("calibrate", "--app", shop, "--data", tmp_path / "labels.jsonl", "--limit", 3)
    assert unasked.returncode == 2
    assert "--limit is how many messages a --model is asked about" in unasked.stderr
    gateless = interlock("calibrate", "--app", shop, "--model", "models/tiny", "--precision", 0.9)
    assert gateless.returncode == 2
    assert "--precision is about the gate" in gateless.stderr
