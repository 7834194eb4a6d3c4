"""Which contracts a module holds, where `interlock check` looks for them. Compiles and attacks nothing."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from models.contract import Contract
from models.errors import ContractError, ModelError
from pipeline.errors import InterlockError, UsageError


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
            module = _file(Path(target), own) if target.endswith(".py") else _module(name)
        except ContractError as error:
            refused.append(error)
            module = sys.modules.get(own)  # as far as a file came
        for value in list(vars(module).values()) if module else ():
            if isinstance(value, type) and issubclass(value, Contract) and _ready(value) and _within(value, own):
                found[id(value)] = value
    return list(found.values()), refused


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


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (InterlockError, ModelError):
        raise
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise UsageError(
                f"There is no module {name}: give a module's dotted name, or a file ending in .py."
            ) from error
        raise UsageError(f"{name} cannot be loaded ({error}): mend it first.") from error
    except Exception as error:
        raise UsageError(f"{name} cannot be loaded ({type(error).__name__}: {error}): mend it first.") from error


def _file(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise UsageError(f"There is no file {path}: give a Python file, or a module's dotted name.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations are looked up there by name
    try:
        spec.loader.exec_module(module)
    except (InterlockError, ModelError):
        raise
    except Exception as error:
        raise UsageError(f"{path} cannot be loaded ({type(error).__name__}: {error}): mend it first.") from error
    return module
