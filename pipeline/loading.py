"""Loading: a module by its dotted name, or a Python file, with every failure as one sentence. Knows nothing of apps."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from models.errors import ModelError
from pipeline.errors import InterlockError, UsageError


def load_module(target: str, own: str, noun: str = "", content: str = "") -> ModuleType:
    """The module of a dotted name, or of a file that ends in .py, which is then known as `own`.

    `noun` and `content` say in an error what it was taken for, and what a file should hold. UsageError for what cannot
    be imported; errors of Interlock and of contracts as they are.
    """
    called = f"{noun} {target}".strip()
    try:
        return _file(Path(target), own, content) if target.endswith(".py") else importlib.import_module(target)
    except ModuleNotFoundError as error:
        if not target.endswith(".py"):
            if error.name and f"{target}.".startswith(f"{error.name}."):
                raise UsageError(
                    f"There is no module {target}: give a module's dotted name, or a file that ends in .py."
                ) from error
            raise UsageError(f"{called} needs the module {error.name}, which is not installed: install it.") from error
        raise _broken(called, error) from error
    except (InterlockError, ModelError):
        raise
    except Exception as error:
        raise _broken(called, error) from error


def _file(path: Path, own: str, content: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(own, path) if path.is_file() else None
    if spec is None or spec.loader is None:
        wanted = f"a Python file {content}".strip()
        raise UsageError(f"There is no file {path}: give {wanted}, or a module's dotted name.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[own] = module  # annotations are looked up there by name
    spec.loader.exec_module(module)
    return module


def _broken(called: str, error: Exception) -> UsageError:
    return UsageError(f"{called} cannot be loaded ({type(error).__name__}: {error}): mend it first.")
