from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import Document, Embedder, read_documents
from index.chunking import Chunker

MARKDOWN = st.lists(
    st.sampled_from(
        [
            "# A",
            "## B",
            "###### C",
            "Title\n---",
            "```",
            "~~~",
            "- item",
            "> quote",
            "| a | b |",
            "",
            " ",
            "\r\n",
            "---",
        ]
    )
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60),
    max_size=25,
).map("\n".join)


@pytest.fixture(scope="module")
def chunker(embedder: Embedder) -> Chunker:
    return Chunker(embedder.tokenizer, embedder.max_tokens)


def test_every_passage_knows_the_headings_above_it(library: Path, chunker: Chunker) -> None:
    passages = chunker.split(read_documents([library])[0])
    assert [passage.heading for passage in passages] == [
        "Travel policies",
        "Travel policies > Cancelling > Trains",
        "Travel policies > Cancelling > Flights",
        "Travel policies > Luggage",
        "Travel policies > Pets",
    ]
    assert passages[1].text.startswith("You get 80 %")


def test_a_hash_in_a_code_block_is_no_heading_and_front_matter_is_no_text(library: Path, chunker: Chunker) -> None:
    passages = chunker.split(read_documents([library])[0])
    assert "# not a heading" in passages[3].text
    assert not any("licence" in passage.text for passage in passages)


def test_a_long_text_is_cut_between_sentences_into_passages_that_the_encoder_reads_whole(
    chunker: Chunker, embedder: Embedder
) -> None:
    text = " ".join(
        f"Rule number {number} says that bags of {number} kg cost {number * 3} euros." for number in range(300)
    )
    embedder.load()
    for name in ("long.md", "long.txt"):
        passages = chunker.split(Document(name, text))
        assert len(passages) > 20
        assert all(passage.text.startswith("Rule") and passage.text.endswith(".") for passage in passages)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=MARKDOWN, name=st.sampled_from(["a.md", "a.txt"]))
def test_every_passage_is_an_exact_stretch_of_its_document_and_none_overlap(
    chunker: Chunker, text: str, name: str
) -> None:
    passages = chunker.split(Document(name, text))
    end = 0
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text
        assert passage.start >= end
        end = passage.end
    assert len({passage.id for passage in passages}) == len(passages)
    if name == "a.txt":
        assert "".join("".join(passage.text for passage in passages).split()) == "".join(text.split())


def test_a_text_without_a_space_is_cut_all_the_same(chunker: Chunker) -> None:
    passages = chunker.split(Document("a.txt", "x" * 20_000))
    assert len(passages) > 5
    assert "".join(passage.text for passage in passages) == "x" * 20_000


def test_a_document_of_headings_only_has_no_passage(chunker: Chunker) -> None:
    assert chunker.split(Document("a.md", "# One\n## Two\n")) == []


def test_lines_may_end_in_any_way(chunker: Chunker) -> None:
    for newline in ("\n", "\r\n", "\r"):
        text = newline.join(["# Top", "", "First.", "", "## Sub", "Second."])
        passages = chunker.split(Document("a.md", text))
        assert [(passage.heading, passage.text) for passage in passages] == [
            ("Top", "First."),
            ("Top > Sub", "Second."),
        ]


def test_an_encoder_whose_tokenizer_cannot_be_handed_over_still_gets_passages() -> None:
    passages = Chunker(None, 128).split(Document("a.txt", "One sentence stands here. " * 100))
    assert len(passages) > 5
    assert all(len(passage.text) <= 64 * 4 for passage in passages)
