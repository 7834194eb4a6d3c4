"""What an administrator sees of a service: request ids, metrics and the dashboard made of them; and where it stands."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from service_world import QUICK, hall

from models.engines.engine import Completion, Message, Sampling
from models.engines.wrapper import Wrapper
from models.errors import EngineUnavailable, RequestRefused
from models.grammar.grammar import Grammar
from pipeline import UsageError
from pipeline.service.metered import EngineMetrics, Metered
from pipeline.service.middleware.prefix import OWN, prefix_of
from pipeline.service.middleware.request_id import FORMAT, tag

DASHBOARD = Path(__file__).parents[3] / "docs/deploy/grafana.json"


class Failing(Wrapper):
    """Raises, and is asked nothing else."""

    name = "embedded:none"  # type: ignore[assignment]

    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def generate(
        self, messages: object, grammar: Grammar | None, sampling: Sampling, max_tokens: int | None = None
    ) -> Completion:
        raise self._error


@pytest.mark.parametrize(
    ("error", "outcome", "up"),
    [
        (EngineUnavailable("gone"), "unavailable", 0.0),
        (RequestRefused("no"), "refused", 1.0),
        (ZeroDivisionError(), "failed", None),
    ],
)
async def test_a_call_is_counted_by_how_it_ended(error: BaseException, outcome: str, up: float | None) -> None:
    registry = CollectorRegistry()
    engine = Metered(Failing(error), EngineMetrics(registry))
    with pytest.raises(type(error)):
        await engine.generate([Message("user", "Hello")], None, Sampling())
    labels = {"engine": "embedded:none", "outcome": outcome}
    assert registry.get_sample_value("interlock_engine_call_seconds_count", labels) == 1.0
    assert registry.get_sample_value("interlock_engine_up", {"engine": "embedded:none"}) == up
    assert generate_latest(registry)


async def test_figures_are_of_people_and_not_of_probes(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        for path in ("/healthz", "/readyz", "/metrics"):
            await client.get(path)
        before = (await client.get("/metrics")).text
        id = (await client.post("/conversations")).json()["id"]
        await client.post(f"/conversations/{id}/messages", json={"text": "When do you open?"})
        await client.post("/runs", content=b'{"custom_id": "a", "text": "When do you open?"}\n')
        after = (await client.get("/metrics")).text
    assert "interlock_request_seconds_count 0.0" in before
    assert "interlock_request_seconds_count 3.0" in after
    assert re.search(r'interlock_turn_seconds_count\{status="\w+"\} 1\.0', after)
    assert re.search(r'interlock_runs\{state="\w+"\} 1\.0', after)
    assert 'interlock_run_records{progress="waiting"}' in after
    for name in ("process_resident_memory_bytes", "interlock_build_info", "python_gc_objects_collected_total"):
        assert name in after


async def test_the_dashboard_asks_for_figures_that_there_are(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, service):
        service.metrics.engine.ended("embedded:models/tiny", "ok", 0.1)
        told = (await client.get("/metrics")).text
    known = {sample.name for family in text_string_to_metric_families(told) for sample in family.samples}
    known |= {family.name for family in text_string_to_metric_families(told)}
    known |= {f"{name}_total" for name in known} | {f"{name}_bucket" for name in known}
    asked = {
        name
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"\b(?:interlock|process|python)_\w+", target["expr"])
    }
    assert len(asked) > 10
    assert asked <= known


async def test_a_request_has_one_name_in_its_answer_and_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Lines()
    handler.addFilter(tag)
    handler.setFormatter(logging.Formatter(FORMAT))
    logger = logging.getLogger("interlock.service")
    logger.addHandler(handler)
    try:
        async with hall(tmp_path) as (client, service):
            monkeypatch.setattr(service.runs, "all", lambda: 1 / 0)
            given = await client.get("/runs", headers={"X-Request-Id": "proxy-7:a"})
            made = await client.get("/healthz", headers={"X-Request-Id": "two words"})
    finally:
        logger.removeHandler(handler)
    assert (given.status_code, given.headers["X-Request-Id"]) == (500, "proxy-7:a")
    assert re.fullmatch(r"[0-9a-f]{16}", made.headers["X-Request-Id"])
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ ERROR \[proxy-7:a\] A request failed", lines[0])


@pytest.mark.parametrize("strips", [True, False])
async def test_a_service_below_a_path_answers_whether_the_proxy_strips_it_or_not(tmp_path: Path, strips: bool) -> None:
    at = "" if strips else "/help"
    async with hall(tmp_path, replace(QUICK, root_path="/help"), tokens="operator:alice-token") as (client, _):
        page = await client.get(f"{at}/")
        links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert links
        for link in links:
            assert not link.startswith("/")
            assert (await client.get(f"{at}/{link}")).status_code == 200
        assert (await client.get(f"{at}/app")).status_code == 200
        assert (await client.get(f"{at}/runs")).status_code == 401
        sent = {"Authorization": "Bearer alice-token"}
        assert (await client.get(f"{at}/runs", headers=sent)).status_code == 200
        assert (await client.get(f"{at}/nowhere", headers=sent)).status_code == 404
        large = b'{"text": "%s"}\n' % (b"x" * (QUICK.body + 1))
        assert (await client.post(f"{at}/runs", content=large, headers=sent)).status_code != 413  # an upload
        assert (await client.get("/help", headers=sent)).headers["location"] == "/help/"
        assert (await client.get(f"{at}/desk?limit=0", headers=sent)).json()["cases"] == []
        described = (await client.get(f"{at}/openapi.json", headers=sent)).json()
        assert described["servers"] == [{"url": "/help"}]


def test_what_is_no_path_is_a_sentence() -> None:
    assert (prefix_of("/a/desk/"), prefix_of(""), prefix_of("/")) == ("/a/desk", "", "")
    for text in ("desk", "/a b", "/../x", "https://x/y"):
        with pytest.raises(UsageError, match="is no path"):
            prefix_of(text)
    assert prefix_of("/desks/desk") == "/desks/desk"
    for text in ("/desk", "/runs/of/us/"):
        with pytest.raises(UsageError, match="begins as addresses of the service itself do"):
            prefix_of(text)


async def test_no_prefix_begins_as_a_path_of_the_service_does(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        described = (await client.get("/openapi.json")).json()
    assert {path.split("/")[1] for path in described["paths"]} | {"web", "openapi.json"} == set(OWN)


async def test_a_connection_whose_upload_was_not_read_is_not_used_again(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, service):
        service.runs.new = lambda *given: 1 / 0  # type: ignore[method-assign, assignment]
        answer = await client.post("/runs", content=b"x" * 600_000, headers={"Content-Type": "application/jsonl"})
        fine = await client.get("/healthz")
    assert (answer.status_code, answer.headers["Connection"]) == (500, "close")
    assert fine.headers.get("Connection") != "close"
