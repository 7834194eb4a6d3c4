"""`interlock doctor`: what this machine and this environment lack of what Interlock needs, and what to do about each.

Looks only; changes nothing, and loads no model.
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import typer
from packaging.requirements import Requirement
from rich.table import Table

from models import interfaces
from models.engines.model_folder import find_model_folder
from models.errors import ModelError
from scripts import options
from scripts.console import console, finish

PYTHONS = ((3, 11), (3, 13))
OPEN_FILES = 4096
"""A service with a thousand connections needs about two descriptors for each."""
FREE_GIB = 5
LISTS = Path(__file__).parents[1] / "requirements"
INTERFACES = (
    *interfaces.EMBEDDED, interfaces.OUTLINES_CLIENT, interfaces.PYDANTIC, interfaces.UVICORN,
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `todo`: a sentence, "" where there is nothing to do."""

    what: str
    found: str
    state: Literal["good", "note", "bad"]
    todo: str = ""


def doctor(
    model: options.Model = "models/tiny",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port that `interlock serve` would take.")] = 8000,
    folder: Annotated[Path, typer.Option("-o", "--out", help="Where results will be written.")] = Path(),
) -> None:
    """Look at Python, packages, GPU, vLLM, disk, open files and the port; exit code 1 if something is bad."""
    findings = [*_python(), *_packages(), *_interfaces(), *_torch(), *_vllm(), *_model(model), *_machine(folder, port)]
    table = Table("State", "Of", "Found", "What to do", show_lines=False)
    marks = {"good": "[green]good[/]", "note": "[yellow]note[/]", "bad": "[red]bad[/]"}
    for one in findings:
        table.add_row(marks[one.state], one.what, one.found, one.todo)
    console.print(table)
    counts = {state: sum(one.state == state for one in findings) for state in marks}
    finish(**counts, findings=[asdict(one) for one in findings])
    if counts["bad"]:
        raise typer.Exit(1)


def _python() -> Iterator[Finding]:
    first, last = PYTHONS
    version = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    fits = first <= sys.version_info[:2] <= last and platform.system() == "Linux"
    wanted = f"Interlock needs Linux and Python {first[0]}.{first[1]} to {last[0]}.{last[1]}."
    yield Finding("Python", version, "good" if fits else "bad", "" if fits else wanted)


def _packages() -> Iterator[Finding]:
    """What pyproject.toml asks for, and, beside a checkout's lists, the exact versions that were tested."""
    missing, other = [], []
    for text in metadata.requires("interlock") or ():
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = _version(requirement.name)
        if found is None:
            missing.append(requirement.name)
        elif not requirement.specifier.contains(found, prereleases=True):
            other.append(f"{requirement.name} {found} (needed: {requirement.specifier})")
    told = "; ".join([*(f"{name} is missing" for name in missing), *other])
    todo = (
        "Install Interlock again: `make install-run` in a checkout, else with pip and its constraints." if told else ""
    )
    yield Finding("packages", told or "all that is needed", "bad" if told else "good", todo)
    kind = "cuda" if shutil.which("nvidia-smi") else "cpu"
    lines = listed(LISTS / f"{kind}.txt")
    differing = [
        f"{name} {found} (tested: {version})"
        for name, version in lines.items()
        if (found := _version(name)) is not None and found.partition("+")[0] != version.partition("+")[0]
    ]
    if lines:
        told = ", ".join(differing) or f"the versions of requirements/{kind}.txt"
        todo = "Fine if all works; `make install-run` makes .venv with the tested ones." if differing else ""
        yield Finding("versions", told, "note" if differing else "good", todo)


def _interfaces() -> Iterator[Finding]:
    """What is used of other packages beyond what they promise to keep."""
    for one in INTERFACES:
        name, found = one.package, one.version() or "not installed"
        if fault := one.fault():
            yield Finding(name, fault, "bad", one.mend)
        elif note := one.note():
            yield Finding(name, note, "note", "Nothing, as long as it works.")
        else:
            yield Finding(name, f"{found}, fit to {one.purpose}", "good")


def _torch() -> Iterator[Finding]:
    import torch

    cuda = torch.version.cuda
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(number)
            used = total - free > total // 10
            yield Finding(
                f"GPU {number}",
                f"{torch.cuda.get_device_name(number)}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free,"
                f" CUDA {cuda}",
                "note" if used else "good",
                "Another process uses its memory: `nvidia-smi` tells which." if used else "",
            )
    elif shutil.which("nvidia-smi"):
        todo = (
            "Install a CUDA build of torch (`make install-run`), or a newer driver: `nvidia-smi` tells what it takes."
        )
        yield Finding("GPU", f"a driver, but torch {torch.__version__} does not see a GPU", "bad", todo)
    else:
        yield Finding("GPU", f"none; torch {torch.__version__} computes on {os.cpu_count()} cores", "good")


def _vllm() -> Iterator[Finding]:
    version = interfaces.VLLM.version()
    if version is None:
        todo = (
            "Only needed for `--model vllm:…`: `pip install interlock[vllm]`, or name a server with `--model http://…`."
        )
        yield Finding("vLLM", "not installed", "note", todo)
    elif fault := interfaces.VLLM.fault():
        yield Finding("vLLM", fault, "note", "Jump-forward stays off; everything else works.")
    elif interfaces.VLLM.is_tested(version):
        yield Finding("vLLM", f"{version}, jump-forward was tested with it", "good")
    else:
        yield Finding(
            "vLLM", interfaces.VLLM.note(), "note", "Jump-forward is off unless `--jump-forward` asks for it."
        )


def _model(model: str) -> Iterator[Finding]:
    name = model.removeprefix("vllm:")
    if name.startswith("http") or (name.count("/") == 1 and not Path(name).exists() and name.split("/")[0] != "models"):
        todo = "A server, or a name of the hub: the command that uses it finds out, and proves it with its canary."
        yield Finding("model", f"{model}: not looked at", "note", todo)
        return
    try:
        yield Finding("model", f"{model}: {find_model_folder(name, lambda _: None)}", "good")
    except ModelError as error:
        yield Finding("model", f"{model} is not here", "bad", str(error))


def _machine(folder: Path, port: int) -> Iterator[Finding]:
    place = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    free = shutil.disk_usage(place).free / 2**30
    writable = os.access(place, os.W_OK)
    state: Literal["good", "note", "bad"] = "bad" if not writable else "good" if free >= FREE_GIB else "note"
    todo = (
        "Name another folder with -o." if not writable else "" if free >= FREE_GIB else "Free some before a long run."
    )
    yield Finding("disk", f"{place}: {free:.1f} GiB free{'' if writable else ', not writable'}", state, todo)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fits = soft >= OPEN_FILES or soft == resource.RLIM_INFINITY
    todo = "" if fits else f"For many clients: `ulimit -n {OPEN_FILES}`, or LimitNOFILE= in the unit."
    yield Finding("open files", f"{soft} at once, {hard} at most", "good" if fits else "note", todo)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            yield Finding("port", f"{port}: {error.strerror}", "note", "Name another one: `interlock serve --port N`.")
        else:
            yield Finding("port", f"{port} is free", "good")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def listed(file: Path) -> dict[str, str]:
    """The versions of a list for this Python and system, by package; none without a checkout."""
    if not file.is_file():
        return {}
    # A list is for several Pythons: of a package there may be a line for each.
    wanted = [
        Requirement(line) for text in file.read_text("utf-8").splitlines() if (line := text.split("#")[0].strip())
    ]
    fitting = (one for one in wanted if one.marker is None or one.marker.evaluate())
    return {one.name: next(iter(one.specifier)).version for one in fitting if one.specifier}
