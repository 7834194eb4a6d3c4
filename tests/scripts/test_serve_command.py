"""`interlock serve` as a user starts it: on the shipped model, with tokens, and everything a user may get wrong."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote as escape

import httpx
import pytest
from command import COMMAND, QUIET, ROOT, interlock

from scripts.main import main

LAMPS = ROOT / "tests" / "pipeline" / "apps" / "lamps.py"
Refused = Callable[..., str]


@contextmanager
def serving(*arguments: str | Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The command in a process of its own, and what it says when it is ready."""
    started = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *map(str, arguments)],
        cwd=ROOT,
        env={**QUIET, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stdout is not None
        line = started.stdout.readline()
        assert line, started.communicate()[1]
        yield started, json.loads(line)
    finally:
        started.kill()
        started.communicate(timeout=30)


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """What the command says when it does not start: a sentence or two on stderr, and exit code 2."""

    def run(*arguments: str | Path, tokens: str = "") -> str:
        monkeypatch.setenv("INTERLOCK_TOKENS", tokens)
        with pytest.raises(SystemExit) as ended:
            main(["serve", *map(str, arguments)])
        said = capsys.readouterr()
        assert ended.value.code == 2
        assert said.out == ""
        assert "Traceback" not in said.err
        return " ".join(said.err.split())

    return run


@pytest.mark.timeout(200)
def test_the_travel_app_talks_to_who_has_a_token_and_ends_when_it_is_told_to(tmp_path: Path, refused: Refused) -> None:
    out, file = tmp_path / "out", tmp_path / "tokens"
    file.write_text("operator:from-the-file\n")
    arguments = ("-o", out, "--today", "2026-11-23", "--host", "0.0.0.0", "--tokens", file)
    with serving(*arguments, INTERLOCK_TOKENS="user:theirs-token") as (process, said):
        assert said["auth"]
        headers = {"Authorization": "Bearer theirs-token"}
        with httpx.Client(base_url=said["url"], headers=headers, timeout=60) as client:
            for token, status in (("from-the-file", 200), ("theirs-token", 403), ("nobodys", 401)):
                assert client.get("/runs", headers={"Authorization": f"Bearer {token}"}).status_code == status
            assert client.get("/readyz").json()["status"] == "ready"
            schemas = client.get("/openapi.json").json()["components"]["schemas"]
            assert "thinking" not in schemas["PolicyAnswer"]["properties"]
            id = client.post("/conversations").json()["id"]
            told = client.post(f"/conversations/{id}/messages", json={"text": "May I bring my dog?"}).json()
            [answered] = [event for event in told["events"] if event["event"] == "Answered"]
            assert answered["quotes"]
            for quote in answered["quotes"]:
                source = client.get(f"/passages/{escape(quote['passage'], safe='')}").json()
                assert quote["text"] in " ".join(source["text"].split())
            assert 'interlock_turns_total{status="completed"} 1.0' in client.get("/metrics").text
            assert "Another process" in refused("-o", out, "--port", "0")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert process.stderr is not None
        assert "the same command goes on" in process.stderr.read()


@pytest.mark.timeout(200)
def test_messages_and_runs_go_through_the_gate_that_was_chosen(tmp_path: Path, random_model: Path) -> None:
    text = "I want to buy a lamp, two desk lamps please"
    arguments = ("-o", tmp_path, "--app", LAMPS, "--model", random_model, "--gate", "model")
    with serving(*arguments) as (_, said), httpx.Client(base_url=said["url"], timeout=60) as client:
        id = client.post("/conversations").json()["id"]
        told = client.post(f"/conversations/{id}/messages", json={"text": text}).json()
        record = told["events"][0]["record"]
        receipts = [client.get(f"/conversations/{id}/records/{record}").json()["receipt"]]
        run = client.post("/runs", content=json.dumps({"custom_id": "a", "text": text})).json()["id"]
        while client.get(f"/runs/{run}").json()["state"] in ("waiting", "running"):
            time.sleep(0.05)
        receipts.append(client.get(f"/runs/{run}/records/a").json()["outcome"]["receipt"])
    assert [(receipt["gate"]["sure"], receipt["gate"]["by"]) for receipt in receipts] == [(True, "model")] * 2
    replayed = interlock("replay", str(tmp_path / "runs" / run / "out"), "a")
    assert replayed.returncode == 0, replayed.stderr
    assert json.loads(replayed.stdout.splitlines()[-1])["changed"] == []


def test_what_a_user_may_get_wrong(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "bad").write_text("admin:x\n")
    out = ("-o", tmp_path / "out")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "choose another" in refused(*out, "--port", str(taken.getsockname()[1]))
    assert "choose another" in refused(*out, "--host", "no.such.host.invalid", tokens="user:some-token")
    assert "no token is set" in refused(*out, "--host", "0.0.0.0")
    assert "line 1" in refused(*out, "--tokens", tmp_path / "bad")
    assert "check the path" in refused(*out, "--tokens", tmp_path / "none")
    assert "is not a day" in refused(*out, "--today", "tomorrow")
    assert "--out" in refused()
