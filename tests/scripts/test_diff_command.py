"""`interlock diff` of folders that hold something else than results: a sentence, and which line it is."""

from __future__ import annotations

import json
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


def test_answers_in_openai_s_form_are_compared_by_what_they_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(name: str, created: int, text: str) -> str:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        body = {"object": "chat.completion", "created": created, "model": "m", "choices": [choice], "usage": {}}
        (tmp_path / name).mkdir()
        line = json.dumps({**json.loads(ROW), "contract": "Completion", "result": {"id": "1", **body}})
        (tmp_path / name / "results.jsonl").write_text(line + "\n")
        return str(tmp_path / name)

    first, again, other = (
        write("first", 1, "The Rhine."),
        write("again", 2, "The Rhine."),
        write("other", 2, "x" * 9000),
    )
    with pytest.raises(SystemExit, match="0"):
        main(["diff", first, again])
    with pytest.raises(SystemExit, match="1"):
        main(["diff", first, other])
    told = capsys.readouterr().err
    assert "The Rhine." in told
    assert "chat.completion" not in told
    assert "0 the same; changed: result 1." in told
    assert max(map(len, told.splitlines())) < 1_500
