"""Options of a path that nobody would obey: refused by name on every route, but where probes and scrapers ask."""

from __future__ import annotations

from pathlib import Path

import pytest
from service_world import hall


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/desk?statee=closed"),
        ("GET", "/runs?limit=3"),
        ("POST", "/runs/none/retry?all=1"),
        ("POST", "/conversations?user=me"),
        ("GET", "/v1/models?after=x"),
        ("GET", "/v1/files?statee=1&limit=2"),
    ],
)
async def test_an_option_of_the_query_that_is_not_known_is_refused_by_name(
    tmp_path: Path, method: str, path: str
) -> None:
    async with hall(tmp_path) as (client, _):
        answer = await client.request(method, path)
        name = path.partition("?")[2].partition("=")[0]
        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == f'"{name}" is refused: it is not known here.'


async def test_a_field_of_a_form_that_is_not_known_is_refused_and_nothing_is_begun(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        answer = await client.post("/runs", files={"file": ("in.jsonl", "{}")}, data={"seed": "7"})
        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == '"seed" is refused: it is not known here.'
        assert (await client.get("/runs")).json() == []


@pytest.mark.parametrize("path", ["/conversations", "/runs/none/cancel", "/v1/batches/none/cancel"])
async def test_a_body_that_nobody_reads_is_refused_and_an_empty_one_is_not(tmp_path: Path, path: str) -> None:
    async with hall(tmp_path) as (client, _):
        answer = await client.post(path, json={"user": "ann"})
        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == "A body is refused here: nobody would read it."
        assert (await client.post(path, json={})).status_code in (200, 201, 404)


async def test_probes_may_say_more(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        assert (await client.get("/healthz?cache=no")).status_code == 200
