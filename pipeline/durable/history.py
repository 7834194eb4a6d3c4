"""History: what happened in the course of one workflow, told the same way in every pass over it.

Knows tasks, in their order of positions; does not know what is kept. Tasks under `asyncio.gather` come to their ends in
another order whenever a record is served again. So each of them sees what there was when it began and what it added
itself, never what another one adds meanwhile; whoever started them sees it all once it goes on after they have ended,
the first task's first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pipeline.durable.positions import Branch, Positions

T = TypeVar("T")


@dataclass(eq=False)
class _Share(Generic[T]):
    """What one branch sees: `inherited` of it was there before; `open`: of the tasks that it started."""

    branch: Branch
    seen: list[T]
    inherited: int = 0
    open: list[_Share[T]] = field(default_factory=list)


class History(Generic[T]):
    """A list that grows, and is read, from several tasks. `first`: what it begins with."""

    def __init__(self, positions: Positions, first: Iterable[T] = ()) -> None:
        self._positions = positions
        self._first = list(first)
        self._shares: dict[Branch, _Share[T]] = {}

    def add(self, *facts: T) -> None:
        """One thing more, or several. Call it beside a step: a task that has made none gets its position now."""
        branch = self._positions.branch()
        branch.join()
        self._share(branch).seen.extend(facts)

    def __iter__(self) -> Iterator[T]:
        """What the task that is running sees, oldest first."""
        self.join()
        return iter(self.seen())

    def __len__(self) -> int:
        self.join()
        return len(self.seen())

    def join(self) -> None:
        """The running task goes on: it sees from now on what those added that it started, if they have ended."""
        branch = self._positions.seen_from()
        if branch.open and branch.task is asyncio.current_task():  # else that of whoever started it, and waits
            branch.join()

    def seen(self) -> tuple[T, ...]:
        """As iterating, without joining first.

        For a workflow that was broken off: the tasks that it left behind may have come to any point by then.
        """
        return tuple(self._share(self._positions.seen_from()).seen)

    def _share(self, branch: Branch) -> _Share[T]:
        share = self._shares.get(branch)
        if share is None:
            above = None if branch.parent is None else self._share(branch.parent)
            seen = list(self._first if above is None else above.seen)
            share = self._shares[branch] = _Share(branch, seen, len(seen))
            # A pass or a call that goes on in the same task has nothing to give back: it is the present one until its
            # end, and the tasks of a pass that was abandoned are never joined.
            if above is not None and branch.task is not above.branch.task:
                above.open.append(share)
        self._take_over(share)
        return share

    def _take_over(self, share: _Share[T]) -> None:
        """Add what joined tasks added. By number: which one came first changes from pass to pass."""
        if not share.open:
            return
        joined = [task for task in share.open if task.branch.joined]
        for task in sorted(joined, key=lambda task: task.branch.number):
            self._take_over(task)
            share.seen.extend(task.seen[task.inherited :])
            share.open.remove(task)
