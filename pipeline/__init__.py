"""What happens to a request: gate, clarification, retrieval, constrained generation, guarded action, outcome.

Importing it is cheap: no model and no encoder is loaded.
"""

from pipeline.app import App, load_app
from pipeline.batch import run_batch
from pipeline.conversation import Turn
from pipeline.errors import (
    ActionNotUnlocked,
    GuardrailViolation,
    InterlockError,
    JournalError,
    NotApproved,
    Refused,
    ReplayMismatch,
    StepFailed,
    Suspend,
    UsageError,
)
from pipeline.events import (
    ActionCommitted,
    Asked,
    Event,
    Listener,
    RecordFinished,
    RecordStarted,
    Routed,
    Said,
    StepFinished,
    StepStarted,
)
from pipeline.guardrails import Guardrail, guardrail
from pipeline.journal import Journal
from pipeline.outcome import Escalation, Outcome, Question
from pipeline.pipeline import Pipeline
from pipeline.receipt import Receipt
from pipeline.record import BadRecord, Record
from pipeline.requests import BadLine, Requests, read_requests
from pipeline.router import Decision, Router
from pipeline.run import Run
from pipeline.summary import Summary
from pipeline.workflow import Action, Step, Workflow, action, step, workflow

__all__ = [
    "Action",
    "ActionCommitted",
    "ActionNotUnlocked",
    "App",
    "Asked",
    "BadLine",
    "BadRecord",
    "Decision",
    "Escalation",
    "Event",
    "Guardrail",
    "GuardrailViolation",
    "InterlockError",
    "Journal",
    "JournalError",
    "Listener",
    "NotApproved",
    "Outcome",
    "Pipeline",
    "Question",
    "Receipt",
    "Record",
    "RecordFinished",
    "RecordStarted",
    "Refused",
    "ReplayMismatch",
    "Requests",
    "Routed",
    "Router",
    "Run",
    "Said",
    "Step",
    "StepFailed",
    "StepFinished",
    "StepStarted",
    "Summary",
    "Suspend",
    "Turn",
    "UsageError",
    "Workflow",
    "action",
    "guardrail",
    "load_app",
    "read_requests",
    "run_batch",
    "step",
    "workflow",
]
