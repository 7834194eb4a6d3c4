"""An answer ends, whole and valid, within any budget: random contracts, random tokens, budgets from the least up."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from llguidance import LLMatcher
from pydantic import BaseModel, Field

from models import Contract
from models.bench.proof.random_walk import random_walk
from models.bench.proof.specimens import random_specimen
from models.bench.proof.verdict import judge
from models.engines.closing import Closing, place, shortest, tokens_of
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Message, Sampling
from models.engines.tokenizers import load_tokenizer
from models.engines.vllm.closings import longest
from models.errors import BudgetTooSmall
from models.grammar.grammar import compile_grammar
from models.grammar.matchers import BYTES

TINY = Path(__file__).parents[3] / "models" / "tiny"


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


@pytest.mark.parametrize("letter", "xyz")
def test_tokens_that_were_tried_and_not_taken_leave_no_trace(letter: str) -> None:
    """Drafts are taken as far as an ending fits behind them, which is tried from all of them downwards."""
    tokenizer, lark = load_tokenizer("tiny"), 'start: ("x" | "yy" | "zzz")+ "."'
    token = tokens_of(tokenizer, letter.encode())[0]
    for budget in range(12, 30):
        closing, matcher = Closing(tokenizer, lark, budget), LLMatcher(tokenizer, lark, log_level=0)
        written, taken = list[int](), 9
        while taken == 9:
            taken = longest([token] * 9, closing, matcher, tokenizer.eos_token)
            matcher.consume_tokens([token] * taken)
            written += [token] * taken
        text = [*written, *closing.ending, tokenizer.eos_token]
        assert LLMatcher(tokenizer, lark, log_level=0).validate_tokens(text) == len(text) <= budget


@pytest.mark.parametrize("seed", range(6))
def test_every_text_ends_whole_and_valid_within_every_budget(seed: int) -> None:
    random, tokenizer = Random(seed), load_tokenizer("tiny")
    for _ in range(3):
        specimen = random_specimen(random, 5)
        grammar = compile_grammar(specimen.contract, specimen.said, specimen.evidence)
        lark = grammar.open or grammar.lark
        least = len(tokens_of(tokenizer, shortest(lark))) + 1
        for budget in (least, least + 1, least + 2, least + 7, least + 30, least + 120):
            walk = random_walk(grammar, tokenizer, random, budget=budget)
            assert walk.fault is None
            assert walk.tokens <= budget
            assert judge(specimen.contract, walk.text)[0] in ("valid", "refused_after"), walk.text
        assert random_walk(grammar, tokenizer, random, budget=least - 1).fault == "over_budget"
        with pytest.raises(BudgetTooSmall, match=f"may take {least - 1} tokens, and the shortest takes {least}"):
            Closing(tokenizer, lark, least - 1)


@pytest.mark.parametrize(
    ("pattern", "end"),
    [
        (r"^[a-z0-9.]+\.js$", ".js"),
        (r"^(?:[a-z]+-)*zeta$", "zeta"),
        (r"^[^@\]]+@exa[m]ple\.com?$", "@example.com"),
        (r"^(?!/)[\w/]{2,19}?Qx+$", "Qx"),
        (r"^arn:aw[-a-z0-9]*:connect:\d{3}:of/[-a-zA-Z0-9]*$", ""),
    ],
)
def test_an_ending_is_found_where_many_a_letter_may_stand_before_it(pattern: str, end: str) -> None:
    """No mask tells that only one of some sixty letters leads on."""
    name = {"type": "string", "pattern": pattern}
    contract = Contract.from_json_schema({"type": "array", "items": {**name, "minLength": 14}, "minItems": 2})
    grammar, tokenizer = compile_grammar(contract), load_tokenizer("byte")
    least = len(shortest(grammar.open)) + 1
    assert shortest(grammar.open).endswith(f'{end}"]'.encode())
    for seed in range(4):
        walk = random_walk(grammar, tokenizer, Random(seed), budget=least + 5 * seed)
        assert walk.fault is None
        assert judge(contract, walk.text)[0] == "valid", walk.text


def test_an_ending_is_found_of_what_a_format_and_a_pattern_ask_for_together() -> None:
    asked = {"type": "string", "format": "uri", "pattern": r"/orders/\d+$"}
    found = shortest(compile_grammar(Contract.from_json_schema(asked)).open).decode()
    assert found.endswith('/orders/0"')
    assert Contract.from_json_schema(asked).model_validate_json(found)


def test_a_text_of_some_thousand_bytes_has_an_ending() -> None:
    fields = {f"a_field_with_a_long_name_{number}": {"type": "string"} for number in range(180)}
    contract = Contract.from_json_schema({"type": "object", "properties": fields, "required": [*fields]})
    assert len(shortest(compile_grammar(contract).open)) > 5_500


def test_a_class_that_contains_itself_without_end_is_closed_however_deep_it_went() -> None:
    contract = Contract.of(Tree)
    grammar, tokenizer = compile_grammar(contract), load_tokenizer("byte")
    least = len(shortest(grammar.open)) + 1
    found = []
    for budget in range(least, least + 60, 4):
        walk = random_walk(grammar, tokenizer, Random(budget), budget=budget)
        assert walk.fault is None
        assert walk.tokens <= budget
        assert judge(contract, walk.text)[0] == "valid"
        found.append(walk.closed)
    assert "name" in found


def test_a_schema_without_ends_is_closed_within_every_budget() -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}, "more": {}},
        "required": ["name", "tags"],
    }
    contract, tokenizer = Contract.from_json_schema(schema), load_tokenizer("tiny")
    grammar = compile_grammar(contract)
    assert grammar.open
    least = len(tokens_of(tokenizer, shortest(grammar.open))) + 1
    for budget in range(least, least + 80, 8):
        walk = random_walk(grammar, tokenizer, Random(budget), budget=budget)
        assert walk.fault is None
        assert walk.tokens <= budget
        assert judge(contract, walk.text)[0] == "valid"


NESTED = {"type": "object", "properties": {"a": {"$ref": "#"}}, "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        # Where a bracket ends a value, that comes before a name that begins another one.
        ({**NESTED, "minProperties": 1, "properties": {"a": NESTED}, "$defs": {}}, '{"a":{}}'),
        # Letters of which there may be any number are not tried over and over again, part after part.
        (
            {"type": "string", "pattern": "^pbj:([a-z0-9-]+):([a-z0-9.-]+):([a-z0-9-]+)?:([0-9]+-[0-9]+)$"},
            '"pbj:n:n::0-0"',
        ),
        # What may stand anywhere in a text is found, though any other letter is allowed before it.
        ({"type": "string", "pattern": r"https?://[a-z]+[.]org"}, '"http://n.org"'),
        ({"type": "array", "items": {"type": "string", "pattern": r"\d{4}-\d{2}T"}, "minItems": 1}, '["0000-00T"]'),
    ],
)
def test_an_ending_is_short_where_a_shorter_way_is_open(schema: dict[str, object], found: str) -> None:
    assert shortest(compile_grammar(Contract.from_json_schema(schema)).opened().lark).decode() == found


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ('start: "k" x\nx: %json {"type": "string",\n  "pattern": "zqww[0-9]{8}x"}\n', 'k"zqww00000000x"'),
        ('start: "k" x y\nx: %json {"type": "string", "pattern": "zqww[0-9]{8}x"}\ny: %json true', None),
    ],
)
def test_schemas_are_found_in_whatever_way_a_grammar_holds_them(rules: str, found: str | None) -> None:
    text = shortest(rules).decode()
    assert text == found or found is None
    assert LLMatcher(BYTES, LLMatcher.grammar_from_lark(rules)).validate_tokens([*text.encode()]) == len(text)


def test_what_no_bound_gives_an_end_has_no_budget_and_is_closed_within_the_context() -> None:
    schema = {"type": "string", "pattern": r"^(?:\S+\s+){0,99}\S+$"}
    grammar = compile_grammar(Contract.from_json_schema(schema))
    assert grammar.max_tokens == 0
    assert grammar.closes(None)
    assert not grammar.within(50).closes(None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a":{"b":[1,{"c":"x', "a.b[1].c"),
        ('{"a":"b","c":', "c"),
        ('{"a":"], {', "a"),
        ("[[1],[2", "[1][0]"),
        ("", "$"),
        ('{"a":[{"b":1},', "a[1]"),
        ('[{}"k",', "[1]"),  # no JSON, but a grammar may ask for it
        (r'{"\ud800":"', r"\ud800"),
    ],
)
def test_which_field_was_being_written(text: str, told: str) -> None:
    assert place(text.encode()) == told


class Notes(Contract):
    title: str = Field(max_length=200)
    lines: list[str]
    flag: bool


@pytest.mark.parametrize("budget", [20, 30, 60])
async def test_the_model_in_this_process_ends_within_any_budget(budget: int) -> None:
    engine = await EmbeddedEngine.open(TINY, "tiny")
    try:
        grammar, messages = compile_grammar(Notes), [Message("user", "Write.")]
        for seed in range(2):
            completion = await engine.generate(messages, grammar, Sampling(1.5, seed=seed), budget)
            assert completion.finish_reason == "stop"
            assert completion.usage.completion_tokens <= budget
            Notes.model_validate_json(completion.text)
            assert completion.closed.startswith(("title", "lines"))
        with pytest.raises(BudgetTooSmall, match="the shortest takes"):
            await engine.generate(messages, grammar, Sampling(), 3)
    finally:
        await engine.close()


@pytest.mark.parametrize("step", [3, 7])
def test_a_multiple_of_a_number_is_closed_within_every_budget(step: int) -> None:
    class Count(BaseModel):
        number: int = Field(multiple_of=step)

    contract = Contract.of(Count)
    for seed in range(40):
        walk = random_walk(compile_grammar(contract), load_tokenizer("byte"), Random(seed), "uniform", 14 + seed)
        assert walk.fault is None
        assert judge(contract, walk.text)[0] == "valid"
