"""Positions: where in a workflow each call of a step stands, the same in every pass over it.

Knows tasks, calls of other workflows, parts and passes; does not know what a step does, nor what the journal holds.
Steps are counted per task: those under `asyncio.gather` get the same positions whatever order they end in, as long as
each task's first await is a step.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """One call of a step: what is known before it runs. `digest`: of its arguments.

    `scope` names the calls of other workflows around it; `occurrence` counts equal calls in it before this one.
    """

    scope: str
    position: str
    name: str
    digest: str
    occurrence: int


@dataclass(eq=False)
class _Branch:
    """One task of a workflow, and how many steps and further tasks it has started."""

    positions: Positions
    task: asyncio.Task[Any] | None
    path: str = ""
    scope: str = ""
    steps: int = 0
    children: int = 0


_BRANCH: ContextVar[_Branch | None] = ContextVar("branch", default=None)


class Positions:
    """The positions of one pass over one record. Create it inside the task that runs the workflow."""

    def __init__(self) -> None:
        self._root = _Branch(self, asyncio.current_task())
        self._tasks: list[asyncio.Task[Any]] = []
        self._occurrences: Counter[tuple[str, str, str]] = Counter()
        self._part = ""
        self._passes = 0

    def call(self, name: str, digest: str) -> Call:
        """The next call of the task that is running."""
        branch = self._here()
        branch.steps += 1
        occurrence = self._occurrences[branch.scope, name, digest]
        self._occurrences[branch.scope, name, digest] += 1
        return Call(branch.scope, f"{branch.path}{branch.steps}", name, digest, occurrence)

    def begin(self, part: str) -> None:
        """Steps from here on belong to a part of the record: positions inside it ("part2/1"), and keys of their own."""
        self._part, self._passes = f"{part}/", 0
        self._root = _Branch(self, asyncio.current_task(), self._part, self._part)

    def start_over(self) -> None:
        """A workflow is called once more in the same record or part: its steps get positions of their own.

        Occurrences start over as well, so that an action already done keeps its key and is not done again.
        """
        self._passes += 1
        self._root = _Branch(self, asyncio.current_task(), f"{self._part}again{self._passes}:", self._part)
        self._forget(self._part)

    @contextmanager
    def inside(self, call: Call) -> Iterator[Callable[[], None]]:
        """Steps made meanwhile stand inside a call ("3/1"). Gives what begins another pass inside it ("3/again1:1")."""
        scope = f"{call.scope}{call.name}#{call.digest}#{call.occurrence}/"
        passes = 0

        def start_over() -> None:
            nonlocal passes
            passes += 1
            self._forget(scope)
            _BRANCH.set(_Branch(self, asyncio.current_task(), f"{call.position}/again{passes}:", scope))

        token = _BRANCH.set(_Branch(self, asyncio.current_task(), f"{call.position}/", scope))
        try:
            yield start_over
        finally:
            _BRANCH.reset(token)

    async def close(self) -> None:
        """End tasks that the workflow left behind, such as the others of a gather in which one asked."""
        left = [task for task in self._tasks if not task.done()]
        self._tasks.clear()
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _here(self) -> _Branch:
        """The branch of the task that is running, made if this is its first step."""
        branch, task = _BRANCH.get(), asyncio.current_task()
        if branch is None or branch.positions is not self:
            branch = self._root
        if branch.task is not task:
            branch.children += 1
            branch = _Branch(self, task, f"{branch.path}{branch.children}.", branch.scope)
            _BRANCH.set(branch)
            if task is not None:
                self._tasks.append(task)
        return branch

    def _forget(self, scope: str) -> None:
        """Count equal steps of a scope from zero again, so that an action already done keeps its key."""
        for counted in [key for key in self._occurrences if key[0].startswith(scope)]:
            del self._occurrences[counted]
