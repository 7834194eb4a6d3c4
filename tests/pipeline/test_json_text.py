"""JSON that people write: what says a thing twice is refused by its name, and so is what only Python takes for JSON."""

from __future__ import annotations

import pytest

from pipeline.json_text import JsonFault, read_json


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', '"c" stands twice in one object of the line: give it once.'),
        ('[{"a": 1, "a": 1}]', '"a" stands twice in one object of the line: give it once.'),
        ('{"a": NaN}', "The line holds NaN, which no JSON has: give a number, a text or null."),
        ("[-Infinity]", "The line holds -Infinity, which no JSON has: give a number, a text or null."),
        ('{"a": 1} {"b"', "The line is not JSON (Extra data, at character 10)."),
        ("", "The line is not JSON (Expecting value, at character 1)."),
        ("[" * 100_000, "The line is nested too deeply."),
        ("9" * 5_000, "The line holds a number of more than 4,300 digits."),
    ],
)
def test_what_cannot_be_taken_is_told_in_one_sentence(text: str, told: str) -> None:
    with pytest.raises(JsonFault) as error:
        read_json(text, "The line")
    assert str(error.value) == told


def test_objects_beside_and_within_each_other_may_have_one_name() -> None:
    assert read_json('[{"a": {"a": 1}}, {"a": 2}]', "The line") == [{"a": {"a": 1}}, {"a": 2}]
    assert read_json("[NaN, Infinity]", "The row", numbers=True)[1] == float("inf")
