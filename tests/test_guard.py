"""The guard of a test run: nothing that the tests started outlives them, in whatever session it went."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from guard import marked
from processes import is_alive, started, survivors

HERE = Path(__file__).parent
GUARD = [sys.executable, "-I", "-S", str(HERE / "guard.py")]
FAMILY = "setsid sleep 1000 & (trap '' INT TERM HUP; while :; do sleep 0.1; done) & echo; sleep 1000"

TWO = """
import signal, subprocess

def test_stopping():
    with subprocess.Popen(["sleep", "1000"]) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == -signal.SIGINT

def test_leaving():
    subprocess.run(["sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &"], check=True)
"""


def test_when_the_run_is_gone_so_is_all_that_it_started_and_nothing_else() -> None:
    mark = uuid4().hex
    pipe = subprocess.PIPE
    with started([*GUARD, f"TEST_OF_GUARD={mark}"], stdin=pipe) as guard, started(["sleep", "1000"]) as other:
        family = started(["sh", "-c", FAMILY], env={**os.environ, "TEST_OF_GUARD": mark}, stdout=pipe)
        with family as shell:
            assert shell.stdout is not None
            shell.stdout.readline()
            found = marked(f"TEST_OF_GUARD={mark}")
            assert len(found) >= 3
            guard.communicate(timeout=20)
            assert survivors(found, 1) == []
        assert is_alive(other.pid)


def test_a_run_in_the_background_can_stop_what_it_starts_and_fails_for_what_it_leaves(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(TWO)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider", str(tmp_path)]
    # As a shell starts it behind an `&`: deaf to the Ctrl-C that is typed for others.
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    [left] = re.findall(r"A process was left behind: (\d+), sleep 1000", done.stdout)
    assert done.returncode == 1
    assert survivors([int(left)], 1) == []
