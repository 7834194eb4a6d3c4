"""A city that the customer names is never overlooked in favour of a guess."""

from datetime import date
from pathlib import Path

from pipeline.workflows import travel
from pipeline.workflows.travel.inventory import Inventory


def test_all_cities_in_a_text_are_found_by_any_of_their_names(tmp_path: Path) -> None:
    travel.prepare(tmp_path, date(2026, 11, 23))
    cities = Inventory(tmp_path).cities_in
    assert cities("Two tickets from Bangalore to Goa, we love goa") == ["Bengaluru", "Goa"]
    assert cities("from bombay to São Paulo!") == ["Mumbai", "São Paulo"]
    assert cities("somewhere warm") == []
