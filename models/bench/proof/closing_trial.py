"""ClosingTrial: the same contracts and schemas within budgets that may be too small for what a model would write.

Knows how an answer within a budget is judged, and what trying endings costs where there is room. Opens no engine and
prints nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from models.bench.proof.contest import Entry
from models.bench.proof.schema_files import read_folder
from models.bench.proof.verdict import judge
from models.contract import Contract
from models.engines.engine import Completion, Engine, Message, Sampling
from models.errors import BudgetTooSmall, ConstraintBroken, ContractError, EngineError, EngineUnavailable
from models.grammar.grammar import compile_grammar

COLUMNS = ("valid", "unparseable", "invalid", "over_budget", "cut_off", "refused", "too_small", "closed")
"""`too_small`: not even the shortest text fits the budget, and the error says so. `closed`: of those that are valid."""


def schema_entries(folder: Path, number: int, seed: int) -> list[Entry]:
    """So many schemas of a folder, drawn at random, of those that are enforced."""
    found = []
    for case in read_folder(folder):
        try:
            contract = Contract.from_json_schema(case.schema, name="Value", file=case.file)
        except (ContractError, TypeError):
            continue
        found.append(Entry(contract, compile_grammar(contract), contract, ""))
    return Random(seed).sample(found, min(number, len(found)))


async def within(
    engine: Engine, budget: int, counts: Counter[str], entry: Entry, sampling: Sampling, number: int
) -> str:
    """One answer within `budget` tokens, and what it came to; into `counts` goes whether it was closed."""
    try:
        done = await engine.generate([Message("user", entry.prompt(number))], entry.grammar, sampling, budget)
    except BudgetTooSmall:
        return "too_small"
    except ConstraintBroken:
        return "cut_off"
    except EngineUnavailable:
        raise
    except EngineError:
        return "refused"
    if done.usage.completion_tokens > budget:
        return "over_budget"
    verdict = judge(entry.contract, done.text)[0]
    counts["closed"] += bool(done.closed)
    return "valid" if verdict == "refused_after" else verdict


async def cost(
    engine: Engine, entered: Sequence[Entry], temperature: float, times: int, advance: Callable[[], None]
) -> dict[str, float]:
    """What trying endings costs where there is room for every text: the same requests, one after the other, with a
    budget that they cannot use up and without one. Only of contracts that have an end of their own."""
    finite = [entry for entry in entered if not entry.grammar.open and entry.grammar.constant is None]
    seconds, tokens, closed, alike = {True: 0.0, False: 0.0}, 0, 0, 0
    for number in range(times if finite else 0):
        entry, texts = finite[number % len(finite)], list[Completion]()
        for tries in (True, False) if number % 2 else (False, True):
            begun = time.perf_counter()
            budget = entry.grammar.max_tokens if tries else None
            asked = [Message("user", entry.prompt(number))]
            texts.append(await engine.generate(asked, entry.grammar, Sampling(temperature, seed=number), budget))
            seconds[tries] += time.perf_counter() - begun
            closed += bool(texts[-1].closed)
        tokens += texts[0].usage.completion_tokens
        alike += texts[0].text == texts[1].text
        advance()
    return {
        "pairs": times if finite else 0,
        "tokens": tokens,
        "closed": closed,
        "alike": alike,
        "ms_per_token": round(1e3 * seconds[False] / max(tokens, 1), 3),
        "ms_per_token_trying": round(1e3 * seconds[True] / max(tokens, 1), 3),
    }
