"""The app, tried through the command, on the model that comes with Interlock: `python -m pytest`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def interlock(*arguments: object) -> str:
    program = Path(sys.executable).with_name("interlock")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def results(out: Path) -> dict[str, Any]:
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    return {row["custom_id"]: row for row in rows}


def test_five_requests_and_an_answer(tmp_path: Path) -> None:
    out, index = tmp_path / "out", tmp_path / "index"
    interlock("index", "build", HERE / "knowledge", "-o", index)
    interlock("run", "-i", HERE / "requests.jsonl", "-o", out, "--app", HERE / "app.py", "--index", index)
    found = results(out)
    assert found["r1"]["status"] == found["r2"]["status"] == "needs_input"
    assert "Left Hand of Darkness" in found["r1"]["question"]["text"]
    assert found["r2"]["question"]["text"] == "What is the number on your library card?"
    assert "14:00" in found["r3"]["message"]
    assert "20 cents" in found["r4"]["message"]
    assert found["r5"]["intent"] == "out_of_scope"

    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"custom_id": "r1", "answer": "yes"}\n', encoding="utf-8")
    interlock("answer", out, answers)
    assert results(out)["r1"]["message"].startswith("“The Left Hand of Darkness” is renewed until")
