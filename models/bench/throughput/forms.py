"""What the decoding benchmark asks for: four contracts, from mostly keys to mostly text, or a user's own.

Knows contracts and messages; knows no server. Every request has words of its own, as real ones do, behind instructions
that all requests of a form share.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, Field

from models.bench.throughput.prompts import Prompt, lengthened
from models.contract import Contract
from models.engines.engine import Message
from models.grammar.grammar import Grammar, compile_grammar
from models.said import Said
from models.values.money import Money


class Ticket(Contract):
    """Mostly keys: what a help desk's routing wants, every value a choice or a small number."""

    department: Literal["reservations", "refunds", "baggage", "special assistance", "other"]
    customer_sentiment: Literal["positive", "neutral", "negative", "angry"]
    requires_human_follow_up: bool
    number_of_passengers_affected: int = Field(ge=0, le=99)
    preferred_contact_channel: Literal["email", "telephone", "chat"]
    compensation_requested: bool
    priority_level: int = Field(ge=1, le=5)


class Trip(Contract):
    """In between: what a booking asks for, most of it copied from what the customer said."""

    origin: Said[str] | None = Field(None, description="Where from?")
    destination: Said[str] = Field(description="Where to?")
    departure: Said[date] | None = Field(None, description="On which day?")
    travellers: int = Field(ge=1, le=9, description="For how many?")
    budget: Said[Money] | None = Field(None, description="For how much at most?")
    travel_class: Literal["economy", "premium economy", "business"]
    note: str = Field(max_length=80, description="What else matters.")


class Remark(Contract):
    """Mostly text, but little of it: fits a context of 2,048 tokens."""

    summary: str = Field(max_length=120)
    severity: Literal["low", "medium", "high"]
    recommendation: str = Field(max_length=120)


class Report(Contract):
    """Mostly text: two fields of 512 characters, where a grammar forces next to nothing."""

    summary: str = Field(max_length=512)
    severity: Literal["low", "medium", "high"]
    recommendation: str = Field(max_length=512)


@dataclass(frozen=True)
class Form:
    """One contract of the benchmark, under the name that its table uses.

    `prompts`: what is sent, one after the other and then again; without any, what a customer of an airline says after
    `instructions`. `input_tokens`: how long a prompt is, of which `filler` words are put in front; 0: as it is.
    """

    name: str
    contract: type[Contract]
    instructions: str = ""
    prompts: tuple[Prompt, ...] = ()
    input_tokens: int = 0
    filler: int = 0
    output_tokens: int | None = None
    """How long free text is, whatever `prompts` say."""

    @property
    def longest(self) -> int:
        """The number of the request with most characters: of a user's prompts the longest one."""
        sizes = [prompt.size for prompt in self.prompts]
        return sizes.index(max(sizes)) if sizes else 0

    @cached_property
    def plain(self) -> type[BaseModel]:
        """The contract as an ordinary class."""
        from models.bench.proof.plain_way import plain_twin  # takes a second, and only one variant needs it

        return plain_twin(self.contract)


FORMS = {
    form.name: form
    for form in (
        Form("keys", Ticket, "Classify what the customer says for the help desk of an airline."),
        Form("booking", Trip, "Fill in the booking form of an airline from what the customer says."),
        Form("note", Remark, "Note down for the station manager of an airline what the customer says."),
        Form("text", Report, "Write a report on what the customer says for the station manager of an airline."),
    )
}

_PLACES = ("Bali", "Goa", "Lisbon", "Nairobi", "Kyoto", "Oslo", "Lima", "Hanoi", "Cairo", "Quito", "Perth", "Seoul")
_RULES = (
    "Answer in JSON with exactly the fields of the form. Use the customer's own words wherever you copy. "
    "Leave out nothing that was said and add nothing that was not. Today is a Tuesday. "
) * 3


@dataclass(frozen=True)
class Ask:
    """One request: what is sent, and the grammar of its answer."""

    messages: tuple[Message, ...]
    grammar: Grammar
    output_tokens: int | None = None
    """How long free text is, where the prompt's file says it."""
    answer: str = ""
    """What somebody answered to it, where the file has that."""

    @property
    def sent(self) -> list[dict[str, str]]:
        """The messages as a server is sent them."""
        return [{"role": message.role, "content": message.content} for message in self.messages]


def ask(form: Form, number: int) -> Ask:
    """Request `number` of `form`: always the same for the same number."""
    if form.prompts:
        prompt = form.prompts[number % len(form.prompts)]
    else:
        system = Message("system", f"{form.instructions} {_RULES}")
        prompt = Prompt((system, Message("user", _said(number))))
    said = [message.content for message in prompt.messages if message.role == "user"]
    grammar = compile_grammar(form.contract, said)
    messages = tuple(lengthened(prompt.messages, form.filler, number))
    return Ask(messages, grammar, form.output_tokens or prompt.output_tokens, prompt.answer)


def _said(number: int) -> str:
    place, other = _PLACES[number % len(_PLACES)], _PLACES[(number * 5 + 1) % len(_PLACES)]
    return (
        f"This is case {number}. Book me a trip from {other} to {place} on 2{number % 9} March 2031 under "
        f"{2 + number % 7}0k rupees, window seats if there are any; on flight {100 + number} last week our bags came "
        f"{1 + number % 5} hours late and nobody at the desk could tell us why."
    )
