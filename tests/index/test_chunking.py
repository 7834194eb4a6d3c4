from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import Document, Embedder, read_documents
from index.chunking import Chunker
from index.documents import Heading

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
    passages = chunker.split(read_documents([library]).documents[0])
    assert [passage.heading for passage in passages] == [
        "Travel policies",
        "Travel policies > Cancelling > Trains",
        "Travel policies > Cancelling > Flights",
        "Travel policies > Luggage",
        "Travel policies > Pets",
    ]
    assert passages[1].text.startswith("You get 80 %")


def test_a_hash_in_a_code_block_is_no_heading_and_front_matter_is_no_text(library: Path, chunker: Chunker) -> None:
    passages = chunker.split(read_documents([library]).documents[0])
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


def test_a_quote_can_be_shown_in_place(chunker: Chunker, tmp_path: Path) -> None:
    text = "# Straße\n\nGrüße 😀 aus Köln.\n\n" + "Ein Satz über Züge. " * 200 + "\n## Ende\n\tÄußerst spät.\n"
    for place, (mark, encoding) in enumerate([("", "utf-8"), ("\ufeff", "utf-8"), ("\ufeff", "utf-16-be")]):
        for suffix in ("md", "txt"):
            (tmp_path / f"{place}.{suffix}").write_bytes((mark + text).encode(encoding))
    (tmp_path / "old.txt").write_bytes("Grüße aus Köln, schöne Straße.".encode("cp1252"))
    documents = read_documents([tmp_path]).documents
    assert len(documents) == 7
    for document in documents:
        source = (tmp_path / str(document.metadata["file"])).read_bytes()
        passages = chunker.split(document)
        assert passages
        for passage in passages:
            assert source[passage.byte_start : passage.byte_end].decode(document.encoding) == passage.text


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=MARKDOWN.filter(str.strip), overlap=st.sampled_from([0, 8]), suffix=st.sampled_from(["md", "txt"]))
def test_every_passage_is_an_exact_stretch_of_its_file(
    short: dict[int, Chunker], tmp_path_factory: pytest.TempPathFactory, text: str, overlap: int, suffix: str
) -> None:
    file = tmp_path_factory.getbasetemp() / f"stretches.{suffix}"
    file.write_bytes(text.encode())
    [document] = read_documents([file]).documents
    passages = short[overlap].split(document)
    assert all(text.encode()[one.byte_start : one.byte_end].decode() == one.text for one in passages)
    assert all(one.text.strip() for one in passages)
    assert [one.start for one in passages] == sorted(one.start for one in passages)


@pytest.fixture(scope="module")
def short(embedder: Embedder) -> dict[int, Chunker]:
    return {overlap: Chunker(embedder.tokenizer, embedder.max_tokens, 16, overlap) for overlap in (0, 8)}


def test_passages_may_overlap_by_whole_sentences(embedder: Embedder) -> None:
    text = " ".join(f"Rule {number} holds." for number in range(200))
    plain, overlapping = (
        Chunker(embedder.tokenizer, embedder.max_tokens, 40, overlap).split(Document("a.txt", text))
        for overlap in (0, 12)
    )
    assert len(overlapping) > len(plain)
    assert all(later.start < earlier.end for earlier, later in pairwise(overlapping))
    assert all(one.text.startswith("Rule") for one in overlapping)


def test_what_was_taken_out_of_a_file_keeps_its_headings_and_has_no_place_in_it(chunker: Chunker) -> None:
    text = "## Page 1\n\n# of guests: 2\n\n## Page 3\n\nPets stay.\n"
    headings = (Heading(2, "Page 1", 0, 9), Heading(2, "Page 3", 27, 36))
    passages = chunker.split(Document("a.pdf", text, {"title": "Rules"}, "pdf", headings=headings))
    assert [(one.heading, one.text) for one in passages] == [
        ("Rules > Page 1", "# of guests: 2"),
        ("Rules > Page 3", "Pets stay."),
    ]
    assert all(text[one.start : one.end] == one.text for one in passages)
    assert {(one.byte_start, one.byte_end) for one in passages} == {(None, None)}


def test_a_title_stands_where_there_is_no_heading_of_the_first_level(chunker: Chunker) -> None:
    def headings(text: str) -> list[str]:
        return [passage.heading for passage in chunker.split(Document("a.md", text, {"title": "Rules"}))]

    assert headings("First.\n\n## Pets\n\nSecond.") == ["Rules", "Rules > Pets"]
    assert headings("# Our rules\n\n## Pets\n\nSecond.") == ["Our rules > Pets"]
    assert chunker.split(Document("a.jsonl#1", "No.", {"title": "Pets?"}, "jsonl"))[0].heading == "Pets?"


def test_tables_and_code_stay_whole_where_they_fit(chunker: Chunker) -> None:
    words = "Some words that stand before it and say little. " * 7
    code = "```python\n" + "\n\n".join(f"x{n} = compute(y{n})" for n in range(10)) + "\n```"
    table = "| a | b |\n| --- | --- |\n" + "\n".join(f"| row {n} | value {n} |" for n in range(10))
    passages = chunker.split(Document("a.md", f"# H\n\n{words}\n\n{code}\n\n{words}\n\n{table}\n\n{words}"))
    for whole in (code, table):
        assert [whole in passage.text for passage in passages].count(True) == 1


@pytest.mark.parametrize("unit", ["> ", "[", "*a ", "- a\n  ", "# A\ntext\n", "| a | b |\n", "<a ", "![[", "a\n"])
@pytest.mark.timeout(60)
def test_hostile_markdown_takes_time_in_proportion(chunker: Chunker, unit: str) -> None:
    chunker.split(Document("a.md", unit * (60_000 // len(unit))))
