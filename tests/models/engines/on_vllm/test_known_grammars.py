from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from llguidance import LLMatcher

from models.contract import Contract
from models.engines.vllm.jump_forward import closing_flags
from models.grammar.grammar import compile_grammar
from models.said import Said

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # vLLM and torch give many when they are imported
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
SHAPE = 'start: SAID\nSOURCE: %regex {"substring_chunks": LIST}\nSAID: SOURCE & /[^q]{1,9}/'


class Trip(Contract):
    destination: Said[str]
    departure: Said[date] | None = None


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The middleware in the place that a server gives it; afterwards vLLM's own function is in that again."""
    pytest.importorskip("vllm", reason="vLLM is not installed")
    from vllm.v1.structured_output import backend_guidance

    monkeypatch.setattr(backend_guidance, "validate_guidance_grammar", backend_guidance.validate_guidance_grammar)
    module, name = closing_flags()[closing_flags().index("--middleware") + 1].rsplit(".", 1)
    middleware = getattr(import_module(module), name)(app=None)
    yield middleware
    middleware.close()


def asked(lark: str) -> Any:
    from vllm.sampling_params import SamplingParams, StructuredOutputsParams

    return SamplingParams(structured_outputs=StructuredOutputsParams(grammar=lark))


def test_it_is_what_a_request_is_tried_with(known: Any) -> None:
    from vllm.v1.structured_output import backend_guidance

    assert backend_guidance.validate_guidance_grammar == known.validate


def test_forms_that_differ_in_what_was_said_are_tried_once(known: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tried, validate = list[str](), LLMatcher.validate_grammar
    counted = SimpleNamespace(validate_grammar=lambda *given: tried.append(given[0]) or validate(*given))
    monkeypatch.setattr("models.engines.vllm.known_grammars.LLMatcher", counted)
    monkeypatch.setattr("models.engines.vllm.known_grammars.KEPT", 2)
    said = ("Book me a trip to Bali.", 'To "São Paulo", please \\ on 3 May,\nor to Goa 🏖', "Goa or Lima " * 40)
    trips = {compile_grammar(Trip, [text]).lark for text in said}
    assert len(trips) == len(said)
    for lark in trips:
        known.validate(asked(lark))
    assert len(tried) == 1
    for lark in (*trips, 'start: "a"', *trips, 'start: "b"', 'start: "a"', *trips):  # more than are kept
        known.validate(asked(lark))
    assert tried[1:3] == ['start: "a"', 'start: "b"']
    assert len(tried) == 5


@pytest.mark.parametrize(
    "chunks",
    [
        '["a", 1]',
        "[null]",
        '["\\ud800"]',
        '["a\tb"]',
        '["a",]',
        "[" * 9000 + "]" * 9000,
        json.dumps([f"w{n}" for n in range(120_000)]),
    ],
)
def test_a_list_that_llguidance_would_not_take_is_refused_as_before(known: Any, chunks: str) -> None:
    from vllm.exceptions import VLLMValidationError

    from models.engines.vllm.known_grammars import _THEIRS

    known.validate(asked(SHAPE.replace("LIST", '["a", "b"]')))
    with pytest.raises(VLLMValidationError, match="Grammar error") as told:
        known.validate(asked(SHAPE.replace("LIST", chunks)))
    with pytest.raises(VLLMValidationError) as theirs:
        _THEIRS(asked(SHAPE.replace("LIST", chunks)))
    assert str(told.value) == str(theirs.value)


def test_a_list_at_which_llguidance_panics_does_not_reach_the_engine(known: Any) -> None:
    known.validate(asked(SHAPE.replace("LIST", '["a"]')))
    with pytest.raises(BaseException, match="unwrap"):
        known.validate(asked(SHAPE.replace("LIST", '["a", ""]')))


@pytest.mark.parametrize("lark", ["start: a", 'start: "a', "%regex", "start: SAID\nSAID: /a" + "b" * 20_000 + "(/"])
def test_what_is_no_grammar_is_refused_each_time(known: Any, lark: str) -> None:
    from vllm.exceptions import VLLMValidationError

    for _ in range(2):
        with pytest.raises(VLLMValidationError, match="rammar"):
            known.validate(asked(lark))


def test_other_constraints_and_none_are_left_to_vllm(known: Any) -> None:
    from vllm.exceptions import VLLMValidationError
    from vllm.sampling_params import SamplingParams, StructuredOutputsParams

    known.validate(SamplingParams())
    known.validate(SamplingParams(structured_outputs=StructuredOutputsParams(regex="[a-z]+")))
    known.validate(asked('root ::= "a" | "b"'))  # GBNF, which vLLM takes as well
    with pytest.raises(VLLMValidationError):
        known.validate(SamplingParams(structured_outputs=StructuredOutputsParams(regex="[a-z")))
