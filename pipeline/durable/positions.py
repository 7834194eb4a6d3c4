"""Positions: where in a workflow each call of a step stands, the same in every pass over it.

Knows tasks, calls of other workflows, parts and passes; does not know what a step does, nor what came of it.
Steps are counted per task: those under `asyncio.gather` get the same positions whatever order they end in, as long as
each task's first await is a step.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from pipeline.journal.rows import StepRow

_STEP = re.compile(r"[\d.]+$")


@dataclass(frozen=True)
class Call:
    """One call of a step: what is known before it runs. `digest`: of its arguments.

    `scope` names the calls of other workflows around it; `occurrence` tells equal calls of one pass apart.
    """

    scope: str
    position: str
    name: str
    digest: str
    occurrence: int


@dataclass(frozen=True)
class Pass:
    """A workflow called once from the top: the record's, a part's or a called one's, which `base` says.

    `number` counts how often it was started over before; `scope` as in Call, the same in every pass.
    """

    base: str = ""
    scope: str = ""
    number: int = 0

    @property
    def path(self) -> str:
        """What all positions in it begin with."""
        return f"{self.base}again{self.number}:" if self.number else self.base


@dataclass(eq=False)
class Branch:
    """One task's share of a pass, and how many steps and further tasks it has started.

    `parent`: the one that it goes on from, in the same task, or was started by, as another task.
    """

    positions: Positions
    within: Pass
    path: str
    task: asyncio.Task[Any] | None
    parent: Branch | None = None
    number: int = 0
    steps: int = 0
    children: int = 0
    open: list[Branch] = field(default_factory=list)
    """Of tasks that it started, those that it has not seen ended."""
    joined: bool = False
    """Whether the task that started this one went on after this one had ended."""

    def join(self) -> None:
        """It goes on: tasks that have ended by now are joined."""
        ended = [branch for branch in self.open if branch.task is None or branch.task.done()]
        self.open = [branch for branch in self.open if branch not in ended]
        for branch in ended:
            branch.joined = True
            branch.join()

    def below(self, other: Branch) -> bool:
        """Whether it goes back to another one."""
        return self.parent is not None and (self.parent is other or self.parent.below(other))


_BRANCH: ContextVar[Branch | None] = ContextVar("branch", default=None)


class Positions:
    """The positions of one pass over one record. Create it inside the task that runs the workflow.

    `recorded`: the steps that the journal holds, by position.
    """

    def __init__(self, recorded: Mapping[str, StepRow]) -> None:
        self._root = Branch(self, Pass(), "", asyncio.current_task())
        self._tasks: list[Branch] = []
        self._ending: set[asyncio.Task[Any]] = set()
        self._unbroken: dict[asyncio.Task[Any], asyncio.Future[None]] = {}
        self._recorded = recorded
        self._occurrences: defaultdict[tuple[str, str, str], set[int]] = defaultdict(set)
        for step in recorded.values():
            self._occurrences[_STEP.sub("", step.position), step.name, step.digest].add(step.occurrence)

    def call(self, name: str, digest: str) -> Call:
        """The next call of the task that is running."""
        branch = self.branch()
        branch.join()
        branch.steps += 1
        position = f"{branch.path}{branch.steps}"
        recorded = self._recorded.get(position)
        if recorded is not None and (recorded.name, recorded.digest) == (name, digest):
            # Of equal calls in several tasks another one may have come first when this one was recorded.
            occurrence = recorded.occurrence
        else:
            taken = self._occurrences[branch.within.path, name, digest]
            occurrence = next(number for number in count() if number not in taken)
            taken.add(occurrence)
        return Call(branch.within.scope, position, name, digest, occurrence)

    def next(self) -> str:
        """Where the next call of the task that is running will stand."""
        branch = self.branch()
        return f"{branch.path}{branch.steps + 1}"

    def begin(self, part: str) -> None:
        """Steps from here on belong to a part of the record: positions inside it ("part2/1"), and keys of their own."""
        self._root = self._after(self._root, Pass(f"{part}/", f"{part}/"))

    async def start_over(self) -> None:
        """The workflow that is running is called once more: the steps of that pass get positions of their own.

        Tasks that the abandoned pass left behind are ended. Occurrences start over as well, so that an action already
        done keeps its key and is not done again.
        """
        await self.end_below()
        present = self.seen_from()
        branch = self._after(present, replace(present.within, number=present.within.number + 1))
        if present is self._root:
            self._root = branch
        else:
            _BRANCH.set(branch)

    @contextmanager
    def inside(self, call: Call) -> Iterator[str]:
        """Steps made meanwhile stand inside a call ("3/1"; "3/again1:1" in another pass). Gives the scope in it."""
        scope = f"{call.scope}{call.name}#{call.digest}#{call.occurrence}/"
        token = _BRANCH.set(self._after(self.branch(), Pass(f"{call.position}/", scope)))
        try:
            yield scope
        finally:
            _BRANCH.reset(token)

    @contextmanager
    def unbroken(self) -> Iterator[None]:
        """What the task that is running does meanwhile comes to its end, also if it is ended because another one asks.

        CancelledError where it is to end already: nothing of the kind is begun any more.
        """
        task = asyncio.current_task()
        assert task is not None  # steps are called by workflows, which run in tasks
        if task in self._ending:
            raise asyncio.CancelledError
        done = self._unbroken[task] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            del self._unbroken[task]
            if not done.done():
                done.set_result(None)

    async def end_below(self) -> None:
        """End tasks that the workflow that is running left behind, and no others of the record."""
        present = self.seen_from()
        await self._end([task for task in self._tasks if task.below(present)])

    async def close(self) -> None:
        """End all tasks that were left behind, such as the others of a gather in which one asked."""
        await self._end(self._tasks)

    def seen_from(self) -> Branch:
        """The branch of the task that is running; before its first step, that of the task that started it."""
        branch = _BRANCH.get()
        return self._root if branch is None or branch.positions is not self else branch

    def branch(self) -> Branch:
        """The branch of the task that is running, made if this is its first step."""
        branch, task = self.seen_from(), asyncio.current_task()
        if branch.task is not task:
            parent = branch
            parent.children += 1
            path = f"{parent.path}{parent.children}."
            branch = Branch(self, parent.within, path, task, parent, parent.children)
            parent.open.append(branch)
            _BRANCH.set(branch)
            self._tasks.append(branch)
        return branch

    def _after(self, branch: Branch, within: Pass) -> Branch:
        return Branch(self, within, within.path, asyncio.current_task(), branch)

    async def _end(self, branches: list[Branch]) -> None:
        if not branches:
            return
        left = [branch.task for branch in branches if branch.task is not None and not branch.task.done()]
        self._tasks = [branch for branch in self._tasks if branch not in branches]
        self._ending.update(left)
        present = asyncio.current_task()
        # Whoever is cancelled itself does not wait: somebody wants the work to stop, and not only an answer.
        waits = present is None or not present.cancelling()
        busy = [task for task in left if task in self._unbroken] if waits else []
        for task in left:
            if task not in busy:
                task.cancel()
        try:
            if busy:
                await asyncio.wait([self._unbroken[task] for task in busy])
        finally:
            for task in busy:
                task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
