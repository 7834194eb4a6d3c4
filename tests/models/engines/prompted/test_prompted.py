"""An engine without grammars, asked for XML: what it may return, what its model is shown, and when it gives up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from llguidance import LLTokenizer
from pydantic import Field
from random_walk import random_walk
from scripted_server import ScriptedServer, says
from xml_writing import as_xml

from models import Contract, Quote, Said, Scratchpad
from models.bench.proof.specimens import random_specimen
from models.engines.engine import Canary, Completion, Enforcement, Engine, Message, Sampling, Usage
from models.engines.profiles import Profile
from models.engines.prompted.prompted import Prompted
from models.engines.prompted.xml_reply import ReplyRefused, read_reply
from models.engines.vllm.engine import VllmEngine
from models.errors import EngineError, PromptedFailure, PromptTooLong
from models.grammar.grammar import Grammar, compile_grammar
from models.grammar.membership import admits

BYTES = LLTokenizer("byte")
COLD = Sampling()
ASK = [Message("system", "Fill in the form as JSON."), Message("user", "customer: To Bali, for two of us.")]


class Colour(Enum):
    RED = "dark red"
    BLUE = 3


class Leg(Contract):
    day: date
    city: str = Field(max_length=12)


class Wish(Contract):
    destination: Said[str] = Field(description="Where to?")
    seats: int = Field(ge=1, le=9)


class Everything(Contract):
    thinking: Scratchpad
    quote: Quote
    words: Said[str] | None
    note: str = Field(max_length=20)
    nick: str | None = Field(max_length=7)
    either: int | bool | Annotated[str, Field(max_length=9)]
    amount: Decimal = Field(max_digits=6, decimal_places=2)
    ratio: float = Field(ge=-10, le=10)
    kind: Literal["a\n", "b", 3, True, None]
    colour: Colour
    born: date
    leg: Leg | None
    legs: list[Leg] = Field(max_length=2)
    tags: list[Annotated[str, Field(max_length=6)]] = Field(max_length=3)


class Loose(Contract):
    nick: str | None = Field(None, max_length=7)
    words: Said[str] | None = None


SAID = ["To Bali, for two of us.", 'He said "no" & <b>left</b> for ₹15,000.']
EVIDENCE = ["You may cancel within 24 hours. Then not! Ask us."]
WISH = compile_grammar(Wish, SAID)
GRAMMARS = [WISH, compile_grammar(Everything, SAID, EVIDENCE), compile_grammar(Loose, SAID), compile_grammar(Leg)]
GRAMMARS += [compile_grammar(Everything, SAID, EVIDENCE, spaced=True), compile_grammar(Loose, SAID, spaced=True)]
GOOD = "<answer><destination>Bali</destination><seats>2</seats></answer>"


class Scripted:
    """A model that writes these replies in this order, without grammars: what it was shown is in `shown`."""

    name = "scripted"
    profile = Profile("scripted", context=4096)
    identity = "scripted"
    enforcement: Enforcement = "grammar"
    canary: Canary | None = None

    def __init__(self, *replies: str | Exception) -> None:
        self.replies = list(replies)
        self.shown: list[list[Message]] = []
        self.budgets: list[int | None] = []
        self.closed = False

    async def generate(
        self, messages: Sequence[Message], grammar: Grammar | None, sampling: Sampling, max_tokens: int | None = None
    ) -> Completion:
        assert grammar is None, "it takes no grammars"
        self.shown.append(list(messages))
        self.budgets.append(max_tokens)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return Completion(reply, "stop", Usage(100, 10), 0.5, thinking="natively" if "native" in reply else "")

    async def close(self) -> None:
        self.closed = True


async def test_a_good_reply_becomes_the_json_of_its_contract() -> None:
    inner = Scripted(f"<thinking>Bali, for two.</thinking>\n{GOOD}")
    completion = await Prompted(inner).generate(ASK, WISH, COLD)
    assert completion == Completion(
        '{"destination":"Bali","seats":2}', "stop", Usage(100, 10), 0.5, "Bali, for two.", "prompted"
    )


async def test_the_form_ends_the_system_message_and_the_request_comes_last() -> None:
    inner = Scripted(GOOD)
    await Prompted(inner).generate(ASK, WISH, COLD)
    [system, user] = inner.shown[0]
    assert system.role == "system"
    assert system.content.startswith("Fill in the form as JSON.\n\nWrite the answer as XML instead of JSON")
    assert "<destination>…</destination>  (Where to?; copy the customer's exact words" in system.content
    assert user == ASK[1]
    assert inner.budgets == [WISH.max_tokens + 1024]


async def test_a_prompt_without_a_system_message_gets_one() -> None:
    inner = Scripted(GOOD)
    await Prompted(inner).generate(ASK[1:], WISH, COLD)
    assert [message.role for message in inner.shown[0]] == ["system", "user"]


async def test_a_refused_reply_is_shown_with_the_reason_and_mended() -> None:
    inner = Scripted("<think>native</think>" + GOOD.replace("2", "12"), f"Sorry. <think>One more.</think>{GOOD}")
    completion = await Prompted(inner).generate(ASK, WISH, COLD)
    assert completion.text == '{"destination":"Bali","seats":2}'
    assert completion.usage == Usage(200, 20)
    assert completion.seconds == 1.0
    assert completion.thinking == "natively\nnative\nOne more."
    first, second = inner.shown
    assert second[: len(first)] == first
    shown, repair = second[len(first) :]
    assert shown == Message("assistant", GOOD.replace("2", "12"))
    assert repair.role == "user"
    assert repair.content.startswith("That was refused. seats: “12” does not fit (a whole number")
    assert repair.content.endswith("Write the whole answer again, from <answer> to </answer>, and nothing else.")


async def test_it_gives_up_after_its_repairs_and_says_what_was_wrong_last() -> None:
    inner = Scripted("I don't know.", GOOD.replace("Bali", "Goa"), GOOD.replace("2", "two"), GOOD)
    with pytest.raises(PromptedFailure) as failed:
        await Prompted(inner, repairs=2).generate(ASK, WISH, COLD)
    assert failed.value.what.startswith(
        "The model wrote 3 replies, none of them a value of its contract. seats: “two” does not fit"
    )
    assert "grammar" in failed.value.hint
    assert len(inner.shown) == 3
    assert [len(turns) for turns in inner.shown] == [2, 4, 4], "a repair shows the last reply only"


async def test_an_empty_reply_is_not_shown_again() -> None:
    inner = Scripted("", GOOD)
    await Prompted(inner).generate(ASK, WISH, COLD)
    assert [message.role for message in inner.shown[1]] == ["system", "user", "user"]


async def test_a_repair_that_does_not_fit_the_context_ends_the_repairs() -> None:
    with pytest.raises(PromptedFailure, match="1 reply"):
        await Prompted(Scripted("no", PromptTooLong("Too long."))).generate(ASK, WISH, COLD)
    with pytest.raises(PromptTooLong):
        await Prompted(Scripted(PromptTooLong("Too long."))).generate(ASK, WISH, COLD)


async def test_free_text_passes_through() -> None:
    inner = Scripted("<thinking>x</thinking> Hello.")
    completion = await Prompted(inner).generate(ASK, None, COLD, 7)
    assert completion.text == "<thinking>x</thinking> Hello."
    assert inner.shown == [ASK]
    assert inner.budgets == [7]


async def test_what_can_only_be_one_text_costs_no_call() -> None:
    class Fixed(Contract):
        kind: Literal["trip"]

    completion = await Prompted(Scripted()).generate(ASK, compile_grammar(Fixed), COLD)
    assert (completion.text, completion.usage) == ('{"kind":"trip"}', Usage(0, 0))


async def test_a_grammar_without_a_contract_is_refused() -> None:
    with pytest.raises(EngineError, match="without a contract"):
        await Prompted(Scripted()).generate(ASK, Grammar('start: "a" | "b"', 2), COLD)


async def test_it_is_an_engine_that_says_what_it_is() -> None:
    inner = Scripted()
    engine: Engine = Prompted(inner)
    assert engine.name == "prompted:scripted"
    assert engine.enforcement == "prompted"
    assert (engine.profile, engine.identity, engine.canary) == (inner.profile, inner.identity, None)
    await engine.close()
    assert inner.closed


async def test_a_server_that_knows_no_grammars_is_asked_and_repaired_over_http() -> None:
    with ScriptedServer([says("Bali it is!"), says(f"```xml\n{GOOD}\n```")], context=65_536) as server:
        engine = Prompted(await VllmEngine.open(server.url))
        completion = await engine.generate(ASK, WISH, COLD)
        await engine.close()
    assert completion.text == '{"destination":"Bali","seats":2}'
    assert completion.usage == Usage(22, 14)
    assert [len(request["messages"]) for request in server.requests] == [2, 4]
    assert not any("structured_outputs" in json.dumps(request) for request in server.requests)


def valid(reply: str, grammar: Grammar) -> str | None:
    """What `reply` is read as, after making sure that it may be; None if it is refused."""
    assert grammar.contract is not None
    try:
        text, _ = read_reply(reply, grammar)
    except ReplyRefused:
        return None
    grammar.contract.model_validate_json(text)
    assert admits(grammar, text)
    assert read_reply(reply, grammar)[0] == text
    return text


@pytest.mark.parametrize(
    "grammar", GRAMMARS, ids=lambda grammar: grammar.contract.__name__ + " spaced" * grammar.spaced
)
@given(seed=st.integers(0, 2**32))
@example(seed=326931166)  # a text with a blank before a line break
@settings(max_examples=50, deadline=None)
def test_every_value_written_as_xml_reads_back_as_itself(grammar: Grammar, seed: int) -> None:
    text, _ = random_walk(grammar, BYTES, Random(seed))
    for reply in (as_xml(text, grammar), f"<think>\n{text}\n</think> Here:\n{as_xml(text, grammar)}\n"):
        read = valid(reply, grammar)
        assert read is not None
        assert read == text or edgeless(json.loads(read)) == edgeless(json.loads(text))


def edgeless(value: Any) -> Any:
    """Without line breaks at the edges of texts, and blanks at those of their lines: in XML they are the tags' own."""
    if isinstance(value, dict):
        return {name: edgeless(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [edgeless(inner) for inner in value]
    return "\n".join(line.strip() for line in value.strip().split("\n")) if isinstance(value, str) else value


@given(seed=st.integers(0, 2**32))
@example(seed=15366)
@example(seed=401414)  # a text that begins with a line break
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_value_of_a_random_contract_reads_back_as_itself(seed: int) -> None:
    specimen = random_specimen(Random(seed), fields=5)
    grammar = compile_grammar(specimen.contract, specimen.said, specimen.evidence, spaced=bool(seed % 2))
    text, _ = random_walk(grammar, BYTES, Random(seed))
    written = as_xml(text, grammar)
    read = valid(written, grammar)
    assert read is not None
    # Records of a union that differ only in what a field is (true, "true") look alike in XML: the first one is read.
    same = edgeless(json.loads(read)) == edgeless(json.loads(text))
    assert same or untyped(as_xml(read, grammar)) == untyped(written)


def untyped(xml: str) -> str:
    return xml.replace(' type="text"', "")


@given(reply=st.text(max_size=300), grammar=st.sampled_from(GRAMMARS))
@settings(max_examples=200, deadline=None)
def test_arbitrary_text_is_read_validly_or_refused(reply: str, grammar: Grammar) -> None:
    valid(reply, grammar)
    valid(f"<answer>{reply}</answer>", grammar)


@pytest.mark.parametrize(
    ("schema", "reply", "text"),
    [
        ({"enum": ["x", "y"]}, "<answer>Y</answer>", '"y"'),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 2}, "<answer><item>4</item></answer>", "[4]"),
        (
            {
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"type": "boolean"}},
                "required": ["b"],
                "additionalProperties": False,
                "$defs": {"a": {"type": "integer", "minimum": 1, "maximum": 9}},
            },
            "<answer><b>yes</b></answer>",
            '{"b":true}',
        ),
    ],
)
def test_a_json_schema_is_asked_for_in_xml_too(schema: dict[str, Any], reply: str, text: str) -> None:
    assert valid(reply, compile_grammar(Contract.from_json_schema(schema))) == text


PARTS = st.sampled_from(
    "<answer> </answer> <note> </note> <note/> <nick> </nick> <item> </item> <legs> </legs> <day> </day> <city> </city>"
    " <leg> </leg> <words> </words> <destination> </destination> <seats> </seats> <think> </think> <!-- --> <![CDATA["
    ' ]]> <?x ?> <!DOCTYPE ]> &amp; &lt; & < > { } " [ ] 2 2026-01-01 Bali null true 1,234'.split()
)


@given(parts=st.lists(PARTS, max_size=40), grammar=st.sampled_from(GRAMMARS))
@settings(max_examples=300, deadline=None)
def test_tags_in_any_order_are_read_validly_or_refused(parts: list[str], grammar: Grammar) -> None:
    valid("".join(parts), grammar)


@given(
    grammar=st.sampled_from(GRAMMARS),
    seed=st.integers(0, 2**32),
    cuts=st.lists(st.tuples(st.sampled_from("delete double swap insert".split()), *[st.floats(0, 1)] * 3), max_size=5),
    inserted=st.one_of(PARTS, st.text(max_size=5)),
)
@settings(max_examples=300, deadline=None)
def test_a_damaged_reply_is_read_validly_or_refused(
    grammar: Grammar, seed: int, cuts: list[tuple[str, float, float, float]], inserted: str
) -> None:
    text, _ = random_walk(grammar, BYTES, Random(seed))
    reply = as_xml(text, grammar)
    for action, *places in cuts:
        a, b, c = sorted(int(place * len(reply)) for place in places)
        first, second = reply[a:b], reply[b:c]
        middle = {"delete": second, "double": 2 * first + second, "swap": second + first, "insert": inserted + first}
        reply = reply[:a] + middle[action] + (second if action == "insert" else "") + reply[c:]
    valid(reply, grammar)
