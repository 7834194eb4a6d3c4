"""`interlock bench serve`: many at once over real sockets, and nobody loses an event to somebody else's behaviour."""

from __future__ import annotations

import json

import pytest
from command import interlock


def test_nothing_is_lost_or_repeated_among_bad_guests() -> None:
    process = interlock("bench", "serve", "-n", "10", "--messages", "2", "--repeat", "1")
    assert process.returncode == 0, process.stderr
    figures = json.loads(process.stdout.splitlines()[-1])
    assert figures["messages"] == 20
    assert figures["lost"] == figures["repeated"] == figures["failed"] == 0
    assert figures["guests"] == {"SlowReader": "cut off", "Deserter": "served", "BigSender": 413}
    assert figures["first_event_ms"]["p50"] <= figures["last_event_ms"]["p99"]
    assert figures["stopped_with"] == 0


def test_an_attack_is_measured_beside_nobodys() -> None:
    given = ("--attack", "second-request", "--connections", "5", "--seconds", "3")
    process = interlock("bench", "serve", *given)
    assert process.returncode == 0, process.stderr
    attacks = json.loads(process.stdout.splitlines()[-1])["attacks"]
    assert list(attacks) == ["none", "second-request"]
    assert all(row["probes"] and row["messages"] and not row["failed"] for row in attacks.values())


def test_what_is_no_attack_is_refused_by_name() -> None:
    process = interlock("bench", "serve", "--attack", "smurf")
    assert process.returncode == 2
    assert "'smurf' is no attack" in process.stderr
    process = interlock("bench", "serve", "--connections", "5")
    assert process.returncode == 2
    assert "--attack" in process.stderr


def test_a_message_is_measured_alone_and_beside_a_run() -> None:
    process = interlock("bench", "serve", "--beside-run", "--seconds", "4")
    assert process.returncode == 0, process.stderr
    figures = json.loads(process.stdout.splitlines()[-1])
    for name in ("alone", "beside_run"):
        assert figures[name]["messages"] > 0
        assert figures[name]["failed"] == 0
    assert figures["last_event_ratio"] > 0
    process = interlock("bench", "serve", "--beside-run", "--connections", "5")
    assert process.returncode == 2
    assert "--connections is not of --beside-run, which is measured by itself" in process.stderr


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--beside-run", "--messages", "3"), "--messages is of neither --attack nor --beside-run"),
        (("--attack", "half-sent", "-n", "5"), "--conversations is of neither"),
        (("--seconds", "20"), "--seconds is of an --attack, or of --beside-run"),
        (("--attack", "long-texts", "--connections", "5"), "--connections is of the other attacks"),
    ],
)
def test_what_another_measurement_is_asked_for_is_refused_and_not_ignored(given: tuple[str, ...], told: str) -> None:
    process = interlock("bench", "serve", *given)
    assert process.returncode == 2
    assert told in process.stderr
