"""Specimens: random contracts, with sources to copy from, for attack and measurement. Knows how fields are put together
into contracts; the fields themselves are drawn by specimen_fields.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from pydantic import Field, create_model

from models.bench.proof.specimen_fields import Drawn, draw_kind
from models.contract import Contract
from models.errors import ContractError
from models.said import Scratchpad

PATIENCE = 50
"""Refused draws in a row before something is wrong with the draws."""

_MESSAGES = [
    "Book me a trip to Bali under 20k rupees",
    "two of us, and the dog",
    "yes, on 24/12 — or the day after",
    "ref AB-123, don't ask twice",
    'He said "no" \\ and {left}',
    "São Paulo हिन्दी में 東京 😀 ₹15,000",
    "next friday at 7:30",
    "x" * 70,
    "",
]
_PASSAGES = [
    "# Refunds\nYou may cancel free e.g. within 24 hours. Then not! Ok?\n- one \\ item\n- two",
    "😀 emoji here. हिन्दी वाक्य। और।",
    'A "quoted" rule costs Rs. 500. It ends on 31.12.2026.',
    "A single sentence without an end",
]
_ALIASES = ["class", "$ref", 'qu"ote', "with space", "ключ", "名", "camelCase", "a\\b", "tab\there", "_"]


@dataclass(frozen=True)
class Specimen:
    """`contract` compiles with `said` and `evidence` as its sources. `kinds`: what its fields are, in order; `refused`:
    fields that were drawn and did not compile."""

    contract: type[Contract]
    said: tuple[str, ...]
    evidence: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    refused: tuple[ContractError, ...] = ()


def random_specimen(random: Random, fields: int = 12, depth: int = 2) -> Specimen:
    """A contract of 1 to `fields` fields, nested up to `depth` deep, over all types that a contract may have.

    The same `random` gives the same specimen. A field that is refused is drawn again; ContractError where `PATIENCE`
    draws in a row are refused.
    """
    named: dict[str, Any] = {}
    kinds: list[str] = []
    refused: list[ContractError] = []
    aliases = random.sample(_ALIASES, len(_ALIASES))
    if random.random() < 0.25:
        named["thinking"] = (Scratchpad, ...)
        kinds.append("Scratchpad")
    for number in range(random.randint(1, fields)):
        name = f"field_{number}"
        drawn = _accepted(random, depth, refused)
        alias = aliases.pop() if aliases and random.random() < 0.1 else None
        named[name] = (drawn.annotation, _info(random, drawn, alias))
        kinds.append(drawn.kind)
    contract = create_model("Specimen", __base__=Contract, **named)
    return Specimen(contract, *draw_sources(random), tuple(kinds), tuple(refused))


def draw_sources(random: Random) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Messages and passages, never none of either: a field that is not optional can only be copied from something."""
    said = (_MESSAGES[0], *random.sample(_MESSAGES, random.randint(0, 3)))
    return said, (_PASSAGES[0], *random.sample(_PASSAGES, random.randint(0, 2)))


def _accepted(random: Random, depth: int, refused: list[ContractError]) -> Drawn:
    """A random field that compiles on its own; what was refused before it goes into `refused`."""
    for _ in range(PATIENCE):
        try:
            drawn = draw_kind(random, depth)
            create_model("Specimen", __base__=Contract, field=(drawn.annotation, Field(**drawn.limits)))
        except ContractError as error:
            refused.append(error)
        else:
            return drawn
    raise refused[-1]


def _info(random: Random, drawn: Drawn, alias: str | None) -> Any:
    if random.random() < 0.2:
        return Field(default=None, alias=alias, **drawn.limits)  # never used: every field is written
    return Field(alias=alias, description="A question?", **drawn.limits)
