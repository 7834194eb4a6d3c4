"""A choice and the form that belongs to it, from one grammar: every text of it is a letter and that letter's form."""

from __future__ import annotations

import string
from pathlib import Path
from random import Random

import pytest
from llguidance import LLTokenizer
from random_walk import admits, random_walk

from models.bench.proof.random_walk import Draw
from models.bench.proof.specimens import random_specimen
from models.contract import Contract
from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Engine, Message, Sampling
from models.engines.tokenizers import load_tokenizer
from models.engines.vllm.engine import VllmEngine
from models.engines.vllm.server import VllmServer
from models.engines.weighing import Fused, fuse
from models.errors import ContractError, PromptTooLong
from models.grammar.grammar import compile_choice, compile_grammar
from pipeline.workflows.travel.contracts import Cancellation, Change, Complaint, Trip

SAID = ["Book me a trip to Bali under 20k rupees", 'or no, "Goa" \\ on 24/12', "MD7K2Q"]
FORMS: dict[str, type[Contract] | None] = {
    "A": None,
    "B": Trip.draft(),
    "C": Cancellation.draft(),
    "D": Change.draft(),
    "E": Complaint.draft(),
    "F": None,
}


@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize("draw", ["uniform", "longest"])
@pytest.mark.parametrize("name", ["byte", "tiny", "tekken"])
def test_every_text_is_a_letter_and_its_own_form(name: str, draw: Draw, spaced: bool) -> None:
    grammar, tokenizer = compile_choice(FORMS, SAID, 12, spaced), load_tokenizer(name)
    seen = set()
    for seed in range(40):
        drawn, tokens = random_walk(grammar, tokenizer, Random(seed), draw)
        letter, text = drawn[0], drawn[1:]
        form = FORMS[letter]
        assert tokens <= grammar.max_tokens
        if form is None:
            assert text == ""
        else:
            form.model_validate_json(text)
        seen.add(letter)
    assert len(seen) >= 4


@pytest.mark.parametrize("spaced", [False, True])
def test_no_form_follows_another_letter_and_no_letter_stays_without_its_form(spaced: bool) -> None:
    grammar, tokenizer = compile_choice(FORMS, SAID, 12, spaced), LLTokenizer("byte")
    for letter, form in FORMS.items():
        if form is None:
            assert admits(grammar, tokenizer, letter)
            continue
        alone = compile_grammar(form, SAID, scratchpad=12, spaced=spaced)
        for seed in range(5):
            text, _ = random_walk(alone, tokenizer, Random(seed))
            assert [other for other in FORMS if admits(grammar, tokenizer, other + text)] == [letter]
        assert not admits(grammar, tokenizer, letter)
    assert not admits(grammar, tokenizer, "G")


def test_the_budget_is_that_of_the_longest_form_and_its_letter() -> None:
    for spaced in (False, True):
        alone = [compile_grammar(form, SAID, spaced=spaced).max_tokens for form in FORMS.values() if form]
        assert compile_choice(FORMS, SAID, spaced=spaced).max_tokens == max(alone) + 1
    assert compile_choice({"A": None, "B": None}).max_tokens == 2
    with pytest.raises(ContractError):
        compile_choice({"A": None, "B": Trip}, [])


@pytest.mark.parametrize("seed", range(12))
def test_forms_drawn_at_random_share_one_grammar(seed: int) -> None:
    random, tokenizer = Random(seed), load_tokenizer("tiny")
    specimens = [random_specimen(random, fields=5) for _ in range(3)]
    forms = dict(zip(string.ascii_uppercase, [*(one.contract.draft() for one in specimens), None], strict=False))
    grammar = compile_choice(forms, specimens[0].said)
    for number in range(25):
        text, tokens = random_walk(grammar, tokenizer, random)
        assert tokens <= grammar.max_tokens, number
        form = forms[text[0]]
        assert (text[1:] == "") if form is None else form.model_validate_json(text[1:])


# From an engine

OPTIONS = {"ambiguous": None, "book_trip": Trip.draft(), "cancel": Cancellation.draft(), "out_of_scope": None}


async def fused(engine: Engine, options: dict[str, type[Contract] | None] = OPTIONS) -> Fused:
    return await fuse(
        engine.generate,
        lambda order: [Message("system", "\n".join(map(": ".join, order.items()))), Message("user", "a trip to Goa")],
        options,
        ["a trip to Goa"],
        Sampling(),
        [12],
    )


def check(found: Fused) -> None:
    assert list(found.shares) == sorted(OPTIONS)
    assert sum(found.shares.values()) == pytest.approx(1)
    form = OPTIONS[found.choice]
    assert found.call.text == "ABCD"[list(OPTIONS).index(found.choice)] + found.text
    assert (found.text == "") if form is None else form.model_validate_json(found.text)


async def test_the_first_token_tells_how_likely_each_option_is(random_model: Path) -> None:
    engine = await EmbeddedEngine.open(random_model, str(random_model))
    try:
        found = await fused(engine)
        other = await fused(engine, dict(reversed(OPTIONS.items())))
        no_room = fuse(
            engine.generate, lambda order: [Message("user", "long " * 5000)], OPTIONS, ["long"], Sampling(), [12, 0]
        )
        with pytest.raises(PromptTooLong):
            await no_room
    finally:
        await engine.close()
    check(found)
    assert other.shares == pytest.approx(found.shares, rel=1e-4)
    assert max(found.shares, key=lambda name: found.shares[name]) == found.choice
    assert len({round(share, 6) for share in found.shares.values()}) > 1
    assert {text[0] for text in found.call.first} == set("ABCD")


async def test_a_real_server_tells_the_same_with_jump_forward_and_without(
    vllm_url: str, jump_server: VllmServer
) -> None:
    found = []
    for url in (vllm_url, jump_server.url):
        engine = await VllmEngine.open(url)
        try:
            found.append(await fused(engine))
        finally:
            await engine.close()
        check(found[-1])
        assert found[-1].call.first
    assert found[0].call.text == found[1].call.text
    assert found[0].shares == pytest.approx(found[1].shares, abs=1e-3)
    with pytest.raises(ValueError, match="1 options"):
        await fused(engine, {"ambiguous": None})
