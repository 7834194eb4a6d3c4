"""`interlock prompts`: every prompt of an app exactly as a model gets it, before anything is served."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from models.contract import Contract
from models.engines.engine import Message
from models.engines.open_templating import open_templating
from models.engines.profiles import Profile
from pipeline import App, Turn, UsageError, Workflow, load_app
from pipeline.forms import slots
from pipeline.intents import AMBIGUOUS, OUT_OF_SCOPE
from pipeline.prompts.prompts import Prompts
from pipeline.routing.decision import SHORTLIST
from pipeline.routing.gate import refusals
from pipeline.run.answer import judged, quoted
from pipeline.run.asked import Asked, Blank, asked
from scripts.console import finish, tell
from scripts.options import TRAVEL, Model


@dataclass(frozen=True)
class Prompt:
    """`title`: who asks for what; `messages`: None where the model is not asked, and then `why`."""

    title: str
    messages: Sequence[Message] | None
    why: str = ""


def prompts(
    target: Annotated[str, typer.Argument(metavar="[MODULE or FILE.py]", help="The app.")] = TRAVEL,
    intent: Annotated[str, typer.Option(help="Only the prompts of this intent.")] = "",
    model: Model = "models/tiny",
) -> None:
    """Print every prompt as the model gets it: its chat template applied, its tokens counted.

    The customer says a workflow's first example. What is known only when a record is served stands in ‹…›, as it is
    written in the source.
    """
    app = load_app(target)
    intents = [workflow.intent for workflow in app.workflows]
    if intent and intent not in intents:
        raise UsageError(f"{target} has no intent '{intent}': it has {', '.join(intents)}.")
    counts = asyncio.run(_print(app, intent, model))
    finish(app=app.name, model=model, prompts=len(counts), tokens=counts)


async def _print(app: App, intent: str, model: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    async with open_templating(model, tell) as templating:
        layout = templating.profile.layout
        tell(f"{templating.profile.name} is addressed in the layout '{layout}'.")
        if layout == "copier" and app.wording().own:
            tell("Instructions, examples and templates do not reach such a model.")
        if first := _asked_first(templating.profile):
            tell(f"Fields are first asked for one by one, with the prompts below: {first}.")
        if templating.profile.sure:
            tell("What code reads for certain in what was said is left out of a form.")
        for prompt in _prompts(app, intent, templating.profile):
            if prompt.messages is None:
                print(f"━━━ {prompt.title}: {prompt.why}\n")
                continue
            shown = await templating.templated(prompt.messages)
            title = prompt.title
            while title in counts:  # the same form twice, with other instructions
                title += " (again)"
            counts[title] = shown.tokens
            print(f"━━━ {title}: {shown.tokens} tokens\n{shown.text}\n")
    return counts


def _asked_first(profile: Profile) -> str:
    """Which fields a model with this profile is asked for by themselves before it fills a form, in words."""
    found = ["what is in the customer's own words"] if profile.sure else []
    found += ["choices", "what is yes, no or null"] if profile.calibrates else []
    return " and ".join(filter(None, [", ".join(found[:-1]), *found[-1:]]))


def _prompts(app: App, intent: str, profile: Profile) -> Iterator[Prompt]:
    wording = app.wording()
    for workflow in app.workflows:
        if intent in ("", workflow.intent):
            yield from _gate(app, workflow, wording, profile)
            first: Sequence[Message] | None = None
            for call in _reached(workflow):
                prompt = _call(workflow, call, wording, profile)
                first = first or prompt.messages
                yield prompt
            if first is not None:
                again = (
                    wording.told(workflow.instructions).laid_out(profile).repair(first, "{}", "‹why it was refused›.")
                )
                yield Prompt(f"{workflow.intent}: a second try", again)


def _reached(workflow: Workflow) -> list[Asked]:
    """The calls of a workflow and of those that it calls."""
    found = asked(workflow)
    for called in workflow.calls:
        found += [call for call in asked(called) if call not in found]
    return found


def _gate(app: App, workflow: Workflow, wording: Prompts, profile: Profile) -> Iterator[Prompt]:
    """What the gate asks where the encoder is not sure about the first example, with other intents beside its own."""
    title = f"{workflow.intent}: the gate"
    if len(app.workflows) == 1:
        return
    if not profile.decides:
        yield Prompt(title, None, "this model is not asked")
        return
    others = [other for other in app.workflows if other is not workflow]
    near = {one.intent: one for one in [workflow, *others][:SHORTLIST]}
    options = {name: one.phrase for name, one in near.items()} | refusals(wording)
    order = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", sorted(options), strict=False))
    lettered = {letter: f"{name}: {options[name]}" for letter, name in order.items()}
    forms = {
        letter: slots.narrowed(form, profile.decides)
        for letter, name in order.items()
        if name not in (AMBIGUOUS, OUT_OF_SCOPE)
        and (form := near[name].form) is not None
        and not near[name].instructions
    }
    layout, said = wording.laid_out(profile), [Turn("customer", workflow.examples[0])]
    question = wording.word("wish")
    if forms:
        yield Prompt(f"{title}, with a form", layout.fuse(question, lettered, forms, said))
    yield Prompt(title, layout.weigh(question, lettered, said))


def _call(workflow: Workflow, call: Asked, wording: Prompts, profile: Profile) -> Prompt:
    """What a call asks about the workflow's first example."""
    given, said = call.arguments, [Turn("customer", workflow.examples[0])]
    question = str(given.get("question", "")).replace("‹run.text›", workflow.examples[0])
    layout = wording.told(workflow.instructions).told(str(given.get("instructions", ""))).laid_out(profile)
    examples = given.get("examples", ())
    examples = [] if isinstance(examples, Blank) else [one for one in examples if not isinstance(one, Blank)]
    if call.method == "choose":
        title = f"{workflow.intent}: choose {question}"
        if not profile.decides:
            return Prompt(title, None, "a person is asked: this model only copies")
        return Prompt(title, layout.choose(question, _options(given.get("options")), said, examples))
    contract = given.get("contract")
    if not (isinstance(contract, type) and issubclass(contract, Contract)):
        return Prompt(
            f"{workflow.intent}: {call.method} {contract}", None, "what it is, is known when a record is served"
        )
    title = f"{workflow.intent}: {call.method} {contract.__name__}"
    if call.method == "generate":
        evidence = given.get("evidence", ())
        texts = [str(evidence)] if isinstance(evidence, Blank) else [getattr(one, "text", str(one)) for one in evidence]
        if not profile.decides and (field := judged(contract)):
            return Prompt(title, None, f"a person takes over: this model is not trusted to decide '{field}'")
        quotes = [name for name in contract.model_fields if quoted(contract, name)]
        if texts and not (profile.decides and (profile.quotes or not quotes)):
            if len(quotes) == len(contract.model_fields):
                return Prompt(title, None, "the encoder quotes the nearest sentence: nothing is left to this model")
            texts = ["‹the sentence of these that is nearest to the question›"]
        return Prompt(title, layout.answer(contract, question, texts, examples))
    draft = slots.narrowed(contract, profile.decides)
    if not set(draft.model_fields) - set(draft.private_fields()):
        return Prompt(title, None, "a person is asked for every field: this model only copies")
    return Prompt(title, layout.fill(draft, said, [example.only(draft.model_fields) for example in examples]))


def _options(options: Any) -> dict[str, str]:
    if isinstance(options, Mapping):
        return {str(name): str(told) for name, told in options.items()}
    names = [str(options)] if isinstance(options, Blank) else list(map(str, options or ()))
    return dict(zip(names, names, strict=True))
