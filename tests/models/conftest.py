"""A small language and a few requests that the engines' tests share."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import Field

from models.contract import Contract
from models.engines.engine import Message
from models.grammar.grammar import Grammar
from models.said import Said, Scratchpad
from models.values.money import Money


class Request(Contract):
    """A contract with everything that an engine can get wrong: free text, copied text, options, a bounded number."""

    thinking: Scratchpad
    destination: Said[str] = Field(description="Where to?")
    departure: Said[date] | None = Field(None, description="When?")
    budget: Said[Money] | None = Field(None, description="How much?")
    note: str = Field(max_length=40, description="A note.")
    seats: int = Field(ge=1, le=250, description="How many?")


@pytest.fixture
def trip() -> Grammar:
    """A trip as JSON, whose longest text has 125 bytes."""
    lark = (
        'start: "{\\"to\\":\\"" /[a-zA-Z ]{0,30}/ "\\",\\"budget\\":" /[0-9]{1,6}/ '
        '",\\"note\\":\\"" /[a-z]{20,60}/ "\\"}"'
    )
    return Grammar(lark, max_tokens=126, constant=None)


@pytest.fixture
def longest() -> Grammar:
    """One text only, of characters that the model of random weights has to write byte by byte."""
    return Grammar('start: "' + "\N{SNOWMAN}" * 30 + '"', max_tokens=91)


@pytest.fixture
def ask() -> list[Message]:
    return [
        Message("system", "Copy what the customer said."),
        Message("user", "Book me a trip to Bali under 20k rupees for the upcoming weekend."),
    ]


@pytest.fixture
def request_contract() -> type[Request]:
    return Request
