"""SchemaFolder: the files of a folder, by their places and by their ids. Knows JSON, YAML and addresses; no schema.

What lies outside of the folder is not read, and nothing is fetched.
"""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import yaml

from models.schema.places import joined

YAML = (".yaml", ".yml")
SUFFIXES = (".json", *YAML)


class FileFault(ValueError):
    """A file that cannot be had. `str(error)`: why, to be said behind what was asked for; `hint`: what to do."""

    def __init__(self, told: str, hint: str) -> None:
        super().__init__(told)
        self.hint = hint


class _Yaml(yaml.SafeLoader):
    """YAML as JSON has it: a day is a text."""


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith(":timestamp")]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_file(file: Path) -> Any:
    """What is in a file, YAML by its suffix, else JSON, in the types of JSON. FileFault."""
    kind = "YAML" if file.suffix.lower() in YAML else "JSON"
    try:
        text = file.read_text("utf-8-sig")
        found = yaml.load(text, _Yaml) if kind == "YAML" else json.loads(text, parse_constant=_no_constant)
        return json.loads(json.dumps(found, allow_nan=False)) if kind == "YAML" else found
    except (ValueError, TypeError, OSError, RecursionError, yaml.YAMLError) as error:
        raise FileFault(f"cannot be read as {kind}: {' '.join(str(error).split())}", "Mend that file.") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


class SchemaFolder:
    """`path`: the folder. `deep`: an id is looked for in all files below it, else in those that lie in it."""

    def __init__(self, path: str | Path, deep: bool = True) -> None:
        self.path, self.deep = Path(path).resolve(), deep
        self._read: dict[Path, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, (self.path, self.deep)  # a process that is handed schemas of it one by one reads it once

    def file(self, name: str | Path) -> SchemaFile:
        """The file at a path that is counted from here."""
        return SchemaFile(self.path / name, self)

    def files(self) -> Iterator[Path]:
        """Every file of SUFFIXES, also behind links; a folder that a link leads to is read once, so that no circle has
        an end."""
        seen: set[Path] = set()
        for place, folders, files in os.walk(self.path, followlinks=True):
            folders[:] = [name for name in folders if self.deep and (Path(place) / name).resolve() not in seen]
            seen |= {(Path(place) / name).resolve() for name in folders}
            yield from (Path(place) / name for name in files if Path(name).suffix.lower() in SUFFIXES)

    def content(self, file: Path) -> Any:
        """What is in one of its files, which is read once. FileFault."""
        if file not in self._read:
            self._read[file] = read_file(file)
        return self._read[file]

    @cached_property
    def ids(self) -> dict[str, list[Path]]:
        """The files by the ids that they give themselves, as addresses."""
        found: dict[str, list[Path]] = {}
        for file in sorted(self.files()):
            try:
                content = self.content(file)
            except FileFault:
                continue
            named = content.get("$id", content.get("id")) if isinstance(content, dict) else None
            if isinstance(named, str) and named.partition("#")[0]:
                found.setdefault(joined(file.as_uri(), named.partition("#")[0]), []).append(file)
        return found


@cache
def _opened(path: Path, deep: bool) -> SchemaFolder:
    return SchemaFolder(path, deep)


@dataclass(frozen=True)
class SchemaFile:
    """One file, at `path` inside of `folder`, which the references in it may lead through."""

    path: Path
    folder: SchemaFolder

    @staticmethod
    def beside(path: str | Path) -> SchemaFile:
        """A file by itself: its folder is the one that it lies in."""
        return SchemaFolder(Path(path).parent, deep=False).file(Path(path).name)

    @property
    def address(self) -> str:
        return self.path.as_uri()

    @property
    def name(self) -> str:
        return self.path.relative_to(self.folder.path).as_posix()

    @property
    def schema(self) -> Any:
        """What is in it. FileFault."""
        try:
            return self.folder.content(self.path)
        except FileFault as fault:
            raise FileFault(f"and {self.name} {fault}", fault.hint) from None

    def at(self, address: str) -> SchemaFile:
        """The file of the same folder at an address that is one's."""
        return SchemaFile(_path_of(address), self.folder)

    def leads_to(self, address: str, base: str) -> SchemaFile:
        """The file that `address` means in this one, which has the id `base`: the one at that place, else the one of
        that id, else the one that lies from here as that address does from `base`. FileFault."""
        parts, own = urlsplit(address), urlsplit(base)
        places = [_path_of(address)] if parts.scheme == "file" else []
        found = self._inside(places)
        if found is None:
            named = self.folder.ids.get(address, [])
            if any(self.folder.content(file) != self.folder.content(named[0]) for file in named):
                names = " and ".join(file.relative_to(self.folder.path).as_posix() for file in named[:3])
                raise FileFault(f"which is the $id of {names}", "Keep one of them in the folder.")
            found = named[0] if named else None
        if found is None and (parts.scheme, parts.netloc) == (own.scheme, own.netloc) and parts.path[:1] == "/":
            step = posixpath.relpath(unquote(parts.path), posixpath.dirname(unquote(own.path)) or "/")
            places.append(Path(os.path.normpath(self.path.parent / step)))
            found = self._inside(places)
        if found is None:
            told = f"which is no file of {self.folder.path}, and the $id of none"
            if places and not any(place.is_relative_to(self.folder.path) for place in places):
                told = f"which lies outside of {self.folder.path}"
            raise FileFault(told, "Put that file there (nothing is fetched), or copy what it refers to into $defs.")
        return SchemaFile(found, self.folder)

    def _inside(self, places: list[Path]) -> Path | None:
        return next((place for place in places if place.is_relative_to(self.folder.path) and place.is_file()), None)


def _path_of(address: str) -> Path:
    return Path(os.path.normpath(unquote(urlsplit(address).path)))
