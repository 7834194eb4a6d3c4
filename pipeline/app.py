"""App: a set of workflows and what they need, as a module or a file offers it. Runs nothing (runtime does)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from types import ModuleType

from models.contract import Contract
from pipeline.costs import Costs
from pipeline.errors import UsageError, first_line
from pipeline.intents import AMBIGUOUS, OUT_OF_SCOPE
from pipeline.modules import load_module
from pipeline.prompts.prompts import Prompts
from pipeline.prompts.templates import read_templates, shipped
from pipeline.record import Record
from pipeline.small_talk import SmallTalk
from pipeline.workflow import Workflow


@dataclass(frozen=True)
class App:
    """What a module offers as `app`.

    `knowledge`: folder of Markdown and text to build the index from. `prepare(state, today)`: makes the app's own files
    in the folder of results; called at the start of every run, so it must leave existing ones alone.
    `out_of_scope`: the polite refusal; `out_of_scope_examples`: what people ask in vain, for the gate.
    `reads`: makes a record of a line of requests, or raises BadRecord, where they are no customer's messages.
    `instructions`: what every model is told, as a paragraph of its system text. `prompts`: a folder of templates that
    take the place of this project's own; `load_app` fills in `prompts` beside the app, if there is one.
    `small_talk`: what is answered to thanks and the like in a conversation; None leaves it to the gate.
    `gate`: where `interlock calibrate` keeps its calibrated gate, `trials`: and what it measured of models; `load_app`
    fills them in. `costs`: when the gate asks.
    """

    name: str
    workflows: Sequence[Workflow]
    knowledge: Path | None = None
    prepare: Callable[[Path, date], object] | None = None
    out_of_scope: str = "I am sorry, I cannot help with that."
    out_of_scope_examples: Sequence[str] = field(default=(), repr=False)
    small_talk: SmallTalk | None = field(default=SmallTalk(), repr=False)
    gate: Path | None = None
    instructions: str = ""
    prompts: Path | None = None
    costs: Costs = field(default_factory=Costs)
    trials: Path | None = None
    reads: Callable[[object], Record] | None = field(default=None, repr=False)

    @property
    def read(self) -> Callable[[object], Record]:
        """What makes a record of a line of requests: its own way, or that of a customer's message."""
        return self.reads or partial(Record.parse, model=self.name)

    def __post_init__(self) -> None:
        if not self.workflows:
            raise UsageError(f"The app '{self.name}' has no workflows: list at least one.")
        if isinstance(self.out_of_scope_examples, str):
            raise UsageError(f"The app '{self.name}' has a text as its out_of_scope_examples: give a list of them.")
        if self.prepare is not None:
            self._check_prepare(self.prepare)
        for workflow in self.workflows:
            if not isinstance(workflow, Workflow):
                raise UsageError(f"The app '{self.name}' lists {workflow!r} as a workflow: decorate it with @workflow.")
            if not workflow.examples:
                raise UsageError(
                    f"The workflow '{workflow.__name__}' has no examples: the gate needs a few sentences people say."
                )
            workflow.check_endings()
        intents = [workflow.intent for workflow in self.workflows]
        for intent in intents:
            if intents.count(intent) > 1 or intent in (OUT_OF_SCOPE, AMBIGUOUS):
                raise UsageError(
                    f"The app '{self.name}' cannot use the intent '{intent}': it is taken, choose another."
                )

    def _check_prepare(self, prepare: Callable[[Path, date], object]) -> None:
        if inspect.iscoroutinefunction(prepare):
            raise UsageError(f"`prepare` of the app '{self.name}' is an async function: write it with a plain `def`.")
        try:
            inspect.signature(prepare).bind(Path(), date.min)
        except TypeError as error:
            raise UsageError(
                f"`prepare` of the app '{self.name}' is called with two arguments ({error}): write"
                " `def prepare(state: Path, today: date)`."
            ) from error

    def wording(self) -> Prompts:
        """What models are told for this app. UsageError for a template in which anything is wrong."""
        templates = shipped() if self.prompts is None else read_templates(self.prompts)
        return Prompts(templates).told(self.instructions)

    def make_ready(self, state: Path, today: date) -> None:
        """Let the app `prepare` its own files in `state`. UsageError if it cannot."""
        if self.prepare is None:
            return
        try:
            self.prepare(state, today)
        except Exception as error:
            raise UsageError(
                f"The app '{self.name}' cannot use its own files in {state} ({first_line(error)}): mend them, or use"
                " a new folder."
            ) from error

    @property
    def classes(self) -> Mapping[str, type[Contract]]:
        """Every contract that the modules of the workflows know by name."""
        seen = {
            value.__name__: value
            for workflow in self.workflows
            for value in getattr(workflow.body, "__globals__", {}).values()
            if isinstance(value, type) and issubclass(value, Contract) and value is not Contract
        }
        return {name: seen[name] for name in sorted(seen)}

    @property
    def contracts(self) -> Mapping[str, str]:
        """Name and hash of each of its `classes`."""
        return {name: contract.contract_hash() for name, contract in self.classes.items()}


def load_app(name: str) -> App:
    """The app of a module ("pipeline.workflows.travel") or a file ("shop.py"): its attribute `app`. UsageError."""
    own = f"interlock_app_{Path(name).stem}"
    module = load_module(name, own, "The app", "with `app = App(…)`")
    app = getattr(module, "app", None)
    if not isinstance(app, App):
        raise UsageError(f"{name} has no `app = App(…)`: add one, or name another module.")
    if file := module.__file__:
        app = replace(
            app, gate=app.gate or beside(Path(file), "gate"), trials=app.trials or beside(Path(file), "trials")
        )
    if app.prompts is None:
        app = replace(app, prompts=_prompts_beside(module))
    app.wording()  # whoever wrote a template should not wait for a model to hear what is wrong with it
    return app


def beside(file: Path, what: str) -> Path:
    """WHAT.json in a package's folder, NAME.WHAT.json beside a module's file; whether it exists or not."""
    return file.with_name(f"{what}.json" if file.name == "__init__.py" else f"{file.stem}.{what}.json")


def _prompts_beside(module: ModuleType) -> Path | None:
    """The folder `prompts` beside the module's file, if it exists and is no Python package."""
    folder = Path(module.__file__ or "").with_name("prompts")
    return folder if module.__file__ and folder.is_dir() and not (folder / "__init__.py").exists() else None
