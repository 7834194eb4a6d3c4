"""Folder: the JSON Schemas of a folder, checked by several processes. How they are read: schema_files.py."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

from models.bench.proof.rivals import rival_report
from models.bench.proof.schema_report import SchemaReport, check_schema
from models.bench.proof.schema_trial import Case, Trial

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
