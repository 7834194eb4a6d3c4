"""Every route of OpenAI's API tells what is wrong in OpenAI's form, whoever finds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from service_world import QUICK, hall, sentence

from pipeline.completions.options import KEPT
from pipeline.service import Limits

TOKENS = "user:alice-token"
ALICE = {"Authorization": "Bearer alice-token"}


async def routes(client: httpx.AsyncClient) -> list[tuple[str, str]]:
    """Method and path of every route below /v1, with a name for what a path leaves open."""
    document = (await client.get("/openapi.json", headers=ALICE)).json()
    found = [
        (method.upper(), path.format(id="none", model="none"))
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith("/v1/")
    ]
    assert len(found) >= 14
    return found


def told(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, (answer.request.method, answer.request.url.path, answer.text)
    assert sentence(answer)
    error: dict[str, Any] = answer.json()["error"]
    assert isinstance(error["type"], str)
    return error


async def test_an_error_has_openais_form_on_every_route(tmp_path: Path) -> None:
    limits = Limits(**{**vars(QUICK), "body": 2_000, "upload": 2_000})
    async with hall(tmp_path, limits, TOKENS) as (client, _):
        for method, path in await routes(client):
            assert told(await client.request(method, path), 401)["type"] == "authentication_error"
            odd = await client.request("PATCH", path, headers=ALICE)
            assert told(odd, 405)["code"] == "method_not_allowed"
            if method == "POST" and not path.endswith("/cancel"):
                for content in (b"x" * 3_000, b"{", b"[]", b"3"):
                    answer = await client.request(method, path, content=content, headers=ALICE)
                    expected = 413 if len(content) > 2_000 else 400
                    assert told(answer, expected)["type"] == "invalid_request_error"
            elif "none" in path:
                assert told(await client.request(method, path, headers=ALICE), 404)["code"].endswith("not_found")
        assert told(await client.get("/v1/assistants", headers=ALICE), 404)["code"] == "not_found"
        for query in ("limit=0", "limit=x", "order=up", "odd=1"):
            error = told(await client.get(f"/v1/files?{query}", headers=ALICE), 400)
            assert error["param"] == query.partition("=")[0]


@pytest.mark.parametrize(("route", "name"), [(route, name) for route in KEPT for name in (*KEPT[route], "imagined")])
async def test_an_option_of_files_and_batches_is_obeyed_or_refused_as_the_table_says(
    tmp_path: Path, route: str, name: str
) -> None:
    async with hall(tmp_path) as (client, _):
        file = {"file": ("in.jsonl", b"{}")}
        id = (await client.post("/v1/files", files=file, data={"purpose": "batch"})).json()["id"]
        if route == "/v1/files":
            more = {} if name == "file" else {"purpose": "batch", name: "batch"}
            answer = await client.post(route, files=file, data=more)
        else:
            answer = await client.post(route, json={"input_file_id": id, "endpoint": "/v1/x", name: {"a": 3}})
        told_of = told(answer, answer.status_code)["param"] if answer.is_error else None
        option = KEPT[route].get(name)
        refused = answer.is_error and told_of == name and " is refused: " in answer.text
        assert refused == (option is None or bool(option.refused)), answer.text


async def test_too_many_requests_are_told_in_the_same_form(tmp_path: Path) -> None:
    limits = Limits(**{**vars(QUICK), "rate": 0.01, "burst": 1})
    async with hall(tmp_path, limits, TOKENS) as (client, _):
        await client.get("/v1/models", headers=ALICE)
        assert told(await client.get("/v1/models", headers=ALICE), 429)["type"] == "rate_limit_error"


@pytest.mark.parametrize("model", ["hall", "nobody"])
async def test_a_chat_that_does_not_fit_is_a_400(tmp_path: Path, model: str) -> None:
    async with hall(tmp_path, tokens=TOKENS) as (client, _):
        body = {"model": model, "messages": [{"role": "user", "content": 3}]}
        answer = await client.post("/v1/chat/completions", json=body, headers=ALICE)
        assert str(told(answer, 400)["param"]).startswith("messages.0")


@pytest.mark.parametrize(
    ("path", "content", "param"),
    [
        ("chat/completions", b'{"model":"m","model":"n","messages":[{"role":"user","content":"x"}]}', "model"),
        ("completions", b'{"model":"m","prompt":"x","temperature":0,"temperature":1}', "temperature"),
        ("responses", b'{"model":"m","input":"x","text":{"format":1,"format":2}}', "format"),
        ("embeddings", b'{"model":"m","input":"x","input":"y"}', "input"),
        ("batches", b'{"input_file_id":"file-0","endpoint":"a","endpoint":"b"}', "endpoint"),
    ],
)
async def test_what_a_body_says_twice_is_refused_by_its_name(
    tmp_path: Path, path: str, content: bytes, param: str
) -> None:
    async with hall(tmp_path) as (client, _):
        headers = {"Content-Type": "application/json"}
        answer = await client.post(f"/v1/{path}", content=content, headers=headers)
        error = told(answer, 400)
        assert error["param"] == param
        assert error["message"].startswith(f'"{param}" stands twice in one object of the body')


async def test_an_app_names_the_option_that_it_does_not_obey_and_a_batch_a_route_that_is_none(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, service):
        chat = {"model": service.app.name, "messages": [{"role": "user", "content": "x"}], "temperature": 0.2}
        assert told(await client.post("/v1/chat/completions", json=chat), 400)["param"] == "temperature"
        file = {"file": ("in.jsonl", b"{}")}
        id = (await client.post("/v1/files", files=file, data={"purpose": "batch"})).json()["id"]
        batch = {"input_file_id": id, "endpoint": ["/v1/completions"], "completion_window": "24h"}
        assert told(await client.post("/v1/batches", json=batch), 400)["param"] == "endpoint"
        refused = told(await client.post("/v1/batches", json={**batch, "endpoint": "/v1/completions"}), 400)
        assert refused["message"].endswith("): mend that.")
