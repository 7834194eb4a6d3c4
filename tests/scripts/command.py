"""The `interlock` command as a user runs it: a process of its own.

`COMMAND` starts one from nothing, as a terminal does. `interlock` forks one from a process that has imported what other
people wrote (torch alone takes seconds); everything of this project is imported anew in each.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "pipeline" / "workflows" / "travel"
COMMAND = [sys.executable, "-c", "from scripts.main import main; main()"]
QUIET = {**os.environ, "COLUMNS": "120"}

_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        *(
            "outlines",
            "sentence_transformers",
            "transformers.models.auto.auto_factory",
            "transformers.generation.utils",
        ),
        *("transformers.models.llama.modeling_llama", "faiss", "openai", "jsonschema", "typer", "rich.progress"),
    ]
)


def interlock(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command to its end: its exit code, stdout and stderr."""
    given = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = _FORKS.Process(target=_run, args=(given, QUIET, out, err))
        process.start()
        process.join(280)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(given, 280, out.read_text(), err.read_text())
        return subprocess.CompletedProcess(given, process.exitcode, out.read_text(), err.read_text())


def _run(arguments: list[str], environment: dict[str, str], out: Path, err: Path) -> None:
    """What `COMMAND` does, in a process that was forked for it."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.path[:] = ["", *(path for path in sys.path if ROOT / "tests" not in [Path(path), *Path(path).parents])]
    for number, (path, mode) in enumerate(((os.devnull, "r"), (out, "w"), (err, "w"))):
        with open(path, mode) as file:  # noqa: PTH123
            os.dup2(file.fileno(), number)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", buffering=1, closefd=False)
    from scripts.main import main

    try:
        main(arguments)
    finally:
        atexit._run_exitfuncs()  # a forked process would leave them out
