"""Finds the files of a library: folders, globs, ignore rules, links. Opens nothing but folders and ignore files.

Links are followed only to what lies in the same source and is not found there anyway, so that none is followed twice.
"""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from index.errors import SourceError
from index.reading.formats import CONVERTED, SUFFIXES
from index.reading.opening import opened, whole
from index.reading.reading import Unread, Unreadable

IGNORE_FILES = (".gitignore", ".interlockignore")
"""Read in every folder, in git's syntax. The nearest that says something about a file decides."""
_ENDINGS = tuple(SUFFIXES)
_MOST_IGNORE_BYTES = 1_048_576
_BEIR = "corpus.jsonl"
_BEIR_BESIDE = frozenset({"queries.jsonl", "qrels"})
"""What lies beside BEIR's corpus: questions are no documents."""
_DATASET_BESIDE = frozenset({"dataset_info.json", "dataset_dict.json", "state.json"})
"""What Hugging Face's datasets write beside their tables: about the rows, not of them."""
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Found:
    """A file that looks like one to read. `name`: from the source on, "/" between folders, fit to be shown."""

    name: str
    path: Path


@dataclass(frozen=True)
class _Rules:
    """Ignore rules of one folder: `base` is its path below the source, ending in "/" unless empty."""

    base: str
    spec: GitIgnoreSpec


@dataclass(frozen=True)
class _Folder:
    path: Path
    below: str
    rules: tuple[_Rules, ...] = field(default=())


def find_files(source: Path, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Iterator[Found | Unread]:
    """The files of a folder, in a stable order, or the file that `source` is. Raises SourceError without either.

    `include`, `exclude`: globs in git's syntax, relative to the folder ("*.md", "policies/**"). A file has to match one
    of the first, if there are any, and none of the second. Hidden files and folders are skipped.
    """
    try:
        mode = source.stat().st_mode
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        what = "does not exist" if missing else f"cannot be read ({getattr(error, 'strerror', None) or error})"
        raise SourceError(f"{shown(str(source))} {what}", "name folders or files that are there") from None
    if stat.S_ISDIR(mode):
        yield from _Walk(source.resolve(), include, exclude)
    elif source.suffix.lower() in SUFFIXES:
        yield Found(shown(source.name), source)
    else:
        other = CONVERTED.get(source.suffix.lower())
        what = f": save it as {other}" if other else f" ({', '.join(sorted(SUFFIXES))})"
        yield Unread(shown(str(source)), f"is in no known format{what}")


def shown(name: str) -> str:
    """A file's name without what no database takes and no terminal shows: bytes that are no UTF-8, line breaks."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _UNSHOWN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class _Walk:
    def __init__(self, root: Path, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._root = root
        self._include = GitIgnoreSpec.from_lines(include) if include else None
        self._exclude = GitIgnoreSpec.from_lines(exclude)
        self._seen: set[tuple[int, int]] = set()
        self._links: deque[tuple[Path, str, tuple[_Rules, ...]]] = deque()
        self._others: dict[str, list[str]] = {}

    def __iter__(self) -> Iterator[Found | Unread]:
        yield from self._under(_Folder(self._root, ""))
        while self._links:
            yield from self._linked(*self._links.popleft())
        # One line for all files of a suffix: a folder may hold thousands.
        for suffix, names in sorted(self._others.items()):
            more = f" (and {len(names) - 1} more)" if names[1:] else ""
            yield Unread(self._name(names[0]), f"is {suffix}, which is not read{more}: save as {CONVERTED[suffix]}")

    def _under(self, top: _Folder) -> Iterator[Found | Unread]:
        stack: list[Iterator[_Folder | Found | Unread]] = [self._entries(top)]
        while stack:
            for found in stack[-1]:
                if isinstance(found, _Folder):
                    stack.append(self._entries(found))
                    break
                yield found
            else:
                stack.pop()

    def _entries(self, folder: _Folder) -> Iterator[_Folder | Found | Unread]:
        """What is in one folder, sorted. Links are put off until everything that is no link was found."""
        try:
            status = folder.path.stat()
            if self._twice(status.st_dev, status.st_ino):
                return
            with os.scandir(folder.path) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Unread(self._name(folder.below.rstrip("/")), f"cannot be read ({error.strerror})")
            return
        rules = (*folder.rules, *self._rules(folder, {entry.name for entry in inside}))
        beside = _BEIR_BESIDE if any(entry.name == _BEIR for entry in inside) else frozenset()
        for entry in inside:
            below = f"{folder.below}{entry.name}"
            if entry.name.startswith(".") or entry.name in beside:
                continue
            try:
                if entry.is_symlink():
                    self._links.append((Path(entry.path), below, rules))
                elif entry.is_dir():
                    if not self._ignored(f"{below}/", rules):
                        yield _Folder(Path(entry.path), f"{below}/", rules)
                elif self._wanted(below, rules):
                    if entry.is_file():
                        self._twice(status.st_dev, entry.inode())
                        yield Found(self._name(below), Path(entry.path))
                    else:
                        yield Unread(self._name(below), "is no regular file")
                else:
                    suffix = Path(entry.name).suffix.lower()
                    other = suffix in CONVERTED and entry.name not in _DATASET_BESIDE
                    if other and self._wanted(below, rules, (suffix,)):
                        self._others.setdefault(suffix, []).append(below)
            except OSError as error:
                yield Unread(self._name(below), f"cannot be read ({error.strerror})")

    def _linked(self, path: Path, below: str, rules: tuple[_Rules, ...]) -> Iterator[Found | Unread]:
        try:
            target = path.resolve(strict=True)
            status = target.stat()
        except (OSError, RuntimeError):
            if self._wanted(below, rules) or not path.suffix:
                yield Unread(self._name(below), "is a link that leads nowhere")
            return
        folder = stat.S_ISDIR(status.st_mode)
        if self._ignored(f"{below}/", rules) if folder else not self._wanted(below, rules):
            return
        if not target.is_relative_to(self._root):
            yield Unread(self._name(below), "is a link that leads out of the folder")
        elif folder:
            yield from self._under(_Folder(target, f"{below}/", rules))
        elif not stat.S_ISREG(status.st_mode):
            yield Unread(self._name(below), "is no regular file")
        elif not self._twice(status.st_dev, status.st_ino):
            yield Found(self._name(below), target)

    def _twice(self, device: int, inode: int) -> bool:
        """Whether this file or folder was met before. (Two names of one file, without a link, are two files.)"""
        met = (device, inode) in self._seen
        self._seen.add((device, inode))
        return met

    def _wanted(self, below: str, rules: tuple[_Rules, ...], endings: tuple[str, ...] = _ENDINGS) -> bool:
        if not below.lower().endswith(endings) or self._ignored(below, rules):
            return False
        return self._include is None or self._include.match_file(below)

    def _ignored(self, below: str, rules: tuple[_Rules, ...]) -> bool:
        if self._exclude.match_file(below):
            return True
        for rule in reversed(rules):
            said = rule.spec.check_file(below.removeprefix(rule.base)).include
            if said is not None:
                return said
        return False

    def _rules(self, folder: _Folder, names: set[str]) -> Iterator[_Rules]:
        for name in IGNORE_FILES:
            if name in names:
                try:
                    with opened(folder.path / name) as stream:
                        lines = whole(stream, _MOST_IGNORE_BYTES).decode("utf-8", "replace").splitlines()
                    yield _Rules(folder.below, GitIgnoreSpec.from_lines(lines))
                except (Unreadable, ValueError):
                    continue  # rules that cannot be read rule nothing

    def _name(self, below: str) -> str:
        return shown("/".join(part for part in (self._root.name, below) if part) or ".")
