"""`interlock evaluate clarify` on two small dialogues: with the labels' reading every decision is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.main import main

SERVICE = {
    "service_name": "Buses_9",
    "slots": [
        {"name": "to_city", "description": "City of arrival", "possible_values": []},
        {"name": "day", "description": "Day of travel", "possible_values": []},
        {"name": "with_wifi", "description": "Whether there is wifi", "possible_values": ["True", "False"]},
    ],
    "intents": [{"name": "FindBus", "required_slots": ["to_city", "day", "with_wifi"]}],
}


def turn(user: str, slots: dict[str, str], history: list[tuple[str, str]] = [], **more: Any) -> dict[str, Any]:  # noqa: B006
    said = [{"role": role, "text": text} for role, text in history]
    row = {"dialogue": "1", "service": "Buses_9", "history": said, "user": user, "intent": "FindBus", "slots": slots}
    return {**row, "new_slots": list(slots), **more}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    first, asked, then = "I need a bus to Fresno with wifi", "When do you travel?", "On March 3rd"
    rows = [
        turn(first, {"to_city": "Fresno", "with_wifi": "True"}),
        turn(
            then,
            {"to_city": "Fresno", "with_wifi": "True", "day": "March 3rd"},
            [("user", first), ("assistant", asked)],
        ),
        turn("Thanks", {}, [("user", then), ("assistant", "Booked.")], intent="NONE"),
        turn("Find me a bus please", {}, dialogue="2"),
    ]
    (tmp_path / "schema_dev.json").write_text(json.dumps([SERVICE]))
    path = tmp_path / "travel_dev.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("gold", [True, False])
def test_asking_and_acting_are_counted(data: Path, gold: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert clarify("--data", data, "--limit", 0, *(["--gold"] if gold else ["--model", "models/tiny"])) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["dialogues"], told["turns"], told["to_act"]) == (2, 3, 1)
    assert told["decided_right"] == 1.0
    assert told["asked_for_given"] == 0.0
    assert told["reading"] == ("labels" if gold else "models/tiny")


def test_data_that_is_not_there_or_of_another_form_is_named(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert clarify("--data", data.with_name("none.jsonl")) == 2
    assert "There is no" in capsys.readouterr().err
    data.write_text('{"custom_id": "a"}\n')
    assert clarify("--data", data) == 2
    assert "is no file of SGD turns" in capsys.readouterr().err


def clarify(*options: object) -> int:
    """The command in this process: its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "clarify", *map(str, options)])
    return int(ended.value.code or 0)
