"""App: a set of workflows and what they need, as a module or a file offers it. Runs nothing (runtime does)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import ModuleType

from models.contract import Contract
from pipeline.errors import UsageError, first_line
from pipeline.intents import AMBIGUOUS, OUT_OF_SCOPE
from pipeline.modules import load_module
from pipeline.workflow import Workflow


@dataclass(frozen=True)
class App:
    """What a module offers as `app`.

    `knowledge`: folder of Markdown and text to build the index from. `prepare(state, today)`: makes the app's own files
    in the folder of results; called at the start of every run, so it must leave existing ones alone.
    `out_of_scope`: the polite refusal; `out_of_scope_examples`: what people ask in vain, for the gate.
    `gate`: where `interlock calibrate` keeps its calibrated gate; `load_app` fills it in.
    """

    name: str
    workflows: Sequence[Workflow]
    knowledge: Path | None = None
    prepare: Callable[[Path, date], object] | None = None
    out_of_scope: str = "I am sorry, I cannot help with that."
    out_of_scope_examples: Sequence[str] = field(default=(), repr=False)
    gate: Path | None = None

    def __post_init__(self) -> None:
        if not self.workflows:
            raise UsageError(f"The app '{self.name}' has no workflows: list at least one.")
        for workflow in self.workflows:
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
    return app if app.gate is not None else replace(app, gate=_gate_beside(module))


def _gate_beside(module: ModuleType) -> Path | None:
    """gate.json in a package's folder, NAME.gate.json beside a file; whether it exists or not."""
    if not module.__file__:
        return None
    file = Path(module.__file__)
    return file.with_name("gate.json" if file.name == "__init__.py" else f"{file.stem}.gate.json")
