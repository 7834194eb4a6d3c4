"""Which contracts a module holds, where `interlock check` looks for them. Compiles and attacks nothing."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from models.contract import Contract
from models.errors import ContractError
from pipeline.app import beside
from pipeline.modules import load_module
from pipeline.routing.trial import Trial, read_trials


def find_contracts(target: str) -> tuple[list[type[Contract]], list[ContractError]]:
    """The contracts of a module ("shop.contracts", with its submodules) or of a file ("shop.py"), and those refused.

    A refused contract hides what stands below it in a file, and all of its module. UsageError for what is no module.
    """
    found: dict[int, type[Contract]] = {}
    refused: list[ContractError] = []
    own = f"interlock_check_{Path(target).stem}" if target.endswith(".py") else target
    for name in _names(target):
        module: ModuleType | None = None
        try:
            module = load_module(name, own)
        except ContractError as error:
            refused.append(error)
            module = sys.modules.get(own)  # as far as a file came
        for value in list(vars(module).values()) if module else ():
            if isinstance(value, type) and issubclass(value, Contract) and _ready(value) and _within(value, own):
                found[id(value)] = value
    return list(found.values()), refused


def trials_of(target: str) -> list[Trial]:
    """The trials of models that are kept beside a module or a file. UsageError for a file of them that is none."""
    path = Path(target) if target.endswith(".py") else Path(getattr(find_spec(target), "origin", None) or "")
    return list(read_trials(beside(path, "trials") if path.name else None).values())


def _ready(contract: type[Contract]) -> bool:
    """Whether it compiles as it is: the base class has no fields, and a generic one no types yet."""
    return contract is not Contract and not contract.__pydantic_generic_metadata__["parameters"]


def _within(contract: type[Contract], package: str) -> bool:
    origin = contract.__pydantic_generic_metadata__["origin"] or contract
    return f"{contract.__module__}.".startswith(f"{package}.") or origin is not contract


def _names(target: str) -> Iterator[str]:
    yield target
    if not target.endswith(".py"):
        package = sys.modules.get(target)
        for path in getattr(package, "__path__", ()):
            yield from (info.name for info in pkgutil.walk_packages([path], f"{target}."))
