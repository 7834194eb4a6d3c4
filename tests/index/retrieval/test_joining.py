from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from index import Embedder, Passage, Retriever, build_index
from index.retrieval.joining import joined, split_name

SENTENCES = [f"Rule {number}: luggage of kind {number} costs {number} euros a day." for number in range(60)]
TEXT = "# Fees\n\n" + "\n\n".join(SENTENCES) + "\n\n# Pets\n\nDogs travel in the cabin.\n"


@pytest.fixture(scope="module")
def rules(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retriever]:
    folder = tmp_path_factory.mktemp("rules")
    (folder / "rules.md").write_text(TEXT)
    with build_index([folder / "rules.md"], folder / "index", embedder) as index:
        yield Retriever(index, embedder)


def test_each_passage_grows_by_its_neighbours_under_the_same_heading(rules: Retriever) -> None:
    query = "What does luggage of kind 30 cost?"
    [alone] = rules.search(query, 1)
    [grown] = rules.search(query, 1, join=1)
    assert grown.passage.start < alone.passage.start
    assert grown.passage.end > alone.passage.end
    assert grown.passage.text == TEXT[grown.passage.start : grown.passage.end]
    assert alone.passage.text in grown.passage.text
    assert grown.passage.heading == "Fees"
    assert (grown.score, grown.similarity) == (alone.score, alone.similarity)
    assert rules.search("dogs", 1, join=5)[0].passage.text == "Dogs travel in the cabin."


def test_passages_that_lie_together_come_once(rules: Retriever) -> None:
    hits = rules.search("luggage", 8, join=20)
    spans = sorted((hit.passage.start, hit.passage.end) for hit in hits)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert sum("Rule 7:" in hit.passage.text for hit in hits) == 1


def test_a_joined_passage_is_found_by_its_id(rules: Retriever) -> None:
    [hit] = rules.search("What does luggage of kind 30 cost?", 1, join=1)
    assert hit.passage.id.endswith("+2")
    assert rules.index.passage(hit.passage.id) == hit.passage
    for name in ("rules.md#0+999", "rules.md#1+1", "nowhere#0+1"):
        with pytest.raises(KeyError):
            rules.index.passage(name)


def test_what_overlaps_is_not_said_twice() -> None:
    first = Passage("a#0", "a", "", "one two", 0, 7, 0, 7)
    second = Passage("a#4", "a", "", "two three", 4, 13, 4, 13)
    third = Passage("a#15", "a", "", "four", 15, 19, 15, 19)
    assert joined([first, second, third]) == Passage("a#0+2", "a", "", "one two three\n\nfour", 0, 19, 0, 19)
    assert joined([first]) is first


@pytest.mark.parametrize(
    ("name", "parts"),
    [("a#3+2", ("a#3", 2)), ("a+2", ("a+2", 0)), ("a#3", ("a#3", 0)), ("c++#1", ("c++#1", 0)), ("a#3+x", ("a#3+x", 0))],
)
def test_only_an_id_with_a_number_after_it_names_joined_passages(name: str, parts: tuple[str, int]) -> None:
    assert split_name(name) == parts
