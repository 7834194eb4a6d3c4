"""`python requirements/install.py run|test`: makes .venv hold the exact versions of a list beside this file.

Called by the Makefile before everything else; says nothing and is done at once where .venv is what it should be.
Whatever goes wrong ends in one sentence. Knows Python's standard library only, and any Python 3 can read it, so that
one that is too old is told so. Does not know how the lists are made (`lock.sh`).
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterable  # noqa: UP035 - from collections.abc they have no [] before Python 3.9

PYTHONS = ((3, 11), (3, 13))
"""The first and the last version that the lists were resolved for."""

PIP = (21, 3)
"""The first pip that installs a checkout without a setup.py (PEP 660)."""

LISTS = Path("requirements")
PURPOSES = ("run", "test")

NO_NETWORK = (
    "NewConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "Temporary failure in name resolution",
    "Name or service not known", "Network is unreachable", "No route to host", "Connection refused", "ProxyError",
)  # fmt: skip
NO_SPACE = ("No space left on device", "Disk quota exceeded")


class Refused(Exception):
    """Installing cannot go on; the text is a sentence for the user."""


def main(arguments: "list[str]") -> int:
    """Install for `run` or `test`; the exit code is 0, 1 (it failed), 2 (wrong usage) or 130 (stopped by Ctrl-C)."""
    if len(arguments) != 1 or arguments[0] not in PURPOSES:
        print("usage: python requirements/install.py run|test", file=sys.stderr)
        return 2
    os.chdir(str(Path(__file__).resolve().parents[1]))
    return told(lambda: install(arguments[0]))


def told(work: "Callable[[], None]") -> int:
    """Do something; the exit code, after a sentence on stderr where it failed."""
    try:
        check_python()
        # Two at once would write into one folder; the second waits, and finds everything done.
        with Path("pyproject.toml").open("rb") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            work()
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(sentence(str(error), None), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; the same command starts the installation anew.", file=sys.stderr)
        return 130
    return 0


def check_python() -> None:
    """Refuse a Python that the lists were not resolved for, or that cannot make a virtual environment."""
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        first, last = map(dotted, PYTHONS)
        raise Refused(
            f"Interlock needs Python {first} to {last}, and {sys.executable} is {dotted(sys.version_info[:2])}:"
            f" name another one, as in `make run PYTHON=python{first}`."
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        # Debian and Ubuntu ship both in a package of their own.
        raise Refused(
            f"{sys.executable} cannot make a virtual environment: install its venv module"
            " (Debian, Ubuntu: `apt-get install python3-venv`), then give the same command again."
        ) from None


def install(purpose: str) -> None:
    """Make .venv what `purpose` wants, unless it is."""
    venv = Path(".venv")
    wanted = {one: fingerprint(lists()[one]) for one in PURPOSES}
    # A Python that was removed leaves a link to nowhere.
    alive = (venv / "bin" / "python").exists()
    if not (alive and read(stamp(venv, purpose)) == wanted[purpose]):
        # What tests need is added to what runs; anything else could leave a package behind that no list has.
        if not (alive and read(stamp(venv, "run")) == wanted["run"]) or stamp(venv, "test").exists():
            make(venv)
        # Without its stamps .venv counts as half-made, until everything is in place.
        for one in (*PURPOSES, "project"):
            if stamp(venv, one).exists():
                stamp(venv, one).unlink()
        install_versions(venv, lists()[purpose])
        for one in PURPOSES[: PURPOSES.index(purpose) + 1]:
            stamp(venv, one).write_text(wanted[one], encoding="utf-8")
    metadata = fingerprint(Path("pyproject.toml"))
    if read(stamp(venv, "project")) != metadata:
        pip(venv, "install", "--no-deps", "--no-build-isolation", "--editable", ".")
        stamp(venv, "project").write_text(metadata, encoding="utf-8")


def install_versions(venv: Path, versions: Path) -> None:
    """Install what a list says, and nothing else."""
    print(f"Installing the versions of {versions} …", flush=True)
    if not has_gpu():
        # torch comes first, and with what it asks for: next to nothing where pip is offered a CPU build, NVIDIA's
        # libraries where it has to be the package index's CUDA build. cuda.txt has the versions of both.
        pip(venv, "install", torch(), "--constraint", str(LISTS / "cuda.txt"))
    pip(venv, "install", "--no-deps", "--requirement", str(versions))


def stamp(venv: Path, part: str) -> Path:
    """The file that says from what a part of a virtual environment was made."""
    return venv / (part + ".stamp")


def lists() -> "dict[str, Path]":
    """The lists for this machine: one with an NVIDIA GPU takes the package index's CUDA builds of torch and vLLM."""
    machine = "cuda" if has_gpu() else "cpu"
    return {"run": LISTS / (machine + ".txt"), "test": LISTS / (machine + "-test.txt")}


def has_gpu() -> bool:
    """Whether NVIDIA's driver is installed."""
    return shutil.which("nvidia-smi") is not None


def torch() -> str:
    """The requirement of torch, as a machine without a GPU has it."""
    return next(line.split()[0] for line in read(LISTS / "cpu.txt").splitlines() if line.startswith("torch=="))


def fingerprint(file: Path) -> str:
    """What an installation from a file depends on: its content, the Python, and where the checkout lies."""
    place = os.fsencode(os.getcwd())  # noqa: PTH109 - bytes, whatever they are
    return hashlib.sha256(b"\0".join([file.read_bytes(), dotted(sys.version_info[:2]).encode(), place])).hexdigest()


def make(venv: Path) -> None:
    """A new virtual environment, instead of one that is half-made, or made from other lists or in another place."""
    if venv.is_symlink() or venv.is_file():
        venv.unlink()
    elif venv.is_dir():
        print(f"{venv} is incomplete or out of date, and is made anew.", flush=True)
        shutil.rmtree(str(venv))
    print(f"Making {venv} with Python {dotted(sys.version_info[:2])} …", flush=True)
    call(venv, sys.executable, "-m", "venv", str(venv))
    version = call(venv, str(venv / "bin" / "python"), "-m", "pip", "--version").split()[1]
    # Some Pythons bring a pip of years ago.
    if tuple(int(number) for number in re.findall(r"\d+", version)[:2]) < PIP:
        print(f"pip {version} is too old, and is brought up to date in {venv} …", flush=True)
        pip(venv, "install", "--upgrade", "pip>=" + dotted(PIP))


def pip(venv: Path, *arguments: str) -> str:
    """What the pip of a virtual environment says."""
    return call(
        venv, str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments
    )


def call(venv: Path, *command: str) -> str:
    """The output of a command that worked; raises Refused with the reason of one that did not."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True
    )
    output = process.communicate()[0]
    if process.returncode:
        raise Refused(sentence(output, venv))
    return output


def sentence(output: str, venv: "Path | None") -> str:
    """What a failed command meant, and what to do. What it said is kept in `venv`, for causes not known here."""
    if any(sign in output for sign in NO_SPACE):
        return "There is no space left on the disk: free some, then give the same command again."
    if any(sign in output for sign in NO_NETWORK):
        return "The package index could not be reached: connect to the network, then give the same command again."
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it said nothing"]
    last = ([line for line in lines if line.lower().startswith("error")] or lines)[-1]
    if venv is None or not venv.is_dir():
        return f"The installation failed: {last}"
    log = venv / "install.log"
    log.write_text(output, encoding="utf-8")
    return f"The installation failed; {log} has all that was said, and at its end: {last}"


def dotted(version: "Iterable[int]") -> str:
    """(3, 11) as 3.11."""
    return ".".join(map(str, version))


def read(path: Path) -> str:
    """The text of a file, or nothing."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
