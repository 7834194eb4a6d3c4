"""Answering: a question about passages, answered by a model under a contract.

Knows what a model that is not trusted with decisions may still say, and what helps one that failed: more passages, the
customer. Leaves asking the model to generation.py, and the passages to retrieval.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from index.documents import Passage
from models.contract import Contract
from models.engines.engine import Message
from models.grammar.grammar import compile_grammar
from models.grammar.source import normalise
from models.said import QuoteMark
from pipeline.forms import slots
from pipeline.generation.retrieval import nothing_found
from pipeline.generation.task import Compile, Task, Told
from pipeline.guardrail import Guardrail
from pipeline.outcome import Escalation
from pipeline.prompts.layout import Layout
from pipeline.run.scope import Scope

C = TypeVar("C", bound=Contract)


async def answer(
    scope: Scope,
    contract: type[C],
    question: str,
    evidence: Sequence[Passage],
    guardrails: Sequence[Guardrail],
    told: Told = Told(),
) -> C:
    """An answer that is valid and holds every guardrail, as `Run.generate`.

    What the customer said may be copied into it, as well as the passages.
    """
    passages, quotes = list(evidence), any(quoted(contract, name) for name in contract.model_fields)
    if not passages and quotes:
        raise nothing_found(question)
    again: Callable[[], Awaitable[list[Passage]]] | None = None
    decides = scope.generation.decides
    if not decides and (field := judged(contract)):
        raise Escalation("human", f"This model is not trusted to decide '{field}' of {contract.__name__}.")
    # Passages of the app's own making, without an index, have no encoder: a model that decides then quotes as it can.
    encoder_quotes = quotes and not scope.generation.quotes and scope.retrieval.has_documents
    if passages and (encoder_quotes or not decides):
        passages = [await _answering(scope, question, passages)]
    elif passages:
        again = scope.retrieval.wider(passages[0])

    def task(passages: Sequence[Passage]) -> Task[C]:
        texts, said = [passage.text for passage in passages], scope.interview.said()

        def compiled(form: type[Contract]) -> Compile:
            return lambda length, spaced: compile_grammar(form, said, texts, length, spaced)

        def neutral(layout: Layout, text: str) -> Sequence[Message]:
            # A question may be the customer's own, and so another one in each record.
            return layout.answer(contract, text, [text] if texts else [], told.examples)

        return Task(
            contract,
            contract,
            lambda layout: layout.answer(contract, question, texts, told.examples),
            compiled(contract),
            guardrails,
            [passage.id for passage in passages],
            told_apart=lambda unsaid, copies: compiled(slots.told_apart(contract, unsaid, copies)),
            choices=slots.choices(contract),
            leading=slots.leading(contract),
            answers=slots.open_answers(contract),
            neutral=neutral,
            matter=_matter(question, said, texts),
            labels=slots.labels(contract),
        )

    async def wider() -> Task[C]:
        return task(await again() if again else [])

    return await scope.generation.produce(
        task(passages),
        told=told,
        wider=wider if again else None,
        clarify=lambda name: scope.amending.clarify(next(rule for rule in guardrails if rule.name == name)),
    )


async def write(
    scope: Scope, contract: type[C], said: str, messages: Sequence[Message], evidence: Sequence[Passage]
) -> C:
    """As `Run.write`."""
    texts = [passage.text for passage in evidence]
    task = Task(
        contract,
        contract,
        lambda layout: messages,
        lambda length, spaced: compile_grammar(contract, [said], texts, length, spaced),
        (),
        [passage.id for passage in evidence],
    )
    return await scope.generation.produce(task)


async def _answering(scope: Scope, question: str, passages: Sequence[Passage]) -> Passage:
    """The sentence that answers a question: the encoder is sure of it, or the customer says so. Escalation else."""
    nearest, sure = await scope.retrieval.nearest(question, passages)
    if not sure and not await scope.amending.agreed(
        f"The nearest that our documents say is: “{nearest.text}” Does that answer your question?"
    ):
        raise nothing_found(question)
    return nearest


def _matter(question: str, said: Sequence[str], texts: Sequence[str]) -> str:
    """What an answer is about: passages, and what the customer said that is part of the question; the question itself,
    the same for every customer, only where there is nothing else."""
    within = normalise(question)
    own = sorted((text for text in said if text and text in within), key=len)
    return "\n".join([*texts, *own[-1:]]) or question


def judged(contract: type[Contract]) -> str:
    """The first field that is more than a quote or a copy, "" if there is none: a copier is not asked for it."""
    fields = [name for name in contract.model_fields if slots.needs_judgement(contract, name)]
    return next((name for name in fields if not quoted(contract, name)), "")


def quoted(contract: type[Contract], field: str) -> bool:
    """Whether a field is whole sentences of the evidence."""
    return any(isinstance(mark, QuoteMark) for mark in contract.model_fields[field].metadata)
