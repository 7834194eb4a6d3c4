"""`interlock doctor` says what is wrong with a machine, and what to do."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from command import interlock

from scripts.doctor import listed


def test_this_machine_is_fit() -> None:
    done = interlock("doctor")
    found = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    assert found["bad"] == 0
    states = {row["what"]: row["state"] for row in found["findings"]}
    assert states["Python"] == states["packages"] == states["model"] == states["transformers"] == "good"
    assert {"GPU", "vLLM", "disk", "open files", "port"} <= {what.split(" 0")[0] for what in states}


def test_what_is_amiss_has_something_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = interlock("doctor", "--model", tmp_path / "none", "--port", taken.getsockname()[1])
    assert done.returncode == 1
    rows = {row["what"]: row for row in json.loads(done.stdout.splitlines()[-1])["findings"]}
    assert rows["model"]["state"] == "bad"
    assert "Give a" in rows["model"]["todo"]
    assert rows["port"]["state"] == "note"
    assert "--port" in rows["port"]["todo"]


def test_a_model_that_is_elsewhere_is_said_not_to_be_looked_at() -> None:
    done = interlock("doctor", "--model", "http://localhost:1")
    rows = {row["what"]: row for row in json.loads(done.stdout.splitlines()[-1])["findings"]}
    assert rows["model"]["found"] == "http://localhost:1: not looked at"


def test_of_a_list_for_several_pythons_the_line_for_this_one_counts(tmp_path: Path) -> None:
    lines = [
        "# by hand",
        "numpy==2.3.5 ; python_version >= '3.11'  # via faiss",
        "numpy==1.0 ; python_version < '3.11'",
    ]
    (tmp_path / "cpu.txt").write_text("\n".join([*lines, "torch==2.13.0+cpu    # via us", ""]))
    assert listed(tmp_path / "cpu.txt") == {"numpy": "2.3.5", "torch": "2.13.0+cpu"}
    assert listed(tmp_path / "none.txt") == {}
