"""Modules that a user names: dotted, or a file that may import the files beside it. Knows no app and no contract."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from models.errors import ModelError
from pipeline.errors import InterlockError, UsageError


def load_module(target: str, own: str, noun: str = "", content: str = "") -> ModuleType:
    """The module of a dotted name, or of a file that ends in .py, which is then known as `own`.

    A file's imports look beside the file first, as they do where Python runs it, and find a `models.py` there although
    a package of that name is imported already. `noun` and `content` say in an error what it was taken for, and what a
    file should hold. UsageError for what cannot be imported; errors of Interlock and of contracts as they are.
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
    except (Exception, SystemExit) as error:
        raise _broken(called, error) from error


def _file(path: Path, own: str, content: str) -> ModuleType:
    if not path.is_file():
        wanted = f"a Python file {content}".strip()
        raise UsageError(f"There is no file {path}: give {wanted}, or a module's dotted name.")
    for name in [name for name in sys.modules if name.startswith(f"{own}.")]:
        del sys.modules[name]  # neighbours of another file that was known as `own`
    file = path.resolve()
    _FINDER.beside[own] = beside = _Beside(own, file)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    spec = importlib.util.spec_from_file_location(
        own, path, loader=_Loader(own, str(path), beside), submodule_search_locations=[str(file.parent)]
    )
    assert spec is not None  # as a loader was given
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[own] = module  # annotations are looked up there by name
    spec.loader.exec_module(module)
    return module


class _Beside(ast.NodeTransformer):
    """Lets imports of what lies beside `file` name the package `own`, in the syntax tree of a module.

    An entry of sys.path would not do: the `models` beside an app is not Interlock's, which is imported already.
    """

    def __init__(self, own: str, file: Path) -> None:
        self.own, self.file = own, file

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if node.level == 0 and node.module:
            node.module = self._named(node.module) or node.module
        return node

    def visit_Import(self, node: ast.Import) -> list[ast.AST]:
        return [ast.copy_location(each, node) for alias in node.names for each in self._import(alias)]

    def _import(self, alias: ast.alias) -> list[ast.stmt]:
        named = self._named(alias.name)
        first = alias.name.partition(".")[0]
        if named is None:
            return [ast.Import([alias])]
        if alias.asname or first == alias.name:
            return [ast.Import([ast.alias(named, alias.asname or first)])]
        # `import a.b` binds a, and loads b.
        return [ast.Import([ast.alias(named, "_loaded")]), *self._import(ast.alias(first))]

    def _named(self, name: str) -> str | None:
        """What a module beside the file is called in here, and None for one that is not."""
        first, dot, rest = name.partition(".")
        if first == self.file.stem:
            return f"{self.own}{dot}{rest}"
        place = self.file.parent / first
        places = [place.with_suffix(".py"), place / "__init__.py"]
        known = getattr(sys.modules.get(first), "__file__", None)
        # A file at the top of a checkout of Interlock has Interlock beside it.
        if not any(each.is_file() for each in places) or (known and Path(known).resolve() in places):
            return None
        return f"{self.own}.{name}"


class _Loader(SourceFileLoader):
    """Never reads a __pycache__ that an ordinary import has left, and writes none."""

    def __init__(self, name: str, path: str, beside: _Beside) -> None:
        super().__init__(name, path)
        self.beside = beside

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        tree = self.beside.visit(ast.parse(self.get_data(path), path))
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


class _Finder:
    """Finds what lies beside the files that were loaded, as parts of a file's own package."""

    def __init__(self) -> None:
        self.beside: dict[str, _Beside] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        own = name.partition(".")[0]
        if own not in self.beside or own == name:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(name, spec.loader.path, self.beside[own])
        return spec


_FINDER = _Finder()


def _broken(called: str, error: BaseException) -> UsageError:
    return UsageError(f"{called} cannot be loaded ({type(error).__name__}: {error}): mend it first.")
