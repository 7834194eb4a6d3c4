from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("A fee of Rs. 500 applies. It is paid once.", ["A fee of Rs. 500 applies.", "It is paid once."]),
        ("See e.g. Bali or Goa. It costs $3.50.", ["See e.g. Bali or Goa.", "It costs $3.50."]),
        ("Refunds take approx. 5 days. Ask Dr. J. Smith!", ["Refunds take approx. 5 days.", "Ask Dr. J. Smith!"]),
        ("The desk closes at 5 p.m. The bus leaves.", ["The desk closes at 5 p.m.", "The bus leaves."]),
        ("The answer is no. Ask at room No. 5.", ["The answer is no.", "Ask at room No. 5."]),
        ("It takes 30 min. Then you board.", ["It takes 30 min.", "Then you board."]),
        ("Is it free? Yes! Really… Truly.", ["Is it free?", "Yes!", "Really…", "Truly."]),
        ('He said "No." Then he left.', ['He said "No."', "Then he left."]),
        (
            "- One bag is free\n- A bike costs 5 EUR. Dogs stay.",
            ["One bag is free", "A bike costs 5 EUR.", "Dogs stay."],
        ),
        ("A line\nthat goes on. And ends.", ["A line\nthat goes on.", "And ends."]),
        ("A heading\n\nThe text.", ["A heading", "The text."]),
        ("你好。再见。", ["你好。", "再见。"]),
        ("visit www.example.com/a.b for v1.2.3 now", ["visit www.example.com/a.b for v1.2.3 now"]),
        ("  \n - \n***", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@pytest.mark.parametrize("piece", ["a. ", ".", ". ", "- ", "| ", "(.", "\n ", "1. "])
@pytest.mark.timeout(60)
def test_a_megabyte_of_anything_takes_seconds(piece: str) -> None:
    split_sentences(piece * (500_000 // len(piece)))


@given(st.text() | st.text("aB1.?! \n\r-*|>#\"'", max_size=80))
def test_sentences_are_stretches_of_the_text_in_order_and_lose_no_word(text: str) -> None:
    place = 0
    for sentence in split_sentences(text):
        place = text.index(sentence, place) + len(sentence)
    kept = "".join(character for sentence in split_sentences(text) for character in sentence if character.isalpha())
    assert kept == "".join(character for character in text if character.isalpha())
