"""Contest: the same contracts sent to a server twice, by Interlock's grammars and the plain way, and what comes back.

Knows both ways and how a text is judged. Starts no server and prints nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random

from pydantic import BaseModel

from models.bench.proof.plain_way import PlainWay, plain_twin
from models.bench.proof.specimens import random_specimen
from models.bench.proof.verdict import judge
from models.contract import Contract
from models.engines.engine import Engine, Message, Sampling, closes
from models.errors import ConstraintBroken, EngineError, EngineUnavailable
from models.grammar.grammar import Grammar, compile_grammar

FIELDS = 4
"""At most so many in a drawn contract: the plain way's share of valid texts falls with every further one."""

PROMPT_ROOM = 512
"""Tokens of the context that are kept for the prompt."""

WAITS = (0.5, 5.0, 20.0)
"""Seconds before a request whose connection broke is sent again."""


@dataclass(frozen=True)
class Entry:
    """One contract in both forms, with the texts it may copy from."""

    contract: type[Contract]
    grammar: Grammar
    plain: type[BaseModel]
    sources: str

    def prompt(self, number: int) -> str:
        """The request, which asks a little differently each time."""
        return f"Request {number}. Fill in {self.contract.__name__}.\n{self.sources}"


def entries(random: Random, number: int, context: int) -> list[Entry]:
    """`number` random contracts whose budget fits `context` tokens. The same `random` draws the same ones."""
    found: list[Entry] = []
    while len(found) < number:
        specimen = random_specimen(random, FIELDS, depth=1)
        grammar = compile_grammar(specimen.contract, specimen.said, specimen.evidence)
        if grammar.max_tokens + PROMPT_ROOM <= context and grammar.constant is None:
            sources = "\n".join([*specimen.said, *specimen.evidence])
            found.append(Entry(specimen.contract, grammar, plain_twin(specimen.contract), sources))
    return found


async def constrained(engine: Engine, entry: Entry, sampling: Sampling, number: int) -> str:
    """One completion under the grammar, and what it came to: a verdict, "cut_off", or "refused" by the server.

    Raises EngineUnavailable when the server is gone.
    """
    room = engine.profile.context if closes(engine) else None  # where there is less than the longest text, it is closed
    try:
        completion = await engine.generate([Message("user", entry.prompt(number))], entry.grammar, sampling, room)
    except ConstraintBroken as error:
        return judge(entry.contract, error.text)[0] if error.text else "cut_off"
    except EngineUnavailable:
        raise
    except EngineError:
        return "refused"
    if completion.finish_reason == "length":
        return "cut_off"
    return judge(entry.contract, completion.text)[0]


async def plain(way: PlainWay, entry: Entry, sampling: Sampling, number: int) -> str:
    """One completion the plain way, with the same limit in tokens, and what it came to; see `constrained`."""
    limit = entry.grammar.max_tokens
    try:
        text, reason = await way.generate(entry.prompt(number), entry.plain, limit, sampling.temperature, sampling.seed)
    except EngineUnavailable:
        raise
    except EngineError:
        return "refused"
    if reason == "length":
        return "cut_off"
    return judge(entry.plain, text)[0]


async def play(
    one: Callable[[Entry, Sampling, int], Awaitable[str]],
    entered: Sequence[Entry],
    temperature: float,
    times: int,
    concurrency: int,
    advance: Callable[[], None],
) -> Counter[str]:
    """`times` completions over the entries in turn, at most `concurrency` at once, counted by what they came to."""
    slots, outcomes = asyncio.Semaphore(concurrency), Counter[str]()

    async def turn(number: int) -> None:
        async with slots:
            sampling = Sampling(temperature=temperature, seed=number)
            outcomes[await _patiently(one, entered[number % len(entered)], sampling, number)] += 1
        advance()

    await asyncio.gather(*(turn(number) for number in range(times)))
    return outcomes


async def _patiently(
    one: Callable[[Entry, Sampling, int], Awaitable[str]], entry: Entry, sampling: Sampling, number: int
) -> str:
    """The same request again where only the connection broke, as a busy server may let one go."""
    for wait in WAITS:
        try:
            return await one(entry, sampling, number)
        except EngineUnavailable:
            await asyncio.sleep(wait)
    return await one(entry, sampling, number)
