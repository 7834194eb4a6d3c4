from __future__ import annotations

import pytest

from models.engines.think_tags import bare_thought, split_thought

TAGS = ("<think>", "</think>")


@pytest.mark.parametrize(
    ("raw", "thought", "text"),
    [
        ("The wren.\n", "", "The wren.\n"),
        ("<think>A bird.</think>The wren.", "A bird.", "The wren."),
        ("\n<think>\nA bird.\n</think>\n\nThe wren.", "A bird.", "The wren."),
        ("A bird.</think>The wren.", "A bird.", "The wren."),
        ("<think>A bird.", "A bird.", ""),
        ("<think></think>", "", ""),
        ("A tag is written <think>.", "", "A tag is written <think>."),
        ("<think>A</think>B</think>C", "A", "B</think>C"),
    ],
)
def test_a_thought_is_told_from_the_text(raw: str, thought: str, text: str) -> None:
    assert split_thought(raw, TAGS) == (thought, text)


def test_other_tags_are_known_as_well() -> None:
    assert split_thought("[THINK]A bird.[/THINK]The wren.", ("[THINK]", "[/THINK]")) == ("A bird.", "The wren.")
    assert bare_thought("A bird.", ("[THINK]", "[/THINK]")) == "A bird."
