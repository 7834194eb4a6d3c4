"""Tasks: the tasks that serve the messages of conversations, one at a time in each, whoever listens.

Knows who is at work on what, and what a process that ended has left behind; what is kept is in
conversation_store.py, what happens to a record in pipeline.py, and what people may ask for in dialogues.py.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from models.errors import EngineUnavailable
from pipeline.chat.conversation_store import ConversationStore
from pipeline.chat.desk import Desk
from pipeline.chat.fair_slots import FairSlots
from pipeline.errors import Busy
from pipeline.journal.expiry import Due, due, expired
from pipeline.journal.journal import Journal
from pipeline.journal.quarantine import convicted, sentence
from pipeline.outcome import Escalation, Status
from pipeline.record import Record
from pipeline.runtime.messages import ABSENT, STOPPED

if TYPE_CHECKING:
    from pipeline.runtime.pipeline import Pipeline

STOPPING = "The service is stopping: send this again in a moment."


@dataclass(eq=False)
class TurnTask:
    """One message being worked on. `received` has the number of its event once it is durable, or why it is not."""

    text: str = ""
    key: str | None = None
    record: str | None = None
    stopped: bool = False
    received: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    task: asyncio.Task[None] | None = None


class Tasks:
    """All turns under way in one journal. `today`: the day of a new request. `ended` hears how each turn ended,
    and in how many seconds.

    `slots`: so many records are served at once, the others wait for their turn. A message is acknowledged when it is
    received: were all of them served at once, those that arrive meanwhile would wait behind every step of every one.
    Whose conversations have the fewest served comes next.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        journal: Journal,
        conversations: ConversationStore,
        desk: Desk,
        today: Callable[[], date],
        slots: FairSlots,
        ended: Callable[[Status, float], None],
    ) -> None:
        self.closed = False
        self.resting = asyncio.Event()
        """Whether nothing is under way."""
        self.resting.set()
        self._pipeline = pipeline
        self._journal = journal
        self._conversations = conversations
        self._desk = desk
        self._today = today
        self._slots = slots
        self._ended = ended
        self.deciding = asyncio.Lock()
        """Held while somebody other than the customer answers a question, or it expires: only one of them does."""
        self._turns: dict[str, TurnTask] = {}
        self._of: Counter[str] = Counter()
        self._failed: dict[str, BaseException] = {}
        self._suspected: set[str] = set()  # conversations whose turn comes when nothing else is under way
        self._background: set[asyncio.Task[None]] = set()

    @property
    def working(self) -> int:
        """How many turns are under way."""
        return len(self._turns)

    def working_of(self, owner: str) -> int:
        """How many of them are in somebody's conversations."""
        return self._of[owner]

    def of(self, conversation: str) -> TurnTask | None:
        """The turn that is under way in a conversation, or the last steps of its end."""
        return self._turns.get(conversation)

    def under_way(self, conversation: str) -> bool:
        """Whether more is to come of a conversation without anybody's doing. Raises what ended its last turn early."""
        if conversation in self._turns or conversation in self._suspected:
            return True
        if conversation in self._failed:
            raise self._failed[conversation]
        return False

    def over(self, conversation: str) -> bool:
        """Whether the end of the turn under way has been told already, so that only bookkeeping is left of it."""
        turn = self._turns[conversation]
        if not turn.received.done():
            return False
        # Without a record it went to an operator, and was over when it was received.
        return turn.record is None or self._status(turn.record) is not None

    def receive(self, conversation: str, text: str, key: str | None) -> asyncio.Future[int]:
        """Take a message on; the number of its event once that is durable. Busy once this is closed."""
        if self.closed:
            raise Busy(STOPPING)
        turn = TurnTask(text, key)
        self._start(conversation, turn, self._receive(conversation, turn))
        return turn.received

    async def hand_over(self, conversation: str, text: str, escalation: Escalation) -> None:
        """Give what is open in a conversation to a person, or a new request of this text; it goes on when its caller
        leaves. Busy once this is closed.
        """
        if self.closed:
            raise Busy(STOPPING)
        turn = TurnTask(text)
        task = self._start(conversation, turn, self._handed(conversation, turn, escalation))
        await asyncio.wait({task})
        if task.cancelled():
            raise Busy(STOPPING)
        task.result()

    async def _handed(self, conversation: str, turn: TurnTask, escalation: Escalation) -> None:
        kept = self._conversations
        try:
            records = kept.records(conversation)
            if records and records[-1][1] == "needs_input":
                record = kept.restore(records[-1][0])
                number = kept.last_event(conversation)
            else:
                number, record = await kept.begin(conversation, turn.text, None, self._today())
        except Exception as error:
            _refuse(turn, error)
            raise
        turn.record = record.id
        turn.received.set_result(number)
        self._journal.follow(record.id, conversation)
        outcome, _ = await self._pipeline.quarantine(record, escalation)
        self._ended(outcome.status, 0.0)

    def go_on(self, conversation: str, record: str) -> None:
        """Work on a record if it is unfinished and nobody does."""
        if conversation in self._turns or conversation in self._suspected or self.closed:
            return
        if self._status(record) is None:
            turn = _known(record)
            self._start(conversation, turn, self._serve(conversation, turn, self._conversations.restore(record)))

    def expire(self, conversation: str, late: Due, age: float) -> None:
        """Go on with a record whose question nobody answered within `age` seconds, unless something is under way there.

        It is a turn of its own: what the customer writes meanwhile is the answer, or comes after.
        """
        if conversation in self._turns or conversation in self._suspected or self.closed:
            return
        turn = _known(late.record)
        self._start(conversation, turn, self._expired(conversation, turn, late, age))

    async def _expired(self, conversation: str, turn: TurnTask, late: Due, age: float) -> None:
        async with self.deciding:
            if late not in due(self._journal, float("inf"), late.record):  # answered while it waited for its turn
                return
            await self._journal.write(*expired(late, age), conversation=conversation)
        await self._serve(conversation, turn, self._conversations.restore(late.record))

    async def stop(self, conversation: str) -> None:
        """End the turn that is under way: its record fails, or goes to a person if an action was being done."""
        turn = self._turns.get(conversation)
        if turn is None or turn.task is None or self.over(conversation):
            return
        turn.stopped = True
        await asyncio.wait({turn.received})  # a message is kept before it is stopped
        turn.task.cancel()
        await asyncio.wait({turn.task})

    def resume(self) -> None:
        """Go on with what a process that ended has left unfinished."""
        suspicion = self._journal.suspects()
        suspects: list[tuple[str, Record]] = []
        for conversation, record in self._conversations.unfinished():
            if suspicion.get(record.id, 0) > 1:  # in flight when two processes were killed: it may be what kills them
                suspects.append((conversation, record))
            else:
                self.go_on(conversation, record.id)
        if suspects:
            # Those that were alone with a kill come last: what is innocent is served whatever they do (quarantine.py).
            suspects.sort(key=lambda suspect: suspicion[suspect[1].id])
            self._suspected |= {conversation for conversation, _ in suspects}
            task = asyncio.create_task(self._resume_alone(suspects, suspicion))
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def close(self, seconds: float) -> None:
        """Take nothing more on, and stop what has not come to its end after so many seconds."""
        self.closed = True
        under_way = [turn.task for turn in self._turns.values() if turn.task is not None]
        if under_way and seconds:
            await asyncio.wait(under_way, timeout=seconds)
        tasks = [*self._background, *(turn.task for turn in self._turns.values() if turn.task is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, conversation: str, turn: TurnTask, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        owner = self._conversations.owner(conversation)

        def ended(task: asyncio.Task[None]) -> None:
            self._of -= Counter((owner,))
            if self._turns.get(conversation) is turn:
                del self._turns[conversation]
            if not self._turns:
                self.resting.set()
            if not task.cancelled() and (error := task.exception()) is not None:
                self._failed[conversation] = error
            if not turn.received.done():
                _refuse(turn, Busy(STOPPING))
            self._journal.notifier.wake(conversation)

        self._of[owner] += 1
        self._failed.pop(conversation, None)
        self._turns[conversation] = turn
        self.resting.clear()
        turn.task = asyncio.create_task(work)
        turn.task.add_done_callback(ended)
        return turn.task

    async def _receive(self, conversation: str, turn: TurnTask) -> None:
        try:
            record = await self._kept(conversation, turn)
        except Exception as error:
            _refuse(turn, error)
            raise
        if record is not None:
            await self._serve(conversation, turn, record)

    async def _kept(self, conversation: str, turn: TurnTask) -> Record | None:
        """Make a message durable; the record that it is for, unless that is with an operator."""
        kept = self._conversations
        taken = self._desk.taken(conversation)
        records = kept.records(conversation)
        if taken is not None:  # also where a question is open: whoever has taken it answers for us
            turn.received.set_result(await kept.pass_on(conversation, taken, turn.text, turn.key))
            self._ended("escalated", 0.0)
            return None
        if records and records[-1][1] == "needs_input":
            waiting = next(self._journal.waiting(records[-1][0]), None)
            if waiting is not None and waiting.role is not None:  # whoever asked is not who approves
                raise Busy(f"This waits for the approval of the {waiting.role}: you are told when there is one.")
            number, record = await kept.answer(conversation, records[-1][0], turn.text, turn.key)
        else:
            number, record = await kept.begin(conversation, turn.text, turn.key, self._today())
        turn.record = record.id
        turn.received.set_result(number)
        return record

    async def _serve(self, conversation: str, turn: TurnTask, record: Record, alone: bool = False) -> None:
        began = time.monotonic()
        self._journal.follow(record.id, conversation)
        memory = self._conversations.memory(record.id)
        try:
            async with self._slots.slot(self._conversations.owner(conversation)):
                outcome, _ = await self._pipeline.serve_to_line(record, alone, memory=memory)
        except EngineUnavailable:
            outcome, _ = await self._pipeline.quarantine(record, ABSENT)
        except asyncio.CancelledError:
            if not turn.stopped or turn.task is None:
                raise
            turn.task.uncancel()
            if self._status(record.id) is not None:  # it came to its end just before
                return
            outcome, _ = await self._pipeline.quarantine(record, self._stopped(record.id))
        self._ended(outcome.status, time.monotonic() - began)

    def _stopped(self, record: str) -> str | Escalation:
        """What becomes of a record whose customer has stopped it."""
        under_way = [action.name for action in self._journal.actions(record) if action.state == "reserved"]
        if not under_way:
            return STOPPED
        why = f"uncertain: whether '{under_way[0]}' happened is not known, because it was stopped meanwhile."
        return Escalation("human", why)

    async def _resume_alone(self, suspects: Sequence[tuple[str, Record]], suspicion: Mapping[str, int]) -> None:
        for conversation, record in suspects:
            turn = _known(record.id)
            with suppress(Exception):  # kept for its listeners
                await self._start(conversation, turn, self._judge(conversation, turn, record, suspicion[record.id]))
            self._suspected.discard(conversation)
            self._journal.notifier.wake(conversation)

    async def _judge(self, conversation: str, turn: TurnTask, record: Record, suspicion: int) -> None:
        """Serve a record that may kill the process, unless it is convicted of that."""
        if convicted(suspicion, 0) and convicted(suspicion, self._journal.unexplained()):
            self._journal.follow(record.id, conversation)
            outcome, _ = await self._pipeline.quarantine(record, sentence(record.id, suspicion))
            self._ended(outcome.status, 0.0)
        else:
            await self._serve(conversation, turn, record, alone=True)

    def _status(self, record: str) -> str | None:
        known = self._journal.record(record)
        return None if known is None else known[1]


def _known(record: str) -> TurnTask:
    """A turn whose message was received before."""
    turn = TurnTask(record=record)
    turn.received.set_result(0)
    return turn


def _refuse(turn: TurnTask, error: Exception) -> None:
    turn.received.set_exception(error)
    turn.received.exception()  # seen, also if whoever sent the message has gone
