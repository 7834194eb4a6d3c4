"""Behind a proxy, probed with HEAD, hung up on: what an administrator does to a service."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from service_world import QUICK, begin, hall, process, sentence

from pipeline import UsageError
from pipeline.service.tokens import proxies_of

LIMITED = replace(QUICK, rate=0.01, burst=2)


@pytest.mark.parametrize("trusted", [True, False])
async def test_clients_behind_a_trusted_proxy_have_a_rate_each(tmp_path: Path, trusted: bool) -> None:
    limits = replace(LIMITED, proxies=("127.0.0.1",)) if trusted else LIMITED
    async with hall(tmp_path, limits) as (client, _):
        codes = [
            [(await client.get("/app", headers={"X-Forwarded-For": address})).status_code for _ in range(3)]
            for address in ("203.0.113.1", "203.0.113.2")
        ]
    assert codes == ([[200, 200, 429], [200, 200, 429]] if trusted else [[200, 200, 429], [429] * 3])


async def test_a_proxy_that_passes_the_host_on_serves_the_page_and_one_that_does_not_is_told(tmp_path: Path) -> None:
    async with hall(tmp_path, tokens="user:alice-token") as (client, _):
        sent = {"Origin": "https://desk.example", "Authorization": "Bearer alice-token"}
        good = await client.post("/conversations", headers={**sent, "Host": "desk.example"})
        assert good.status_code == 201
        bad = await client.post("/conversations", headers={**sent, "Host": "127.0.0.1:8000"})
        assert bad.status_code == 403
        assert sentence(bad)
        assert "Host" in bad.json()["error"]["hint"]


def test_what_is_no_address_is_a_sentence() -> None:
    assert proxies_of("127.0.0.1, 10.0.0.0/8") == ("127.0.0.1", "10.0.0.0/8")
    with pytest.raises(UsageError, match="'nginx' is no address"):
        proxies_of("nginx")


async def test_head_is_answered_wherever_get_is_and_ends_a_stream_at_its_headers(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        for path in ("/", "/app", "/web/page.js", "/metrics", "/runs", "/openapi.json", f"/conversations/{id}/events"):
            told = await client.head(path)
            assert (told.status_code, told.content) == (200, b""), path
            assert told.headers["content-type"]
        assert (await client.head("/runs/none")).status_code == 404
        told, whole = await client.head("/readyz"), await client.get("/readyz")
        assert told.headers["content-length"] == str(len(whole.content))
        counted = 'interlock_requests_total{method="HEAD",route="/runs",status="200"} 1.0'
        assert counted in (await client.get("/metrics")).text


def test_it_is_probed_with_head_and_ends_well_when_a_terminal_is_closed(tmp_path: Path) -> None:
    (tmp_path / "out" / "runs" / "20261128-000000-half").mkdir(parents=True)
    (tmp_path / "out" / "runs" / "20261128-000000-half" / "requests.jsonl").write_text("{")
    with process(tmp_path) as server:
        assert httpx.head(f"{server.url}/healthz").status_code == 200
        assert httpx.head(f"{server.url}/readyz").status_code == 200
        assert not (tmp_path / "out" / "runs" / "20261128-000000-half").exists()
        assert server.stop(signal.SIGHUP) == 0
