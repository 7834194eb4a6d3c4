"""Dialogues: conversations with people, each message served to its end whoever listens.

Knows when a message is received, what people are told of it, and what operators may do; what is kept is in
conversation_store.py and desk.py, who works on it in tasks.py. A message is durable before anything is done about it,
and an event before anybody sees it: what a killed process leaves behind is a conversation that `resume` goes on with.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import date
from typing import TYPE_CHECKING, Literal

from models.grammar.grammar import normalise
from pipeline.chat.conversation_store import ConversationStore
from pipeline.chat.desk import Desk
from pipeline.chat.erasure import emptied, erase
from pipeline.chat.fair_slots import FairSlots
from pipeline.chat.tasks import Tasks
from pipeline.chat.transcript import REMEMBERED, Handed, State, Transcript
from pipeline.errors import Busy, UnknownConversation, UsageError
from pipeline.events import Numbered, TurnFinished
from pipeline.journal.expiry import due
from pipeline.journal.interventions import answered
from pipeline.journal.journal import Journal
from pipeline.outcome import Escalation, Status
from pipeline.record import MAX_CHARACTERS
from pipeline.runtime.concurrency import MOST
from pipeline.small_talk import ASKED_FOR

if TYPE_CHECKING:
    from pipeline.runtime.pipeline import Pipeline

WANTS_A_PERSON = "I would like to talk to a person."
"""What a customer says by a button."""

MOST_MESSAGES = 500
MOST_CHARACTERS = 400_000
"""Of what its customer writes into one conversation: each new message has all of it read once more."""

LONGEST = MAX_CHARACTERS - REMEMBERED
"""Characters of a message, so that it fits into a record with what was said before."""


class Dialogues:
    """All conversations of one journal, served by one pipeline in one event loop.

    `today`: the day that a new request's "tomorrow" counts from; the pipeline's by default. `concurrency`: messages
    that are served at the same time. `ended` is told the status of each turn that ended, and its seconds.
    Every method raises UnknownConversation (a UsageError) for an id under which nothing is kept.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        journal: Journal,
        today: Callable[[], date] | None = None,
        *,
        concurrency: int = MOST,
        ended: Callable[[Status, float], None] = lambda status, seconds: None,
    ) -> None:
        self.conversations = ConversationStore(journal)
        self.desk = Desk(journal)
        self._journal = journal
        day, slots = today or (lambda: pipeline.today), FairSlots(concurrency)
        self._tasks = Tasks(pipeline, journal, self.conversations, self.desk, day, slots, ended)

    @property
    def working(self) -> int:
        """How many messages are being worked on, or wait for that."""
        return self._tasks.working

    def working_of(self, owner: str) -> int:
        """How many of them are in conversations that somebody opened."""
        return self._tasks.working_of(owner)

    @property
    def resting(self) -> asyncio.Event:
        """Set while there is none."""
        return self._tasks.resting

    # The customer's side

    async def open(self, owner: str = "") -> str:
        """A new conversation's id, which nobody can guess. `owner`: whose it is, in the caller's words."""
        return await self.conversations.open(owner)

    async def handle(self, conversation: str, text: str, key: str | None = None) -> AsyncGenerator[Numbered, None]:
        """Receive a message, and tell what happens about it as it happens, up to TurnFinished.

        Raises as `send`. Whoever stops listening stops nothing.
        """
        number = await self.send(conversation, text, key)
        async with aclosing(self.turn(conversation, number)) as events:
            async for numbered in events:
                yield numbered

    async def send(self, conversation: str, text: str, key: str | None = None) -> int:
        """Receive a message: the number of its event, which is durable. Work on it goes on in a task of its own.

        It answers the conversation's open question; goes to the operator who has taken it; or begins a request. With
        the `key` of an earlier message it is that message. Raises Busy while another message is worked on, UsageError
        for a text that is empty or too long, JournalError if it cannot be kept.
        """
        self.conversations.owner(conversation)
        text = _checked(text)
        while True:
            turn = self._tasks.of(conversation)
            if turn is not None and key is not None and turn.key == key:
                await asyncio.wait({turn.received})  # the same message, still on its way into the journal
            known = None if key is None else self.conversations.message(conversation, key)
            if known is not None:
                number, record, before = known
                if before != text:
                    raise UsageError(f"The key '{key}' was used for another message: give each message its own.")
                self._tasks.go_on(conversation, record)
                return number
            if turn is None:
                records = self.conversations.records(conversation)
                if not records or records[-1][1] is not None:  # nobody works on anything here
                    break
                self._tasks.go_on(conversation, records[-1][0])  # left behind by a process that ended
            if turn is None or turn.task is None or not self._tasks.over(conversation):
                raise Busy("The last message is still being worked on: wait for its answer.")
            await asyncio.wait({turn.task})  # its answer is out already, and only bookkeeping is left of it
        number, characters = self.conversations.said(conversation)
        if number >= MOST_MESSAGES or characters + len(text) > MOST_CHARACTERS:
            raise UsageError("This conversation is full: begin a new one.")
        # Whoever sends it may leave meanwhile: a message that was taken on is kept all the same.
        return await asyncio.shield(self._tasks.receive(conversation, text, key))

    async def turn(self, conversation: str, number: int) -> AsyncGenerator[Numbered, None]:
        """What happened and happens about the message of an event, which comes first; TurnFinished comes last.

        Raises what stopped the work on it, such as JournalError. Ends early when this is closed.
        """
        async with aclosing(self.turn_pages(conversation, number)) as pages:
            async for page in pages:
                for numbered in page:
                    yield numbered

    async def events(self, conversation: str, after: int = 0, follow: bool = False) -> AsyncGenerator[Numbered, None]:
        """Every event with a greater number than `after`; with `follow` also those to come, until this is closed."""
        async with aclosing(self.pages(conversation, after, follow)) as pages:
            async for page in pages:
                for numbered in page:
                    yield numbered

    async def turn_pages(
        self, conversation: str, number: int, silence: float | None = None
    ) -> AsyncGenerator[list[Numbered], None]:
        """As `turn`, as many events at once as are there; none at all after every `silence` seconds without any."""

        def more() -> bool:
            return self._tasks.under_way(conversation)

        async with aclosing(self._read_on(conversation, number - 1, more, silence)) as pages:
            async for page in pages:
                ends = [one.id for one in page if isinstance(one.event, TurnFinished) and one.id > number]
                yield [one for one in page if not ends or one.id <= ends[0]]
                if ends:
                    return

    def pages(
        self, conversation: str, after: int = 0, follow: bool = False, silence: float | None = None
    ) -> AsyncGenerator[list[Numbered], None]:
        """As `events`, as many at once as are there; none at all after every `silence` seconds without any."""
        self.conversations.owner(conversation)

        def more() -> bool:
            return follow and not self._tasks.closed

        return self._read_on(conversation, after, more, silence)

    async def _read_on(
        self, conversation: str, after: int, more: Callable[[], bool], silence: float | None
    ) -> AsyncGenerator[list[Numbered], None]:
        """The events after a number, from the journal alone, however many listen; `more`: whether to wait for more."""
        with self._journal.notifier.listening(conversation) as woken:
            while True:
                woken.clear()  # before the journal is read: what is committed meanwhile wakes it again
                events = self.conversations.after(conversation, after)
                if events:
                    after = events[-1].id
                    yield events
                elif more():
                    try:
                        async with asyncio.timeout(silence):
                            await woken.wait()
                    except TimeoutError:
                        yield []
                else:
                    return

    def transcript(self, conversation: str) -> Transcript:
        """The conversation as it stands."""
        owner = self.conversations.owner(conversation)
        records = self.conversations.records(conversation)
        record, status = records[-1] if records else (None, "none")
        handed = self.desk.latest(conversation)
        question = None if record is None else next(self._journal.waiting(record), None)
        state: State = "open"
        if self._tasks.of(conversation) is not None and not self._tasks.over(conversation):
            state = "busy"  # before all else: what the journal says of the record is about to change
        elif handed is not None and handed.state == "taken":
            state = "escalated"
        elif status is None:
            state = "busy"
        elif status == "needs_input":
            state = "asking" if question is not None and question.role is None else "approving"
        return Transcript(
            conversation,
            owner,
            state,
            self.conversations.turns(conversation),
            question if state == "asking" else None,
            handed,
            self.conversations.last_event(conversation),
        )

    async def ask_for_a_person(self, conversation: str) -> None:
        """Hand over what the conversation is about, unless a person has it already. Busy while a message is worked on.

        No model and no gate is asked: whoever presses the button is believed.
        """
        self.conversations.owner(conversation)
        state = self.transcript(conversation).state
        if state == "busy":
            raise Busy("The last message is still being worked on: stop it, or wait for its answer.")
        if self.desk.latest(conversation) is None:
            await self._tasks.hand_over(conversation, WANTS_A_PERSON, Escalation("human", ASKED_FOR))

    async def cancel(self, conversation: str) -> None:
        """Stop the work on a conversation's message. What was done stays done; an action under way needs a person."""
        await self._tasks.stop(conversation)

    def is_busy(self, conversation: str) -> bool:
        """Whether a message of it is being worked on."""
        return self._tasks.of(conversation) is not None or any(
            status is None for _, status in self.conversations.records(conversation)
        )

    async def forget(self, *conversations: str) -> None:
        """Take conversations away for good; the ledger keeps that something was done (erasure.py).

        Busy, with those before it gone, for one that is worked on, or of which an action may or may not have happened.
        """
        for conversation in conversations:
            self.conversations.owner(conversation)
            if self.is_busy(conversation):
                raise Busy("The last message is still being worked on: stop it, or wait for its answer.")
            await erase(self._journal, self.conversations, conversation)
        await emptied(self._journal)

    # The operator's side

    def escalations(self, state: Literal["open", "taken", "closed"] | None = None) -> list[Handed]:
        """What was handed over to people, oldest first."""
        return self.desk.handed(state)

    async def take(self, record: str, by: str) -> None:
        """From now on what the customer writes goes to the operator `by`. Busy if another one has taken it."""
        await self.desk.take(record, by)

    async def answer(self, record: str, by: str, text: str) -> None:
        """Say something into the conversation; takes it if nobody has. Raises as `take`; UsageError for no text."""
        await self.desk.answer(record, by, _checked(text))

    async def close(self, record: str, by: str, text: str = "") -> None:
        """The matter is settled, with a last word or without: the customer's next message is a new request."""
        await self.desk.close(record, by, _checked(text) if text else "")

    async def approve(self, record: str, by: str, yes: bool, owner: str = "") -> None:
        """Answer what a record waits for somebody to approve, and go on with it. `owner`: whose conversations `by` has.

        UnknownConversation if it waits for no approval; Busy for one's own request: two people see it.
        """
        async with self._tasks.deciding:
            waiting = next(self._journal.waiting(record), None)
            if waiting is None or waiting.role is None:
                raise UnknownConversation(f"Record '{record[:64]}' waits for no approval.")
            conversation = self.conversations.of(record)
            if conversation is not None and self.conversations.owner(conversation) == owner:
                raise Busy("Whoever asks does not approve: it takes another one's token.")
            statements = answered(self._journal, record, "yes" if yes else "no", by)
            await self._journal.write(*statements, conversation=conversation)
        if conversation is not None:
            self._tasks.go_on(conversation, record)

    def expire(self, age: float) -> int:
        """Go on with the records whose question nobody has answered for `age` seconds; how many there are.

        An approval that did not come is a person's business from now on (Escalation); a customer's own request is
        closed, and the next message is a new one.
        """
        late = [one for one in due(self._journal, time.time() - age) if one.conversation is not None]
        for one in late:
            self._tasks.expire(str(one.conversation), one, age)
        return len(late)

    async def settle(self, record: str, key: str, happened: bool, result: str | None = None) -> None:
        """Say whether an uncertain action happened (`result` is JSON); if so, its conversation goes on after it.

        JournalError if it is not uncertain.
        """
        await self._journal.settle_uncertain(record, key, happened, result)
        conversation = self.conversations.of(record)
        if happened and conversation is not None:
            self._tasks.go_on(conversation, record)

    # The process

    async def resume(self) -> None:
        """Go on with what a process that ended has left unfinished; call it at the start, after `journal.begin_run`.

        Returns when all of it is under way. Records that were in flight in two killed processes are served one after
        the other, and those that kill their process alone are failed (quarantine.py).
        """
        self._tasks.resume()

    def refuse(self) -> None:
        """Receive no more messages and end the streams that follow a conversation; turns under way go on."""
        self._tasks.closed = True
        self._journal.notifier.wake_all()

    async def aclose(self, seconds: float = 0.0) -> None:
        """Let what is under way come to its end, but no longer than this; `resume` goes on with the rest."""
        self.refuse()
        await self._tasks.close(seconds)
        self._journal.notifier.wake_all()


def _checked(text: str) -> str:
    text = normalise(text)
    if not text:
        raise UsageError("The message is empty: write something.")
    if len(text) > LONGEST:
        raise UsageError(f"The message has {len(text):,} characters, and at most {LONGEST:,} are read: shorten it.")
    return text
