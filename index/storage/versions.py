"""A folder of numbered versions and a pointer to the current one: a new version is built beside the old and swapped in
by one rename, so that a reader sees all of it or nothing, whatever crashes. Knows nothing of what a version holds.

    INDEX/CURRENT              {"format", "version", "manifest": SHA-256 of manifest.json}
    INDEX/versions/<n>/        files that never change again
    INDEX/versions/.encoded-…  what a build that was killed had encoded (see encoded.py)
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from index.errors import DamagedIndex, IndexBusy, IndexFolderError, NewerIndex, NotAnIndex, OlderIndex
from index.storage.manifest import FILENAME, FORMAT

_POINTER = "CURRENT"
_LOCK = ".lock"
_UNFINISHED = ".building"


@dataclass(frozen=True)
class Pointer:
    """The current version's number and the SHA-256 of its manifest."""

    version: int
    manifest: str


class VersionedFolder:
    """The versions of one index. Nothing is created before `writing()`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._versions = path / "versions"

    def folder(self, version: int) -> Path:
        return self._versions / str(version)

    def current(self) -> Pointer:
        """Raises NotAnIndex, DamagedIndex, NewerIndex, OlderIndex."""
        try:
            content = (self.path / _POINTER).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise NotAnIndex(f"There is no index at {self.path}") from None
        except OSError as error:
            raise DamagedIndex(f"{self.path / _POINTER} cannot be read ({error.strerror})") from None
        try:
            fields = json.loads(content)
            written_as, pointer = int(fields["format"]), Pointer(int(fields["version"]), str(fields["manifest"]))
        except (ValueError, KeyError, TypeError):
            raise DamagedIndex(f"The index is damaged: {self.path / _POINTER} is not what was written") from None
        if written_as > FORMAT:
            raise NewerIndex(f"The index at {self.path} has format {written_as}, and this release reads {FORMAT}")
        if written_as < FORMAT:
            raise OlderIndex(f"The index at {self.path} has format {written_as}, and this release reads {FORMAT}")
        return pointer

    def all(self) -> list[int]:
        """The versions that are there, ascending."""
        return sorted(self._numbers()) if self._versions.is_dir() else []

    def pointer_to(self, version: int) -> Pointer:
        """What would make this version current. Raises NotAnIndex for one that is not there."""
        try:
            content = (self.folder(version) / FILENAME).read_bytes()
        except OSError:
            there = ", ".join(map(str, self.all())) or "none"
            raise NotAnIndex(f"There is no version {version} of the index at {self.path}", f"it has {there}") from None
        return Pointer(version, hashlib.sha256(content).hexdigest())

    def use(self, pointer: Pointer) -> None:
        """Make this version the current one, by one rename. Raises IndexBusy while another process builds."""
        try:
            with (self.path / _LOCK).open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._point(pointer)
        except BlockingIOError:
            raise IndexBusy(f"Another process is building the index at {self.path}") from None
        except OSError as error:
            raise IndexFolderError(f"The index at {self.path} cannot be written ({error.strerror})") from None

    def again(self, pointer: Pointer, rewrite: Callable[[bytes, int], bytes]) -> int:
        """Make a new version of the same files, with another manifest, the current one; its number.

        `rewrite(manifest, version)`: the manifest's bytes. The files are hard links, so that nothing is copied.
        Raises as `writing`.
        """
        old = self.folder(pointer.version)
        with self.writing() as (version, unfinished):
            for file in old.iterdir():
                if file.name != FILENAME:
                    (unfinished / file.name).hardlink_to(file)
            manifest = rewrite((old / FILENAME).read_bytes(), version)
            (unfinished / FILENAME).write_bytes(manifest)
            self.publish(version, unfinished, hashlib.sha256(manifest).hexdigest())
        return version

    @contextmanager
    def writing(self) -> Iterator[tuple[int, Path]]:
        """The next version's number and an empty folder to write it in; hold it until `publish`.

        What an earlier crash left unfinished is removed. Raises IndexBusy, IndexFolderError.
        """
        try:
            self._check_ours()
            self._versions.mkdir(parents=True, exist_ok=True)
            with (self.path / _LOCK).open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for leftover in self._versions.glob(f"{_UNFINISHED}*"):
                    shutil.rmtree(leftover)
                version = max(self._numbers(), default=0) + 1
                unfinished = self._versions / f"{_UNFINISHED}-{version}"
                unfinished.mkdir()
                try:
                    yield version, unfinished
                finally:
                    shutil.rmtree(unfinished, ignore_errors=True)
        except BlockingIOError:
            raise IndexBusy(f"Another process is building the index at {self.path}") from None
        except OSError as error:
            raise IndexFolderError(
                f"The index at {self.path} cannot be written ({error.strerror})",
                "name a folder that can be written, on a disk with space",
            ) from None

    def publish(self, version: int, unfinished: Path, manifest: str) -> None:
        """Make what was written the current version. The one before stays, to be opened or taken up again."""
        for file in unfinished.iterdir():
            _sync(file)
        _sync(unfinished)
        unfinished.rename(self.folder(version))
        _sync(self._versions)
        before = self._before()
        self._point(Pointer(version, manifest))
        numbers = sorted(self._numbers())
        for old in numbers:
            if old not in (*numbers[-2:], before):
                shutil.rmtree(self.folder(old), ignore_errors=True)

    def _before(self) -> int | None:
        """The version that is current, where it can be told."""
        try:
            return self.current().version
        except (NotAnIndex, DamagedIndex, NewerIndex, OlderIndex):
            return None

    def _point(self, pointer: Pointer) -> None:
        new = self.path / f"{_POINTER}.new"
        new.write_text(json.dumps({"format": FORMAT, "version": pointer.version, "manifest": pointer.manifest}) + "\n")
        _sync(new)
        new.replace(self.path / _POINTER)
        _sync(self.path)

    def _numbers(self) -> list[int]:
        return [int(folder.name) for folder in self._versions.iterdir() if folder.name.isdigit()]

    def _check_ours(self) -> None:
        """Never write among files of another kind. (A first build that crashed leaves the lock and versions only.)"""
        if self.path.exists() and not self.path.is_dir():
            raise IndexFolderError(f"{self.path} is a file", "name a folder for the index")
        if self.path.is_dir() and {file.name for file in self.path.iterdir()} - {
            _POINTER,
            f"{_POINTER}.new",
            _LOCK,
            "versions",
        }:
            raise IndexFolderError(f"{self.path} holds files that are no index", "name a new or empty folder")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
