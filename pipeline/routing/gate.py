"""Gate: from a text to the workflow that serves it: the encoder, then a model where it is trusted, then the customer.

Knows who is asked in which order; does not know how an encoder's vectors are read (router.py) nor prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter

from models.background import in_thread
from pipeline.durable.execution import Execution
from pipeline.durable.note import Note
from pipeline.errors import UsageError
from pipeline.intents import AMBIGUOUS, GATE_FIELD, OUT_OF_SCOPE
from pipeline.prompts.prompts import Prompts
from pipeline.routing.decision import MARGIN, Decision, combined, shortlist
from pipeline.routing.router import Router
from pipeline.workflow import Workflow

if TYPE_CHECKING:
    from pipeline.run.run import Run

Mode = Literal["cascade", "encoder", "model"]

_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)


class Gate:
    """The gate of one app: `workflows` by intent. Without a router there must be only one workflow.

    `mode`: "cascade" asks a model that is trusted with decisions where the encoder is not sure, and combines both;
    "encoder" never asks it; "model" always does, and goes by it alone, among the encoder's candidates.
    """

    def __init__(self, workflows: Mapping[str, Workflow], router: Router | None, mode: Mode = "cascade") -> None:
        if router is None and len(workflows) > 1:
            raise UsageError("Several workflows need an encoder to tell them apart.")
        self._workflows = dict(workflows)
        self._router = router
        self._mode = mode

    async def decide(self, run: Run, execution: Execution, text: str, without: Collection[str] = ()) -> Decision:
        """Which intent a text is for, as a step of the journal. `without`: intents that are ruled out already.

        The decision may be "ambiguous": `ask` puts it to the customer.
        """
        router = self._router
        if router is None:
            (only,) = self._workflows
            if only in without:
                return Decision("out_of_scope", None, ((OUT_OF_SCOPE, 1.0),), by="only")
            return Decision("intent", only, ((only, 1.0),), by="only")

        async def decide(note: Note) -> Decision:
            return await in_thread(router.decide, text, without)

        arguments = [text, sorted(without)] if without else [text]
        decision: Decision = await execution.step("route", arguments, decide, _DECISION)
        return await self._ask_model(run, decision)

    @property
    def reads(self) -> bool:
        """Whether there is an encoder to `read` with."""
        return self._router is not None

    def read(self, texts: Sequence[str]) -> list[Decision]:
        """What the encoder alone makes of each text: nobody is asked, nothing is kept. Not for the event loop."""
        return [] if self._router is None else self._router.decide_all(texts)

    async def ask(self, run: Run, decision: Decision) -> list[Decision]:
        """The customer's choice between the two likeliest intents of an ambiguous decision, or both: in which order.

        Raises as `Run.ask`.
        """
        likeliest = [name for name, _ in decision.candidates if name in self._workflows][:2]
        phrases = [self._workflows[intent].phrase for intent in likeliest]
        # The gate's question is no part of what was said about the matter itself.
        chosen = await run.aside().select(f"Do you want to {' or to '.join(phrases)}?", phrases, field=GATE_FIELD)
        wanted = [likeliest[phrases.index(phrase)] for phrase in chosen]
        return [replace(decision, kind="intent", intent=intent, by="customer") for intent in wanted]

    def _margin(self, intent: str) -> float:
        return MARGIN if self._router is None else self._router.margin(intent)

    async def _ask_model(self, run: Run, decision: Decision) -> Decision:
        """The decision with a model's opinion in it, or as it is if the encoder is sure or the model is not trusted.

        An engine that takes no grammars cannot be weighed: its choice counts alone. Where a workflow has a form, the
        model fills it in the same text, and the form is kept if the choice stands once the encoder is heard as well.
        """
        always = self._mode == "model"
        if self._mode == "encoder" or not run.chooses or (decision.sure and not always):
            return decision
        names = shortlist(decision.candidates, sure=False)
        if always:
            names = tuple(name for name, share in decision.candidates if name in self._workflows and share > 0)
        if not names:
            return decision
        options = {name: self._workflows[name].phrase for name in names} | refusals(run.prompts)
        encoder = {} if always else dict(decision.candidates)
        question = run.prompts.word("wish")
        # A workflow with instructions of its own has its form filled under them, and so by itself.
        alike = [workflow for name in names if not (workflow := self._workflows[name]).instructions]
        forms = {workflow.intent: workflow.form for workflow in alike if workflow.form is not None}
        written = await run.fuse(question, options, forms)
        if written is None:
            return concluded(decision, encoder, await run.weigh(question, options), self._margin)
        decided = replace(concluded(decision, encoder, written.shares, self._margin), fused=written.choice is not None)
        if decided.intent is not None and decided.intent == written.choice and decided.intent in forms:
            run.take(forms[decided.intent], written)
        return decided


def refusals(prompts: Prompts) -> dict[str, str]:
    """What a model may choose beside the intents, with its description."""
    return {name: prompts.word(name) for name in (AMBIGUOUS, OUT_OF_SCOPE)}


def concluded(
    decision: Decision,
    encoder: Mapping[str, float],
    model: Mapping[str, float],
    least: Callable[[str], float] = lambda intent: MARGIN,
) -> Decision:
    """What follows from both; with no `encoder`, from the model's shares alone. `least`: an intent's margin."""
    both = combined(encoder or dict.fromkeys(model, 1.0), model)
    ranking = sorted(((name, share) for name, share in both.items() if name != AMBIGUOUS), key=_likeliest)
    intents = [item for item in ranking if item[0] != OUT_OF_SCOPE]
    margin = intents[0][1] - (intents[1][1] if len(intents) > 1 else 0.0)
    heard = replace(decision, by="model", margin=margin, model=tuple(model.items()), candidates=tuple(ranking))
    best = ranking[0][0]
    close = both.get(AMBIGUOUS, 0.0) > ranking[0][1] or margin < least(intents[0][0])
    if best == OUT_OF_SCOPE:
        return replace(heard, kind="out_of_scope", intent=None)
    if close and len(intents) > 1:  # with one intent left there is nothing to choose between
        return replace(heard, kind="ambiguous", intent=None)
    return replace(heard, kind="intent", intent=best)


def _likeliest(item: tuple[str, float]) -> tuple[float, str]:
    return -item[1], item[0]
