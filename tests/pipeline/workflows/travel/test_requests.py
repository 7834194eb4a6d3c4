"""The sample requests, their labels and the knowledge fit each other.

A label says what a perfect copier and a perfect clerk would do when today is Monday 23 November 2026. `intent` is a
workflow's, or "out_of_scope", or a list where the message holds several, in order of appearance; `fields` are the
contract's fields as spans of the text (null: not said), for a list keyed by intent; `status` lists every acceptable
one; `done` has the actions that may be done, by name, and what their results have to say; `answer` is the beginning of
the sentence of the knowledge that decides a question of policy (null: there is none).
"""

from __future__ import annotations

import json
import re
from datetime import date
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from models.contract import Contract
from models.said import Unread
from pipeline.workflows.travel import contracts, examples, terms
from pipeline.workflows.travel.booking_ref import BookingRef
from pipeline.workflows.travel.inventory import Inventory

TODAY = date(2026, 11, 23)
FOLDER = Path(contracts.__file__).parent
FORMS: dict[str, type[Contract]] = {
    "book_trip": contracts.Trip,
    "change_booking": contracts.Change,
    "cancel_booking": contracts.Cancellation,
    "complain": contracts.Complaint,
}
INTENTS = {*FORMS, "ask_policy", "out_of_scope"}
EXAMPLES = {
    "book_trip": examples.BOOK_TRIP,
    "change_booking": examples.CHANGE_BOOKING,
    "cancel_booking": examples.CANCEL_BOOKING,
    "ask_policy": examples.ASK_POLICY,
    "complain": examples.COMPLAIN,
}


@cache
def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


@cache
def sentences() -> tuple[str, ...]:
    texts = (path.read_text(encoding="utf-8") for path in sorted((FOLDER / "knowledge").glob("*.md")))
    lines = (line for text in texts for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


TEXTS = {row["custom_id"]: row["text"] for row in rows("requests.jsonl")}
LABELS = rows("requests_labels.jsonl")


def each(intent: str | None = None) -> pytest.MarkDecorator:
    labels = [label for label in LABELS if intent in (None, label["intent"])]
    return pytest.mark.parametrize("label", labels, ids=lambda label: label["custom_id"])


def intents(label: dict[str, Any]) -> list[str]:
    return label["intent"] if isinstance(label["intent"], list) else [label["intent"]]


def fields(label: dict[str, Any]) -> dict[str, dict[str, str | None]]:
    return label["fields"] if isinstance(label["intent"], list) else {label["intent"]: label["fields"]}


def test_there_are_requests_of_every_kind() -> None:
    assert len(TEXTS) == len(set(TEXTS.values())) == len(LABELS) >= 80
    assert {intent for label in LABELS for intent in intents(label)} == INTENTS
    assert "Book me a trip to Bali under 20k rupees for the upcoming weekend" in TEXTS.values()
    assert {"completed", "needs_input", "escalated"} == {status for label in LABELS for status in label["status"]}


@each()
def test_a_label_belongs_to_a_request_and_its_spans_stand_in_the_text(label: dict[str, Any]) -> None:
    text = TEXTS[label["custom_id"]]
    assert set(fields(label)) == set(intents(label)) <= INTENTS
    for intent, spans in fields(label).items():
        form = FORMS.get(intent)
        assert set(spans) == (set(form.questions()) if form else set())
        for span in spans.values():
            assert span is None or (span in text and span == span.strip())


@each()
def test_a_perfect_copy_reads_as_the_form_or_becomes_a_question(label: dict[str, Any]) -> None:
    for intent, spans in fields(label).items():
        if intent not in FORMS:
            continue
        draft = FORMS[intent].draft()
        form = draft.model_validate({"thinking": "", **spans}, context={"today": TODAY})
        unread = [name for name in spans if isinstance(getattr(form, name), Unread)]
        assert not unread or "needs_input" in label["status"], unread


@each("ask_policy")
def test_one_sentence_of_the_knowledge_decides_each_question(label: dict[str, Any]) -> None:
    if label["answer"] is None:
        assert label["status"] == ["escalated"]
        return
    assert sum(sentence.startswith(label["answer"]) for sentence in sentences()) == 1


@each()
def test_the_named_bookings_exist_where_the_label_needs_them(label: dict[str, Any], inventory: Inventory) -> None:
    for intent in {"change_booking", "cancel_booking"} & set(fields(label)):
        span = fields(label)[intent]["booking"]
        reference = BookingRef.read(span, TODAY) if span else None
        if "completed" in label["status"]:
            assert reference is not None
            booking = inventory.booking(reference)
            assert booking is not None
            assert booking.status == "booked"
            assert booking.flight.day >= TODAY


@each()
def test_what_may_be_done_is_what_the_message_says(label: dict[str, Any], inventory: Inventory) -> None:
    assert label["done"].keys() <= {"book", "change", "cancel", "open_ticket"}
    assert not label["done"] or {"completed", "escalated"} & set(label["status"])
    for intent, spans in fields(label).items():
        if intent not in FORMS:
            continue
        form = FORMS[intent].draft().model_validate({"thinking": "", **spans}, context={"today": TODAY})
        said = {name: str(value) for name, value in form.public().items() if value is not None}
        if intent == "book_trip" and (facts := label["done"].get("book")):
            assert facts["origin"] == inventory.find_city(spans["origin"] or "Mumbai")
            assert facts["destination"] == inventory.find_city(spans["destination"] or "")
            assert (facts["departure"], str(facts["travellers"])) == (said["departure"], said.get("travellers", "1"))
        if intent == "change_booking" and (facts := label["done"].get("change")):
            assert facts == {"reference": said["booking"], "new_date": said["new_date"]}
        if intent == "cancel_booking" and (facts := label["done"].get("cancel")):
            assert facts == {"reference": said["booking"]}


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    return Inventory.create(tmp_path_factory.mktemp("inventory"), TODAY)


@each("book_trip")
def test_a_trip_that_should_be_booked_can_be(label: dict[str, Any], inventory: Inventory) -> None:
    if label["status"] != ["completed"]:
        return
    trip = contracts.Trip.model_validate({"thinking": "", **label["fields"]}, context={"today": TODAY})
    origin, destination = inventory.find_city(trip.origin or "Mumbai"), inventory.find_city(trip.destination)
    assert origin is not None
    assert destination is not None
    travellers = trip.travellers or 1
    flight = inventory.cheapest(origin, destination, trip.departure, travellers)
    rate = inventory.rate(flight.currency) if flight else None
    assert flight is not None
    assert rate is not None
    assert trip.budget is not None
    budget = inventory.rupees(trip.budget)
    assert budget is not None
    assert flight.price * travellers * rate <= budget


def test_no_request_stands_among_the_examples() -> None:
    said = [text.casefold() for text in TEXTS.values()]
    for sample in (*(text for texts in EXAMPLES.values() for text in texts), *examples.OUT_OF_SCOPE):
        nearest = max(said, key=lambda text: SequenceMatcher(None, sample.casefold(), text).ratio())
        assert SequenceMatcher(None, sample.casefold(), nearest).ratio() < 0.85, (sample, nearest)


@pytest.mark.parametrize(("intent", "texts"), EXAMPLES.items())
def test_every_intent_has_varied_examples(intent: str, texts: tuple[str, ...]) -> None:
    assert 15 <= len(texts) == len(set(texts)) <= 70
    assert len({len(text) // 10 for text in texts}) >= 4


def test_the_knowledge_says_the_same_as_the_terms() -> None:
    text = " ".join(sentences())
    assert f"up to {terms.HORIZON_DAYS} days ahead" in text
    assert f"at most {terms.LARGEST_PARTY} travellers" in text
    assert f"free until {terms.FREE_CANCELLATION_DAYS * 24} hours before departure" in text
    assert f"we keep {terms.CANCELLATION_SHARE * 100:.0f} % of the price" in text
    assert f"free of charge until {terms.FREE_CHANGE_DAYS} days before departure" in text
    assert f"costs {terms.CHANGE_FEE_INR:,} INR per booking" in text


def test_the_knowledge_is_made_of_short_whole_sentences() -> None:
    for sentence in sentences():
        assert re.fullmatch(r"[A-Z].{20,240}\.", sentence), sentence
        assert ". " not in sentence, sentence
