"""Folder: the JSON Schemas of a folder, drawn and checked by several processes.

Knows what files hold: a schema with tests (as MaskBench has), a list of those (as the JSON Schema Test Suite has), of
schemas or of tools, the description of an API, a bare schema.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from models.bench.proof.rivals import rival_report
from models.bench.proof.schema_report import SchemaReport, check_schema
from models.bench.proof.schema_trial import Case, Trial
from models.schema.collection import collected
from models.schema.document import unwrapped
from models.schema.vocabulary import ENFORCED

_AT_ONCE = 8
"""Schemas handed to a process at a time."""


def check_schemas(
    cases: list[Case], trial: Trial, processes: int | None = None, progress: Callable[[int], None] = lambda _: None
) -> list[SchemaReport]:
    """A report for every one of `cases`, in their order. No schema stops it. `progress` hears how many are done."""
    groups = [range(first, min(first + _AT_ONCE, len(cases))) for first in range(0, len(cases), _AT_ONCE)]
    count = min(processes or len(os.sched_getaffinity(0)), len(groups))
    if count < 2:
        found = []
        for case in cases:
            found.append(_check(case, trial))
            progress(1)
        return found
    reports: dict[int, list[SchemaReport]] = {}
    # Spawned: a fork of a process that has threads, as this one may have, can hang.
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting: dict[Future[list[SchemaReport]], range] = {}
        left = iter(groups)
        for group in left:
            waiting[pool.submit(_check_all, [cases[place] for place in group], trial)] = group
            while len(waiting) > 2 * count or (group is groups[-1] and waiting):
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    finished = waiting.pop(future)
                    reports[finished.start] = future.result()
                    progress(len(finished))
    return [report for start in sorted(reports) for report in reports[start]]


def _check_all(cases: list[Case], trial: Trial) -> list[SchemaReport]:
    return [_check(case, trial) for case in cases]


def _check(case: Case, trial: Trial) -> SchemaReport:
    if trial.rival is not None and not isinstance(case.schema, str):
        return rival_report(trial.rival, case)
    return check_schema(case, trial)


def read_folder(folder: Path, sample: int | None = None, seed: int = 0) -> list[Case]:
    """Every schema in every `*.json` below `folder`, in the order of their paths; of `sample` files drawn at random,
    where there are more. Where `folder` is a file, those in it."""
    if folder.is_file():
        return [*_cases(folder, folder.name)]
    files = sorted(Path(folder).rglob("*.json"))
    if sample is not None and sample < len(files):
        files = sorted(Random(seed).sample(files, sample))
    return [case for file in files for case in _cases(file, str(file.relative_to(folder)))]


def _cases(file: Path, path: str) -> Iterator[Case]:
    try:
        found = json.loads(file.read_text("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, OSError, RecursionError) as error:
        hint = " YAML is not read: write it as JSON." if file.suffix in (".yaml", ".yml") else ""
        yield Case(path, f"{path} cannot be read as JSON: {error}.{hint}", [])
        return
    listed = found["tools"] if isinstance(found, dict) and found.keys() <= _TOOLS and "tools" in found else found
    if not isinstance(listed, list):
        yield from _of_one(found, path)
    elif not any(isinstance(group, dict) for group in listed):
        yield Case(path, f"{path} is a list without any schema.", [])
    else:
        for number, group in enumerate(listed):
            name = f"{path}[{number}]"
            told = _told(group) if isinstance(group, dict) else ""
            yield from _of_one(group, name, f"{name} {told}".rstrip())


_TOOLS = frozenset(("tools", "nextCursor", "_meta"))
"""What a server of MCP says when it is asked for its tools."""


def _told(group: dict[str, Any]) -> str:
    """What one of a list is called."""
    tool = group.get("function")
    return str((tool if isinstance(tool, dict) else group).get("name", group.get("description", "")))


def _of_one(found: Any, name: str, title: str | None = None) -> Iterator[Case]:
    """The schema in one object, or each of a collection. `title`: what the case of one among others is called."""
    if isinstance(found, dict) and "schema" in found and (title or isinstance(found.get("tests"), list)):
        yield Case(title or name, _schema(found["schema"], name), _tests(found))
        return
    collection = collected(found) if isinstance(found, dict) else None
    if collection:
        yield from (Case(f"{name} {reference}", schema, []) for reference, schema in collection.items())
    elif title and isinstance(found, dict) and not found.keys() & ENFORCED and unwrapped(found)[0] is found:
        yield Case(name, f'{name} is no schema, no tool, and no object with a "schema".', [])
    else:
        yield Case(title or name, _schema(found, name), [])


def _schema(found: Any, name: str) -> Any:
    return found if isinstance(found, dict | bool) else f"{name} is neither an object nor a truth value."


def _tests(group: dict[str, Any]) -> list[dict[str, Any]]:
    tests = group.get("tests")
    return [test for test in tests if isinstance(test, dict) and "data" in test] if isinstance(tests, list) else []


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
