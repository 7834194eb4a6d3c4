"""Options of `interlock bench decode` and `gpu` that hold several values, read and checked. Measures nothing."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from math import inf, isinf
from typing import TypeVar

from models.bench.throughput.load import Load
from models.bench.throughput.variant import SERVERS, Variant
from models.contract import Contract
from models.errors import ContractError, ModelNotFound
from pipeline.workflows.table.table import Table

T = TypeVar("T")
SEARCH = "search"
"""In place of rates: find the highest one within the service level."""


def known(names: str, choices: Mapping[str, T]) -> list[T]:
    """What `choices` has under `names`, which commas part, each once. Raises ModelNotFound."""
    if unknown := [name for name in names.split(",") if name not in choices]:
        raise ModelNotFound(f"There is no {unknown[0]} to compare.", f"Choose of {', '.join(choices)}.")
    return [choices[name] for name in dict.fromkeys(names.split(","))]


def numbers(text: str, example: str) -> list[int]:
    """Whole numbers from 1, which commas part; none for "". Raises ModelNotFound."""
    return [int(value) for value in _values(text, example, lambda value: value.is_integer() and 1 <= value < inf)]


def loads(concurrency: str, rate: str, burstiness: float, mix: str) -> list[Load]:
    """Every combination of what was given; without a rate, so many at once by default. Raises ModelNotFound."""
    at_once: Sequence[int | None] = numbers(concurrency, "--concurrency 1,32")
    rates = [] if rate == SEARCH else _values(rate, "--rate 1,4,inf", lambda value: value > 0)
    if burstiness != 1.0 and rate != SEARCH and all(map(isinf, rates)):
        raise ModelNotFound("A burstiness was given, and no rate.", "Add --rate 1,4, or leave --burstiness out.")
    if not 0 < burstiness < inf:
        raise ModelNotFound(f"{burstiness:g} is no burstiness.", "Write --burstiness 1, or another number above 0.")
    mixes = _values(mix, "--mix 0,0.5,1", lambda value: 0 <= value <= 1)
    if not rates:
        at_once = at_once or ([None] if rate else [1, 8, 32, 64])
    return [
        Load(most, arriving, burstiness, share)
        for arriving in rates or [inf]
        for most in at_once or [None]
        for share in mixes
    ]


def contracts(named: Sequence[str]) -> dict[str, type[Contract]]:
    """Contracts by their name, from FILE.py:NAME. Raises UsageError and ContractError."""
    found: dict[str, type[Contract]] = {}
    for one in named:
        contract = Table(contract=one).kind()
        if contract.__name__ in found:
            raise ContractError(f"There are two contracts '{contract.__name__}'.", "Rename one of them.")
        found[contract.__name__] = contract
    return found


def words(flags: str) -> list[str]:
    """Flags of a server, as a shell parts them. Raises ModelNotFound."""
    try:
        return shlex.split(flags)
    except ValueError as error:
        raise ModelNotFound(f"--flags {flags} cannot be parted ({error}).", "Write them as in a shell.") from None


def started(model: str) -> str:
    """The model that servers are started for, from its folder or name, with or without "vllm:". Raises ModelNotFound
    for an address."""
    if model.startswith(("http://", "https://")):
        raise ModelNotFound("--model names what servers are started for.", f"Write --url plain={model}.")
    return model.removeprefix("vllm:")


def addresses(urls: Sequence[str]) -> dict[str, str]:
    """Running servers by their kind, from NAME=ADDRESS. Raises ModelNotFound, also for two of one kind."""
    found: dict[str, str] = {}
    for name, address in map(named, urls):
        if name in found:
            raise ModelNotFound(f"Two servers are given as {name}.", "Write one --url for each kind.")
        found[name] = address
    return found


def refuse_unasked(urls: Mapping[str, str], variants: Sequence[Variant]) -> None:
    """ModelNotFound for a running server that none of `variants` asks."""
    needed = {variant.server for variant in variants}
    if idle := [name for name in urls if name not in needed]:
        chosen = ", ".join(variant.name for variant in variants)
        raise ModelNotFound(
            f"--url {idle[0]}=… was given, and none of {chosen} takes it.", "Leave it out, or choose other --variants."
        )


def named(url: str) -> tuple[str, str]:
    """The name and the address of a running server, from NAME=ADDRESS. Raises ModelNotFound."""
    name, _, address = url.partition("=")
    if name not in SERVERS or not address.startswith("http"):
        raise ModelNotFound(f"'{url}' names no server.", f"Write one of {', '.join(SERVERS)}, =, and its address.")
    return name, address


def _values(text: str, example: str, fits: Callable[[float], bool]) -> list[float]:
    found: list[float] = []
    for part in text.split(",") if text else ():
        try:
            value = float(part)
        except ValueError:
            value = -1.0
        if not fits(value):  # NaN fits nowhere
            raise ModelNotFound(f"'{text}' is no list of numbers.", f"Write {example}.")
        found.append(value)
    return list(dict.fromkeys(found))
