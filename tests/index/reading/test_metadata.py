from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.reading.metadata import flat, front_matter, front_matter_end, scalar


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("title: Pets", {"title": "Pets"}),
        ("year: 2024\nshare: 0.5\nopen: true", {"year": 2024, "share": 0.5, "open": True}),
        (
            "lang: no\ndate: 2024-01-02\nzip: 0123\nat: 12:30",
            {"lang": "no", "date": "2024-01-02", "zip": "0123", "at": "12:30"},
        ),
        ("version: '2024'", {"version": "2024"}),
        ("tags: [a, b]\nby:\n  name: Ann\nnone: null\nempty:", {"tags": "a, b", "by.name": "Ann"}),
        ("title: Pets: a guide", {"title": "Pets: a guide"}),
        ("a: &a [x]\nb: *a", {"a": "&a [x]", "b": "*a"}),
        ("huge: 99999999999999999999", {"huge": "99999999999999999999"}),
    ],
)
def test_front_matter_means_what_its_writer_meant(written: str, meant: dict[str, object]) -> None:
    text = f"---\n{written}\n---\nBody"
    assert front_matter(text) == meant
    assert text[front_matter_end(text) :] == "Body"


def test_a_thematic_break_is_no_front_matter() -> None:
    assert front_matter_end("---\nJust text\n---\n") == 0
    assert front_matter("text\n---\na: b\n---\n") == {}


@given(st.text("abc:&*-[]{}\n !|>'\"#%@`,?~0.\t\r", max_size=60))
def test_any_front_matter_gives_plain_values(written: str) -> None:
    for name, value in front_matter(f"---\n{written}\n---\n").items():
        assert name
        assert type(value) in (str, int, float, bool)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_any_json_gives_plain_values_that_a_database_takes(entries: dict[str, object]) -> None:
    for name, value in flat(entries).items():
        name.encode()
        assert type(value) in (str, int, float, bool)
        assert not isinstance(value, int) or -(2**63) <= value < 2**63


def test_only_what_can_be_nothing_else_is_a_number() -> None:
    assert [scalar(text) for text in ("-7", "1.50", "TRUE", " 3 ")] == [-7, 1.5, True, 3]
    for text in ("007", "1e5", "nan", "1_000", "yes", "1.", ".5", "+", "٣", "1,5", "0x10"):
        assert scalar(text) == text
