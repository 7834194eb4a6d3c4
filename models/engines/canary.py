"""Canary: proof at start-up that an engine really keeps a model to its grammar. Fails closed.

Knows how to ask so that only the grammar can give the answer. Does not know how engines enforce, nor what follows.
"""

from __future__ import annotations

import secrets
import time
from typing import Any, Literal

from pydantic import Field, ValidationError, create_model

from models.contract import Contract
from models.engines.engine import Canary, Completion, Enforcer, Message, Sampling
from models.errors import ConstraintBroken, EngineError, EngineUnavailable, RequestRefused
from models.grammar.grammar import compile_grammar

_PROSE = (
    Message("system", "You are a poet. You write verse and nothing else: no JSON, no lists, no digits."),
    Message("user", "Write four lines about a canary in a mine. Begin with the words: In the dark."),
)
_SHOWN = 60  # characters of a wrong answer in the reason: enough to recognise prose, a code fence, or a thought


async def prove(engine: Enforcer) -> Canary:
    """Demand prose under the grammar of a contract, in the form of every other request, and see which of them wins.

    The value holds a fresh random code that stands in the grammar alone, so neither luck nor obedience nor a cache
    gives it. A failed canary says that the engine answers, but not under a grammar. Raises EngineError, or what it is
    the parent of, where the engine gives no answer at all: then nothing is known of how it enforces.
    """
    started = time.perf_counter()
    code = secrets.token_hex(8)
    contract = _contract(code)
    grammar = compile_grammar(contract, spaced=engine.profile.spaced)
    try:
        completion = await engine.generate(_PROSE, grammar, Sampling())
        reason = _fault(completion, contract)
    except ConstraintBroken as error:
        advice = "" if error.hint == engine.mend else f" {error.hint}"  # which is given once, with the verdict
        reason = f"{error.what}{_shown(error.text)}{advice}"
    except RequestRefused as error:
        if not await _answers_freely(engine):
            raise
        reason = error.what
    return Canary(not reason, reason, round(time.perf_counter() - started, 3))


async def _answers_freely(engine: Enforcer) -> bool:
    """Whether the same request is taken without a grammar: then it was the grammar that was refused."""
    try:
        await engine.generate(_PROSE, None, Sampling(), 1)
    except EngineUnavailable:
        raise
    except EngineError:
        return False
    return True


def _contract(code: str) -> type[Contract]:
    # A constant, and two fields where the model chooses: a mask has to hold where it leaves a choice, too.
    fields: dict[str, Any] = {
        "code": (Literal[code], ...),
        "count": (int, Field(ge=10, le=99)),
        "alive": (bool, ...),
    }
    return create_model("CanaryAnswer", __base__=Contract, __module__=__name__, **fields)


def _fault(completion: Completion, contract: type[Contract]) -> str:
    """What is wrong with an answer that the engine itself found nothing wrong with."""
    if completion.enforcement != "grammar":
        return "The answer was asked for in the prompt, not enforced."
    if completion.finish_reason != "stop":
        return f"The answer was cut (finish_reason {completion.finish_reason}).{_shown(completion.text)}"
    try:
        contract.model_validate_json(completion.text)
    except ValidationError:
        return f"The answer is not the one that the grammar allows.{_shown(completion.text)}"
    return ""


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return f" It begins: {line[:_SHOWN]}" + "…" * (len(line) > _SHOWN) if line else ""
