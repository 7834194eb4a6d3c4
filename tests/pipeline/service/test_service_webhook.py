"""A webhook is told what waits for people and which runs have ended: signed, at least once, without anybody's words."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from service_world import HALL, QUICK

from pipeline import UsageError, load_app
from pipeline.service.service import Service, serving
from pipeline.service.webhook import Hook

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


class Receiver:
    """An address that answers with these statuses, the last of them from then on, and keeps what it was told."""

    def __init__(self, url: str, *statuses: int) -> None:
        self.url = url
        self.statuses = list(statuses)
        self.told: list[tuple[dict[str, str], bytes]] = []

    async def hear(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(30):
            while len(self.told) < count:
                await asyncio.sleep(0.05)
        return [json.loads(body) for _, body in self.told]


@contextmanager
def receiver(*statuses: int) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known.told.append(({name.lower(): text for name, text in self.headers.items()}, body))
            self.send_response(known.statuses.pop(0) if len(known.statuses) > 1 else known.statuses[0])
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = Receiver(f"http://127.0.0.1:{server.server_port}/hook", *statuses)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def hand_over(service: Service) -> str:
    """A conversation that a person has to see to."""
    id = await service.dialogues.open()
    await service.dialogues.ask_for_a_person(id)
    return id


async def test_an_escalation_is_told_once_signed_and_without_a_word_of_the_customer(tmp_path: Path) -> None:
    with receiver(500, 200) as to:
        hook = Hook.of(to.url, SECRET)
        async with serving(load_app(str(HALL)), tmp_path, limits=QUICK, hook=hook) as service:
            id = await hand_over(service)
            notice = (await to.hear(1))[0]
        assert notice["type"] == "escalation.opened"
        assert notice["data"]["conversation"] == id
        assert b"would like to talk" not in to.told[0][1]
        # It was refused, and the process has ended: the next one tells it, under the same id.
        async with serving(load_app(str(HALL)), tmp_path, limits=QUICK, hook=hook):
            await to.hear(2)
            await asyncio.sleep(3)
        async with serving(load_app(str(HALL)), tmp_path, limits=QUICK, hook=hook):
            await asyncio.sleep(3)
        assert len(to.told) == 2
        (first, body), (second, _) = to.told
        assert first["webhook-id"] == second["webhook-id"]
        signed = f"{first['webhook-id']}.{first['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        assert first["webhook-signature"] == f"v1,{expected}"
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in kept
    assert to.url.encode() not in kept


async def test_what_waits_is_told_again_and_a_run_when_it_ends(tmp_path: Path) -> None:
    with receiver(200) as to:
        hook = Hook.of(to.url, SECRET, remind=2.0)
        async with serving(load_app(str(HALL)), tmp_path, limits=QUICK, hook=hook) as service:
            run, path = service.runs.new("")
            path.write_text(json.dumps({"custom_id": "a", "text": "in the front"}))
            await service.runs.submit(run, "")
            await hand_over(service)
            told = await to.hear(4)
    kinds = {notice["type"] for notice in told}
    assert {"escalation.opened", "escalation.reminder", "run.ended"} <= kinds
    ended = next(notice for notice in told if notice["type"] == "run.ended")
    assert ended["data"] == {"run": run, "state": "finished", "records": 1, "errors": 0}


def test_an_address_or_a_secret_that_is_none_is_refused_and_not_repeated() -> None:
    for url, secret in (("ftp://x", SECRET), ("https://x/hidden", "short-hidden"), ("", SECRET)):
        with pytest.raises(UsageError) as refused:
            Hook.of(url, secret)
        assert "hidden" not in str(refused.value)
