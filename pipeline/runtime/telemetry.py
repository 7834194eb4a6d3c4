"""Telemetry: one record's steps as OpenTelemetry spans, by the semantic conventions for generative AI.

A reading of the journal after the record has a status, with the times that the journal holds; a resumed record becomes
one trace of everything that is known of it. Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set. What was said and answered
is left out unless OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT is true.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.journal.rows import StepRow
from pipeline.outcome import Outcome

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


class Telemetry:
    """Takes one record after another. Make it with `Telemetry.configured`, and `close` it at the end of a run."""

    def __init__(self, provider: TracerProvider, content: bool = False) -> None:
        self._provider = provider
        self._content = content
        self._tracer = provider.get_tracer("interlock")

    @classmethod
    def configured(cls, environment: Mapping[str, str] = os.environ) -> Telemetry | None:
        """As the environment says; None if it names no endpoint. UsageError if the libraries are missing."""
        if not environment.get(ENDPOINT):
            return None
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise UsageError(
                f"{ENDPOINT} is set, but OpenTelemetry is not installed: run `pip install -e '.[otel]'`, or unset it."
            ) from error
        provider = TracerProvider(resource=Resource.create({"service.name": "interlock"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider, environment.get(CONTENT, "").lower() == "true")

    def record(self, outcome: Outcome, steps: Sequence[StepRow]) -> None:
        """Hand over the spans of a record that has a status."""
        from opentelemetry.trace import set_span_in_context

        if not steps:
            return
        name = outcome.intent or "undecided"
        root = self._tracer.start_span(
            f"invoke_workflow {name}",
            start_time=_nanoseconds(min(step.started for step in steps)),
            attributes={
                "gen_ai.operation.name": "invoke_workflow",
                "gen_ai.workflow.name": name,
                "gen_ai.conversation.id": outcome.custom_id,
                "interlock.status": outcome.status,
            },
        )
        self._children(steps, "", set_span_in_context(root), outcome)
        root.end(_nanoseconds(max(step.started + step.seconds for step in steps)))

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    def _children(self, steps: Sequence[StepRow], inside: str, context: Context, outcome: Outcome) -> None:
        from opentelemetry.trace import Status, StatusCode, set_span_in_context

        for step in steps:
            if step.position.rpartition("/")[0] != inside:
                continue
            attributes = dict(_attributes(step, outcome, self._content))
            operation = str(attributes.get("gen_ai.operation.name", "step"))
            span = self._tracer.start_span(
                f"{operation} {_subject(step, outcome)}",
                context,
                start_time=_nanoseconds(step.started),
                attributes=attributes,
            )
            if step.error is not None:
                span.set_status(Status(StatusCode.ERROR, str(json.loads(step.error)["kind"])))
            self._children(steps, step.position, set_span_in_context(span), outcome)
            span.end(_nanoseconds(step.started + step.seconds))


def _subject(step: StepRow, outcome: Outcome) -> str:
    if "messages" in step.detail:
        return str(step.detail.get("model") or outcome.receipt.model)
    return step.name.removeprefix("call ")


def _attributes(step: StepRow, outcome: Outcome, content: bool) -> Iterator[tuple[str, Any]]:
    yield "interlock.position", step.position
    if "messages" in step.detail:
        yield "gen_ai.operation.name", "chat"
        yield "gen_ai.request.model", _subject(step, outcome)
        yield "gen_ai.request.temperature", step.detail["sampling"]["temperature"]
        yield "gen_ai.request.seed", step.detail["sampling"]["seed"]
        yield "gen_ai.output.type", "json"
        yield "gen_ai.usage.input_tokens", step.prompt_tokens
        yield "gen_ai.usage.output_tokens", step.completion_tokens
        yield "gen_ai.response.finish_reasons", [str(step.detail["finish_reason"])]
        yield "interlock.contract", step.detail["contract"]
        yield "interlock.attempt", step.attempt
        if content:
            yield "gen_ai.input.messages", json.dumps(step.detail["messages"], ensure_ascii=False)
            yield "gen_ai.output.messages", step.result or ""
    elif "action" in step.detail:
        yield "gen_ai.operation.name", "execute_tool"
        yield "gen_ai.tool.name", step.name
        yield "gen_ai.tool.type", "function"
        yield "gen_ai.tool.call.id", step.detail["action"]
        if content:
            yield "gen_ai.tool.call.result", step.result or ""
    elif step.is_retrieval:
        yield "gen_ai.operation.name", "retrieval"
    elif step.name.startswith("call "):
        yield "gen_ai.operation.name", "invoke_workflow"
        yield "gen_ai.workflow.name", step.name.removeprefix("call ")


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
