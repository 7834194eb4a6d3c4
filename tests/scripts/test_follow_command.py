"""`interlock inspect --follow`: a second terminal sees how far a run is, and ends when the run does."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

from command import COMMAND, QUIET, ROOT, interlock

SCHEMA = '{"type": "object", "properties": {"tag": {"enum": ["a", "b"]}}, "required": ["tag"]}'
ROWS = 1_500


def test_a_second_terminal_watches_a_batch_until_it_ends_or_is_killed(tmp_path: Path) -> None:
    source, schema, out = tmp_path / "in.jsonl", tmp_path / "s.json", tmp_path / "out"
    source.write_text("".join(json.dumps({"text": f"row {number}"}) + "\n" for number in range(ROWS)))
    schema.write_text(SCHEMA)
    command = [*COMMAND, "batch", "-i", str(source), "-o", str(out), "--schema", str(schema)]
    before = 0
    for killed in (True, False):
        batch = subprocess.Popen(command, cwd=ROOT, env=QUIET, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (out / "results.jsonl").is_file() or (out / "results.jsonl").stat().st_size <= before:
            assert batch.poll() is None
            time.sleep(0.05)
        watch = subprocess.Popen(
            [*COMMAND, "inspect", str(out), "--follow"],
            cwd=ROOT,
            env=QUIET,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert watch.stderr is not None
            line = watch.stderr.readline()
            while "left" not in line:
                assert line, watch.communicate()
                line = watch.stderr.readline()
            assert batch.poll() is None
            assert f"of {ROWS}: " in line
            for part in ("rows/s", "tokens/s", "completed"):
                assert part in line
            if killed:
                batch.send_signal(signal.SIGKILL)
            batch.wait(timeout=200)
            told, _ = watch.communicate(timeout=30)
        finally:
            batch.kill()
            watch.kill()
        before = (out / "results.jsonl").stat().st_size
        found = json.loads(told.splitlines()[-1])
        assert (watch.returncode, found["expected"]) == (0, ROWS)
        assert found["records"] == found["statuses"]["completed"]
        assert (found["records"] < ROWS) == killed
        assert found["tokens"]["completion"] > 0
    over = interlock("inspect", out, "--follow")
    assert json.loads(over.stdout)["records"] == ROWS
    assert "of a run" not in over.stderr
    for more in (("7",), ("--prompts",), ("--status", "failed")):
        refused = interlock("inspect", out, "--follow", *more)
        assert (refused.returncode, "--follow watches all" in refused.stderr) == (2, True)
    assert interlock("inspect", tmp_path / "none", "--follow").returncode == 2
