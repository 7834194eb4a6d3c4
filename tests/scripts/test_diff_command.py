"""`interlock diff` of folders that hold something else than results: a sentence, and which line it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.main import main

ROW = '{"custom_id": "a", "status": "completed", "intent": "x", "result": null, "question": null, "escalation": null}\n'


@pytest.mark.parametrize("line", ['{"custom_id": "a", "status": "comp', '{"custom_id": "a"}', "[1]"])
def test_a_line_that_is_no_result_is_named(tmp_path: Path, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("before", ROW), ("after", ROW + line + "\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.jsonl").write_text(text)
    with pytest.raises(SystemExit, match="2"):
        main(["diff", str(tmp_path / "before"), str(tmp_path / "after")])
    assert f"Line 2 of {tmp_path / 'after' / 'results.jsonl'} is no result" in capsys.readouterr().err
