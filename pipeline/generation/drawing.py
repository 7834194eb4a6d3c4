"""Drawing: what a model is asked for one try: which fields were said, which choices are likeliest, of which yes or no
it is sure, and the text.

The text has the longest scratchpad that fits.

Knows grammars and room; leaves to generation.py what becomes of a text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from models.contract import Contract
from models.engines.answers import Answers, answers
from models.engines.claims import told_apart
from models.engines.engine import Completion, Message, closes
from models.engines.mentions import mentions
from models.engines.preferences import NEUTRAL, Matter, Preferred
from models.engines.profiles import Profile
from models.errors import BudgetTooSmall, PromptTooLong
from models.grammar.grammar import Grammar
from models.offload import offload
from models.said import Unread
from pipeline.generation.engine_client import EngineClient
from pipeline.generation.recovery import Try
from pipeline.generation.task import Compile, Task
from pipeline.prompts.layout import Layout

C = TypeVar("C", bound=Contract)


async def said_apart(
    client: EngineClient, task: Task[C], asked: Try
) -> tuple[dict[str, float], Mapping[str, Sequence[str]], tuple[Completion, ...]]:
    """The fields of which a model is not sure enough that they were said, with how likely that is; what may be copied
    into the others; and the calls."""
    sure = client.profile.sure
    asks = sure > 0 and not client.profile.thinks  # one that thinks would think before each field
    if not asks or not task.copied or asked.prompted or client.engine.enforcement != "grammar":
        return {}, {}, ()
    grammar = await compiled_aside(task.grammar, 0, client.profile, asked.messages)
    if not grammar.said:
        return {}, {}, ()
    known = await mentions(client.generate, asked.messages, task.copied, client.profile.spaced)
    claimed = told_apart(known.begun, grammar.said, task.worded, sure)
    return {field: round(share, 4) for field, share in claimed.unsaid.items()}, claimed.copies, known.calls


async def preferred(client: EngineClient, task: Task[C], asked: Try, layout: Layout) -> Preferred:
    """The likeliest texts of the fields that have a few, where the model has favourites among them.

    As `_reckons` has it.
    """
    neutral = task.neutral
    if not _reckons(client, task, asked) or not task.choices or neutral is None:
        return Preferred({})
    others = [tuple(neutral(layout, sentence)) for sentence in NEUTRAL]
    matter = Matter(task.matter, task.labels, client.profile.likelihood)
    return await client.preferences.prefer(
        client.generate, asked.messages, others, task.choices, client.profile.spaced, task.leading, matter=matter
    )


async def answered(client: EngineClient, task: Task[C], asked: Try) -> Answers:
    """What the model is sure of where a field is yes, no or null: else null. As `_reckons` has it."""
    if not _reckons(client, task, asked) or not task.answers:
        return Answers({}, {})
    return await answers(client.generate, asked.messages, task.answers, client.profile.spaced)


def _reckons(client: EngineClient, task: Task[C], asked: Try) -> bool:
    """Whether a model's leanings are reckoned with: at a first try only, since what was refused once is open again; not
    where it thinks before, natively or in a scratchpad."""
    leans = client.profile.calibrates and not client.profile.thinks and not task.kind.private_fields()
    return leans and asked.rung is None and client.engine.enforcement == "grammar"


def unread_fields(task: Task[C], value: C) -> dict[str, str]:
    """The words that cannot be read as a value of fields that need none: they are left out of the form."""
    found = {name: getattr(value, name) for name in task.copied if not task.contract.model_fields[name].is_required()}
    return {name: words.text for name, words in found.items() if isinstance(words, Unread)}


async def draw_text(
    client: EngineClient,
    asked: Try,
    compiled: Callable[[int | None], Awaitable[Grammar]],
    lengths: Sequence[int | None],
) -> tuple[Completion, int | None]:
    """A completion, with the longest of the scratchpads that leaves room for the prompt, and its length; where not even
    the shortest does, one that is brought to its end within the room there is, by an engine that can."""
    for length in lengths[:-1]:
        with suppress(PromptTooLong):
            return await client.generate(asked.messages, await compiled(length), asked.sampling, asked.prompted), length
    last = lengths[-1]
    try:
        return await client.generate(asked.messages, await compiled(last), asked.sampling, asked.prompted), last
    except PromptTooLong as error:
        if asked.prompted or isinstance(error, BudgetTooSmall) or not closes(client.engine):
            raise
    room = client.profile.context
    return await client.generate(asked.messages, await compiled(last), asked.sampling, max_tokens=room), last


async def compiled_aside(
    compile: Compile, length: int | None, profile: Profile, messages: Sequence[Message]
) -> Grammar:
    """A grammar, which grows with what may be copied; the messages hold all of that."""
    return await offload(lambda: compile(length, profile.spaced), sum(len(message.content) for message in messages))
