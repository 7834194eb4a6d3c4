"""`interlock bench serve`: many at once over real sockets, and nobody loses an event to somebody else's behaviour."""

from __future__ import annotations

import json

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
