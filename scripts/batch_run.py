"""A batch served from the terminal, under a progress bar: in this process, or by the workers of a cluster."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from itertools import islice
from pathlib import Path

from rich.progress import Progress

from pipeline import App, Launch, Outcome, Requests, Summary, UsageError, run_batch
from pipeline.runtime.folder import Folder
from scripts.console import complain, tell
from scripts.equipment import equipped


async def serve_batch(
    app: App,
    asked: Requests | None,
    out: Path,
    launch: Launch,
    bar: Progress,
    counted: Callable[[str, str], None],
    today: date | None = None,
    retry: Sequence[str] = (),
    expire: float | None = None,
    accept_changes: bool = False,
    keeping: Callable[[], AbstractContextManager[Callable[[Outcome], object]]] = lambda: nullcontext(lambda _: None),
) -> tuple[Summary, bool]:
    """Open what an app needs as `launch` says, and run its batch; whether it was stopped early.

    `counted` hears the id and status of each record that ended. `keeping` is entered once the app is open, and gets
    each outcome before that; with Ray nothing comes by here, so that it is not entered.
    """
    Folder(out).check()
    if launch.ray:
        from pipeline.batch.cluster import run_shards  # Ray is an extra, and takes a second to import

        stop = stopped_by_signal()
        with bar:
            summary = await run_shards(
                app,
                asked,
                out,
                launch,
                equip=equipped,
                today=today,
                retry=retry,
                expire=expire,
                accept_changes=accept_changes,
                stop=stop,
                on_outcome=counted,
                progress=tell,
            )
        return summary, stop.is_set()
    async with equipped(app, launch, out) as equipment:
        stop = stopped_by_signal()
        collect_seldom()
        with keeping() as keep, bar:

            def finished(outcome: Outcome) -> None:
                keep(outcome)
                counted(outcome.custom_id, outcome.status)

            summary = await run_batch(
                app,
                asked,
                out,
                equipment,
                launch,
                today=today,
                retry=retry,
                expire=expire,
                accept_changes=accept_changes,
                stop=stop,
                on_outcome=finished,
                progress=tell,
            )
    return summary, stop.is_set()


def collect_seldom() -> None:
    """Let a batch's garbage be looked for among its own objects alone, and a tenth as often.

    Models and modules stay for good. A record leaves a dozen objects in circles behind, so that what gathers meanwhile
    is a few MiB; looking for it after every 700 new objects took 15 % of a row's CPU time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def complain_of(asked: Requests, out: Path, what: str, unit: str = "Line") -> None:
    """Say of the first few lines that cannot be used that they were `what`, and why."""
    for error in islice(asked.bad_lines(), _SHOWN):
        where = "" if error.file is None else f" of {error.file}"
        complain(f"{unit} {error.line}{where} was {what}: {error.reason}")
    if asked.errors > _SHOWN:
        complain(f"… and {asked.errors - _SHOWN} more; see {out / 'errors.jsonl'}.")


_SHOWN = 5


def check_cluster(launch: Launch) -> None:
    """Whether the options of a cluster make sense together. UsageError."""
    if bool(launch.ray) != bool(launch.shards):
        raise UsageError("--ray and --shards belong together: for example --ray local --shards 4.")
    for model in launch.models if launch.ray else ():
        if model.startswith("vllm:"):
            raise UsageError(
                f"'{model}' would start a server for every worker: start one on each machine, and give its address."
            )


def stopped_by_signal() -> asyncio.Event:
    """Set by the first Ctrl-C or SIGTERM, so that records under way come to their end; a second one stops at once."""
    loop, stop, task = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()

    def interrupted() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        stop.set()
        tell("Finishing what is under way; Ctrl-C again stops at once.")

    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job gets SIGTERM, from `kill` or a supervisor
        loop.add_signal_handler(number, interrupted)
    return stop
