"""Which contracts a module holds, where `interlock check` looks for them: its own, and those of its models, dataclasses
and TypedDicts. Attacks nothing."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel

from models.contract import Contract
from models.errors import ContractError
from models.grammar.fragments.members import has_members
from models.values.reading import readable
from pipeline.app import beside
from pipeline.modules import load_module
from pipeline.routing.trial import Trial, read_trials


def find_contracts(target: str) -> tuple[list[type[Contract]], list[ContractError], list[ContractError]]:
    """The contracts of a module ("shop.contracts", with its submodules) or of a file ("shop.py"), and those refused;
    with pydantic's models, dataclasses and TypedDicts, which are contracts by `Contract.of`. Last, why dataclasses and
    TypedDicts are none beside others: what a program keeps in them may never be asked of a model.

    A refused contract hides what stands below it in a file, and all of its module. UsageError for what is no module.
    """
    found: dict[int, type[Contract]] = {}
    classes: dict[int, type] = {}
    refused: list[ContractError] = []
    others: list[ContractError] = []
    own = f"interlock_check_{Path(target).stem}" if target.endswith(".py") else target
    for name in _names(target):
        module: ModuleType | None = None
        try:
            module = load_module(name, own)
        except ContractError as error:
            refused.append(error)
            module = sys.modules.get(own)  # as far as a file came
        for value in list(vars(module).values()) if module else ():
            if isinstance(value, type) and has_members(value) and _ready(value) and _within(value, own):
                if issubclass(value, Contract):
                    found[id(value)] = value
                else:
                    classes[id(value)] = value
    for key, kind in classes.items():
        try:
            found[key] = Contract.of(kind)
        except ContractError as error:
            (refused if issubclass(kind, BaseModel) else others).append(error)
    return (list(found.values()), refused, others) if found or refused else ([], others, [])


def trials_of(target: str) -> list[Trial]:
    """The trials of models that are kept beside a module or a file. UsageError for a file of them that is none."""
    path = Path(target) if target.endswith(".py") else Path(getattr(find_spec(target), "origin", None) or "")
    return list(read_trials(beside(path, "trials") if path.name else None).values())


def _ready(kind: type) -> bool:
    """Whether it compiles as it is: a base class has no fields, a generic one no types yet, and what has a `read`
    of its own is read from words."""
    generic = getattr(kind, "__pydantic_generic_metadata__", {}).get("parameters", getattr(kind, "__parameters__", ()))
    named = getattr(kind, "model_fields", None) or getattr(kind, "__dataclass_fields__", None) or kind.__annotations__
    return bool(named) and not generic and (issubclass(kind, BaseModel) or not readable(kind))


def _within(kind: type, package: str) -> bool:
    origin = getattr(kind, "__pydantic_generic_metadata__", {}).get("origin") or kind
    return f"{kind.__module__}.".startswith(f"{package}.") or origin is not kind


def _names(target: str) -> Iterator[str]:
    yield target
    if not target.endswith(".py"):
        package = sys.modules.get(target)
        for path in getattr(package, "__path__", ()):
            yield from (info.name for info in pkgutil.walk_packages([path], f"{target}."))
