"""A word that was said counts for one field of a form: its question has the word before, or it is the likeliest."""

from __future__ import annotations

from models.engines.claims import claims, told_apart
from models.engines.mentions import Beginning

QUESTIONS = {"to": "Where do you want to go?", "origin": "Where do you leave from?"}
PLAIN = {"to": "Which city?", "origin": "Which other city?"}


def begun(**shares: float) -> list[Beginning]:
    return [Beginning(token, share) for token, share in sorted(shares.items(), key=lambda pair: -pair[1])]


def test_the_word_before_tells_the_field_however_likely_another_is() -> None:
    both = {"to": begun(Mum=0.5, Lon=0.04), "origin": begun(Mum=0.4, Lon=0.02)}
    found = claims(both, ["Mumbai to London"], QUESTIONS, 0.3)
    assert found.copies == {"to": ("London",), "origin": ("Mumbai",)}
    assert found.unsaid == {}


def test_a_description_that_asks_nothing_gives_no_sign() -> None:
    both = {"to": begun(Mum=0.5, Lon=0.04), "origin": begun(Mum=0.4, Lon=0.02)}
    told = {"to": "City to go to", "origin": "City to leave from"}
    assert claims(both, ["from Mumbai to London"], told, 0.3).copies["to"][0] == "Mumbai"


def test_one_mention_fills_one_field() -> None:
    both = {"to": begun(Bal=0.6), "origin": begun(Bal=0.5, Del=0.1)}
    found = claims(both, ["Bali, please"], PLAIN, 0.3)
    assert found.copies["to"][0] == "Bali"
    assert found.unsaid == {"origin": 0.0}


def test_what_is_left_beside_another_fields_word_may_be_likely_enough() -> None:
    both = {"to": begun(Bal=0.6), "origin": begun(Bal=0.5, Del=0.2)}
    found = claims(both, ["Delhi, Bali"], PLAIN, 0.3)
    assert found.copies == {"to": ("Bali",), "origin": ("Delhi",)}
    assert claims(both, ["Delhi, Bali"], PLAIN, 0.5).unsaid.keys() == {"origin"}


def test_a_copy_runs_on_to_words_of_others() -> None:
    both = {"to": begun(New=0.6), "origin": begun(S=0.5)}
    found = claims(both, ["New York City from São Paulo"], QUESTIONS, 0.3)
    assert found.copies == {"to": ("New", "New York", "New York City"), "origin": ("São", "São Paulo")}


def test_a_token_that_begins_two_words_is_told_by_the_word_that_was_written() -> None:
    one = {"to": [Beginning("B", 0.6, "Bali"), Beginning("Book", 0.3)]}
    assert claims(one, ["Book me to Bali"], PLAIN, 0.3).copies == {"to": ("Bali",)}
    unsaid = {"to": [Beginning("Sing", 0.6, "Singapore")]}
    assert claims(unsaid, ["to Singpore"], PLAIN, 0.3).copies == {"to": ("Singpore",)}


def test_fields_that_code_reads_claim_no_words() -> None:
    both = {"to": begun(Bal=0.6), "day": begun(Bal=0.5), "pay": begun(USD=0.9)}
    found = told_apart(both, ["Bali on Friday"], PLAIN, 0.3)
    assert found.copies.keys() == {"to"}
    assert found.unsaid == {"pay": 0.0}
