"""The service's description holds the app's contracts, and nothing that fits it or does not breaks the server."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance
from service_world import hall, process

EXAMPLES = 8
"""Of each operation, and each way to make them."""
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


async def test_the_contracts_are_schemas_without_what_is_private(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
        assert set(schemas["Seat"]["properties"]) == {"row", "place"}
        assert schemas["Seat"]["required"] == ["row", "place"]
        assert schemas["Error"]["properties"]["error"]["required"] == ["code", "message", "hint"]


async def test_the_desks_earlier_names_are_marked_as_such(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        paths = (await client.get("/openapi.json")).json()["paths"]
    old = {path for path, operations in paths.items() if all(one.get("deprecated") for one in operations.values())}
    assert old == {path for path in paths if path.startswith(("/escalations", "/approvals"))}


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_request_that_can_be_thought_of_breaks_the_server(tmp_path: Path) -> None:
    with process(tmp_path) as server:
        schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
        there = _something_there(server.url)
        seen = set()
        for found in schema.get_all_operations():
            operation = found.ok()
            seen.add(operation.label)
            for mode in schemathesis.GenerationMode:
                with contextlib.suppress(Unsatisfiable):  # what takes nothing cannot be given anything wrong
                    _try(operation.as_strategy(generation_mode=mode), there)
        assert len(seen) >= 20
        assert httpx.get(f"{server.url}/readyz").status_code == 200


def _try(cases: Any, there: dict[str, str]) -> None:
    """Send examples of one operation, to what is not there and to what is."""

    @given(case=cases)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Case) -> None:
        for known in (False, True):
            if known:
                name = next((name for name in there if case.path.startswith(name)), None)
                if name is None or case.path.endswith("/events") or not case.path_parameters:
                    return
                first = next(iter(case.path_parameters))
                case.path_parameters[first] = there[name]
            case.call_and_validate(checks=CHECKS, timeout=20)

    send()


def _something_there(url: str) -> dict[str, str]:
    """A conversation, an escalation and a run, by the beginning of their paths."""
    with httpx.Client(base_url=url, timeout=20) as client:
        id = client.post("/conversations").json()["id"]
        client.post(f"/conversations/{id}/messages", json={"text": "manager"})
        [handed] = client.get("/escalations").json()
        run = client.post("/runs", content=b'{"custom_id": "a", "text": "front"}').json()["id"]
    return {"/conversations/": id, "/escalations/": handed["record"], "/runs/": run}
