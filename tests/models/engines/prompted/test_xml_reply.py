"""A reply gives the exact value that its writer meant, or a refusal; never a guess."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import pytest
from lxml import etree
from malformed_replies import CASES, RULING, TRIP, Trip, good, ruling
from pydantic import Field, field_validator
from xml_writing import as_xml

from models import Contract
from models.engines.prompted.xml.aside import without_asides
from models.engines.prompted.xml.form import described, place_of
from models.engines.prompted.xml.markup import Tag, tokens
from models.engines.prompted.xml_reply import ReplyRefused, read_reply
from models.grammar.grammar import Grammar, compile_grammar
from models.grammar.membership import admits


@pytest.mark.parametrize(("reply", "expected", "grammar"), CASES)
def test_a_reply_gives_its_exact_value_or_a_refusal(
    reply: str, expected: dict[str, Any] | str, grammar: Grammar
) -> None:
    if isinstance(expected, str):
        with pytest.raises(ReplyRefused) as refused:
            read_reply(reply, grammar)
        assert expected in refused.value.what
        return
    text, _ = read_reply(reply, grammar)
    assert text == json.dumps(expected, ensure_ascii=False, separators=(",", ":"))
    assert admits(grammar, text)
    assert read_reply(reply, grammar)[0] == text
    spaced = compile_grammar(
        grammar.contract, grammar.said, [" ".join(block) for block in grammar.evidence], spaced=True
    )
    assert read_reply(reply, spaced)[0] == json.dumps(expected, ensure_ascii=False)


def test_there_are_more_than_sixty_malformed_replies() -> None:
    assert len(CASES) > 60
    assert len({case.id for case in CASES}) == len(CASES)


class Tree(Contract, depth=2):
    answer: str = Field(max_length=12)
    result: Tree | None


class Labels(Contract):
    either: int | Annotated[str, Field(max_length=8)]
    truth: Literal["true", "b", 3, True, None]
    alias: bool = Field(alias="with space")
    other: bool = Field(alias="with_space")


@pytest.mark.parametrize(
    ("contract", "text"),
    [
        (Tree, '{"answer":"</answer>","result":{"answer":"<b>","result":{"answer":"&amp;","result":null}}}'),
        (Labels, '{"either":"12","truth":"true","with space":true,"with_space":false}'),
        (Labels, '{"either":12,"truth":true,"with space":true,"with_space":false}'),
        (Labels, '{"either":"null","truth":null,"with space":true,"with_space":false}'),
    ],
)
def test_what_looks_alike_in_a_tag_is_told_apart(contract: type[Contract], text: str) -> None:
    grammar = compile_grammar(contract)
    assert admits(grammar, text)
    assert read_reply(as_xml(text, grammar), grammar)[0] == text


class Even(Contract):
    number: int = Field(ge=0, le=99)

    @field_validator("number")
    @classmethod
    def _even(cls, number: int) -> int:
        if number % 2:
            raise ValueError("must be even")
        return number


def test_a_custom_validator_refuses_what_the_grammar_lets_pass() -> None:
    grammar = compile_grammar(Even)
    assert read_reply("<answer><number>4</number></answer>", grammar)[0] == '{"number":4}'
    with pytest.raises(ReplyRefused, match=r"number: Value error, must be even\."):
        read_reply("<answer><number>5</number></answer>", grammar)


def test_thoughts_are_taken_out_and_kept() -> None:
    reply = f"<thinking>First.</thinking>Well.{good(note='<thinking>no</thinking>')}<think>Last.</think>"
    rest, thoughts = without_asides(reply, ["answer"])
    assert rest == f"Well.{good(note='<thinking>no</thinking>')}"
    assert thoughts == "First.\nLast."


def test_a_scratchpad_is_a_field_inside_the_answer_and_a_thought_outside() -> None:
    reply = f"<thinking>aloud</thinking>{ruling('Ask us.', notes='notes')}"
    text, thoughts = read_reply(reply, RULING)
    assert json.loads(text)["thinking"] == "notes"
    assert thoughts == "aloud"


@pytest.mark.parametrize(
    "document",
    [
        "<a>x &amp; y &lt; z</a>",
        "<a>&#233;&#x1F600;</a>",
        "<a><![CDATA[<b>&amp;]]></a>",
        "<a>one<!-- two -->three<?four five?></a>",
        '<a b="1 &gt; 2" c=\'"\'>  x\n  y </a>',
    ],
)
def test_well_formed_xml_means_what_it_means_to_an_xml_parser(document: str) -> None:
    found = tokens(document)
    parsed = etree.fromstring(document)
    assert "".join(token for token in found if isinstance(token, str)) == parsed.xpath("string()")
    assert isinstance(found[0], Tag)
    assert found[0].attributes == dict(parsed.attrib)


def test_the_form_names_every_tag_and_what_may_stand_in_it() -> None:
    form = described(TRIP, place_of(Trip))
    assert form.splitlines()[:3] == [
        "<answer>",
        "  <destination>…</destination>  (Where to?; copy the customer's exact words, ≤ 64 characters)",
        '  <origin>…</origin>  (Where from?; copy the customer\'s exact words, ≤ 64 characters, or null="true")',
    ]
    assert "  <day>…</day>  (a date as YYYY-MM-DD)" in form
    assert "  <tags>  (0–3 items)" in form
