"""A wheel works alone: built and installed without network, in an empty folder whose name has blanks and an umlaut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Nothing of this checkout may be found by accident.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `python -m build` makes it: from the source distribution, so that this is whole too."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    built = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=200, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def interlock(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment that has the wheel; what it needs is seen where it is installed for these tests."""
    folder = tmp_path_factory.mktemp("bare environment")
    venv.create(folder)
    paths = {"base": str(folder), "platbase": str(folder)}
    Path(sysconfig.get_path("purelib", vars=paths), "tested.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = [sys.executable, "-m", "pip", "--python", folder, "install", "--no-index", "--no-deps", wheel]
    installed = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=100, check=False)
    assert installed.returncode == 0, installed.stderr
    return folder / "bin" / "interlock"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "leere Mappe für Interlock"
    folder.mkdir()
    return folder


def ask(command: list[str | Path], folder: Path, lines: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, input=lines, capture_output=True, text=True, timeout=250, check=False
    )


def test_it_holds_the_app_and_the_model_and_neither_tests_nor_training_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    sample = ROOT / "pipeline" / "workflows" / "travel"
    data = [*(ROOT / "models" / "tiny").iterdir(), *sample.glob("*.jsonl"), *sample.glob("*.sql")]
    data += [*sample.glob("knowledge/*"), *(ROOT / "pipeline" / "web").iterdir(), ROOT / "models" / "profiles.toml"]
    assert {str(file.relative_to(ROOT)) for file in data if file.is_file()} <= names
    assert not [name for name in names if name.startswith(("tests/", "requirements/", "docs/"))]
    assert not [name for name in names if name.startswith("models/training/") and not name.endswith(".py")]


def test_the_sample_batch_is_served_from_an_empty_folder(interlock: Path, empty: Path) -> None:
    done = ask([interlock, "demo", "--limit", "3", "-o", "out"], empty)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["finished"] == 3
    lines = (empty / "out" / "results.jsonl").read_text().splitlines()
    rows = {row["custom_id"]: row for row in map(json.loads, lines)}
    assert sorted(rows) == ["r001", "r002", "r003"]
    assert "assistance.md" in json.dumps(rows["r003"])
    assert [path.name for path in empty.iterdir()] == ["out"]


def test_a_conversation_is_answered_from_an_empty_folder(interlock: Path, empty: Path) -> None:
    done = ask([interlock, "chat"], empty, "Cancel my booking QX7T2K\n")
    assert done.returncode == 0, done.stderr
    assert "QX7T2K" in done.stdout
    assert not list(empty.iterdir())


def test_training_is_refused_in_one_sentence(interlock: Path, empty: Path) -> None:
    done = ask([interlock, "train-tiny"], empty)
    assert done.returncode == 1
    assert "Clone the repository" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_versions_that_matter_are_printed(interlock: Path, empty: Path) -> None:
    done = ask([interlock, "--version"], empty)
    assert done.returncode == 0, done.stderr
    for package in ("python", "interlock", "torch", "transformers", "llguidance", "outlines", "faiss-cpu"):
        assert f"{package} " in done.stdout
