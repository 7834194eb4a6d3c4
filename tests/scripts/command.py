"""The `interlock` command as a user runs it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "pipeline" / "workflows" / "travel"
COMMAND = [sys.executable, "-c", "from scripts.main import main; main()"]
QUIET = {**os.environ, "COLUMNS": "120"}


def interlock(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=ROOT, env=QUIET, capture_output=True, text=True, timeout=280, check=False
    )
