"""A finished record is one trace, told by the semantic conventions, without what people said unless asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pipeline_world import TODAY, lines, write_requests

from pipeline import App, Ending, Equipment, Journal, Outcome, read_requests, run_batch
from pipeline.journal.rows import StepRow
from pipeline.runtime.receipt import receipt
from pipeline.runtime.telemetry import CONTENT, ENDPOINT, Telemetry

DETAIL = {
    "messages": [{"role": "user", "content": "my secret"}],
    "sampling": {"temperature": 0.0, "top_p": 1.0, "seed": 3},
    "finish_reason": "stop",
    "contract": "Trip",
    "hash": "abc",
    "rung": None,
}
STEPS = [
    StepRow("1", "route", "d", 0, '"book"', started=10.0, seconds=0.5),
    StepRow("2/1", "model Trip", "d", 0, '{"text":"secret"}', None, 1, 90, 30, 11.0, 2.0, DETAIL),
    StepRow("2/2", "book", "d", 0, '"MD1"', started=13.0, seconds=1.0, detail={"action": "key1"}),
    StepRow("2", "call book_trip", "d", 0, '"ok"', started=10.6, seconds=3.5),
    StepRow("3", "retrieve", "d", 0, "[]", started=15.0, seconds=0.1),
    StepRow("4", "offer", "d", 0, None, '{"kind":"ValueError","message":"no"}', started=16.0, seconds=0.1),
]


def spans(content: bool) -> dict[str, ReadableSpan]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry = Telemetry(provider, content)
    told = receipt(STEPS, engine=None, decisions=[], index=None)
    telemetry.record(Outcome("r1", "travel", Ending("completed"), told), STEPS)
    telemetry.close()
    return {span.name: span for span in exporter.get_finished_spans()}


def test_spans_nest_as_the_steps_do_and_keep_their_times() -> None:
    found = spans(content=False)
    root, call = found["invoke_workflow travel"], found["invoke_workflow book_trip"]
    assert root.parent is None
    assert call.parent is not None
    assert call.parent.span_id == root.context.span_id
    for name in ("chat none", "execute_tool book"):
        parent = found[name].parent
        assert parent is not None
        assert parent.span_id == call.context.span_id
    assert (root.start_time, root.end_time) == (10_000_000_000, 16_100_000_000)
    assert not found["step offer"].status.is_ok
    assert {span.context.trace_id for span in found.values()} == {root.context.trace_id}


def test_attributes_follow_the_conventions() -> None:
    found = {name: dict(span.attributes or {}) for name, span in spans(content=False).items()}
    chat = found["chat none"]
    assert (chat["gen_ai.usage.input_tokens"], chat["gen_ai.usage.output_tokens"]) == (90, 30)
    assert chat["gen_ai.response.finish_reasons"] == ("stop",)
    assert found["execute_tool book"]["gen_ai.tool.call.id"] == "key1"
    assert found["retrieval retrieve"]["gen_ai.operation.name"] == "retrieval"
    assert found["invoke_workflow travel"]["gen_ai.conversation.id"] == "r1"


@pytest.mark.parametrize("content", [True, False])
def test_what_was_said_is_told_only_when_asked_for(content: bool) -> None:
    told = json.dumps([dict(span.attributes or {}) for span in spans(content).values()])
    assert ("secret" in told) is content


def test_without_an_endpoint_nothing_is_set_up() -> None:
    assert Telemetry.configured({}) is None
    telemetry = Telemetry.configured({ENDPOINT: "http://127.0.0.1:9", CONTENT: "true"})
    assert telemetry is not None
    telemetry.close()


async def test_a_batch_hands_over_every_record(shop: App, tmp_path: Path) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    source = write_requests(tmp_path / "in.jsonl", {"a": "one lamp", "b": "something broken"})
    out = tmp_path / "out"
    await run_batch(shop, read_requests(source), out, Equipment(telemetry=Telemetry(provider)), today=TODAY)
    roots = [span for span in exporter.get_finished_spans() if span.parent is None]
    assert {dict(span.attributes or {})["gen_ai.conversation.id"] for span in roots} == {"a", "b"}
    async with Journal.open(out / "journal.sqlite") as journal:
        steps = sum(len(journal.steps(row["custom_id"])) for row in lines(out / "results.jsonl"))
    assert len(exporter.get_finished_spans()) == steps + 2
