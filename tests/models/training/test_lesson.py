"""Lessons as an engine would read them: what is the model's own is what a grammar leaves open."""

from pathlib import Path

import pytest
import torch
from pydantic import Field
from transformers import AutoModelForCausalLM, AutoTokenizer

from models.contract import Contract
from models.engines.engine import Message
from models.engines.profiles import profile_of
from models.grammar.grammar import Grammar, compile_grammar
from models.said import Said
from models.training.adapter import losses, watched
from models.training.lesson import Lesson, Pack, Packer, Row, pack

TINY = Path(__file__).parents[3] / "models" / "tiny"


class Trip(Contract):
    """A trip."""

    city: Said[str] | None = Field(None, description="Where to?")
    day: Said[str] | None = Field(None, description="When?")


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(TINY)


@pytest.fixture(scope="module")
def packer(tokenizer) -> Packer:
    return Packer(tokenizer, profile_of("tiny"))


def lesson(said: str, target: str) -> Lesson:
    messages = (Message("system", "city: Where to?\nday: When?"), Message("user", said))
    return Lesson(messages, target, compile_grammar(Trip, said=[said]))


def test_the_models_own_tokens_are_those_that_the_grammar_leaves_open(packer, tokenizer):
    row = packer.row(lesson("to Bali tomorrow", '{"city":"Bali","day":null}'))
    own = tokenizer.decode([one for one, mine in zip(row.ids, row.own, strict=True) if mine])
    assert "null" in own
    assert "Bali"[0] in own
    assert "city" not in own
    assert "day" not in own


def test_a_target_that_its_grammar_does_not_admit_is_left_out_and_counted(tokenizer):
    packer = Packer(tokenizer, profile_of("tiny"))
    refused = lesson("to Bali", '{"city":"Rome","day":null}')
    assert packer.packs([refused, lesson("to Bali", '{"city":"Bali","day":null}')])[0].rows
    assert packer.refused == 1
    assert not packer.packs([refused])


def test_a_text_that_its_grammar_ends_has_no_end_to_learn(packer, tokenizer):
    row = packer.row(Lesson((Message("user", "Which?"),), "A", Grammar('start: "A" | "B"\n', 2)))
    assert row.own.count(True) == 1
    assert tokenizer.decode(row.ids[row.own.index(True)]) == "A"


def test_no_rows_make_no_pack():
    with pytest.raises(ValueError, match="no rows"):
        pack([])


def test_what_rows_begin_with_is_computed_once_and_changes_nothing(packer):
    network = AutoModelForCausalLM.from_pretrained(TINY)
    said = [("to Bali tomorrow", '{"city":"Bali","day":"tomorrow"}'), ("hello", '{"city":null,"day":null}')]
    rows = [packer.row(lesson(*one)) for one in said]
    together = pack(rows)
    assert len(together.shared) > 10
    assert together.tokens < sum(len(row.ids) for row in rows)
    apart = [losses(network, Pack(row.ids[:1], [Row(row.ids[1:], row.own[1:])]))[0] for row in rows]
    for one, other in zip(losses(network, together), apart, strict=True):
        assert one.tolist() == pytest.approx(other.tolist(), abs=0.2)  # in bfloat16
    whole = torch.cat(apart).mean().item()
    assert watched(network, [together]).loss == pytest.approx(whole, abs=0.1)
