"""What happens to a request: gate, clarification, retrieval, constrained generation, guarded action, outcome.

Importing it is cheap: no model and no encoder is loaded.
"""

from pipeline.app import App, load_app
from pipeline.batch import run_batch
from pipeline.conversation import Turn
from pipeline.dialogue import Dialogues
from pipeline.errors import (
    ActionNotUnlocked,
    Busy,
    GuardrailViolation,
    InterlockError,
    JournalError,
    NotApproved,
    Refused,
    ReplayMismatch,
    StepFailed,
    Suspend,
    UnknownConversation,
    UsageError,
    WrongIntent,
)
from pipeline.events import (
    ActionCommitted,
    Answered,
    Asked,
    Escalated,
    Event,
    Failed,
    Listener,
    MessageReceived,
    Numbered,
    OperatorJoined,
    OperatorLeft,
    OperatorSaid,
    RecordFinished,
    RecordStarted,
    Routed,
    Said,
    StepFinished,
    StepStarted,
    TurnFinished,
)
from pipeline.guardrails import Guardrail, guardrail
from pipeline.journal import Journal
from pipeline.memory import Memory
from pipeline.outcome import Escalation, Outcome, Part, Question
from pipeline.pipeline import Pipeline
from pipeline.receipt import Receipt
from pipeline.record import BadRecord, Record
from pipeline.requests import BadLine, Requests, read_requests
from pipeline.router import Decision, Router
from pipeline.run import Run
from pipeline.summary import Summary
from pipeline.transcript import Handed, Spoken, Transcript
from pipeline.workflow import Action, Step, Workflow, action, step, workflow

__all__ = [
    "Action",
    "ActionCommitted",
    "ActionNotUnlocked",
    "Answered",
    "App",
    "Asked",
    "BadLine",
    "BadRecord",
    "Busy",
    "Decision",
    "Dialogues",
    "Escalated",
    "Escalation",
    "Event",
    "Failed",
    "Guardrail",
    "GuardrailViolation",
    "Handed",
    "InterlockError",
    "Journal",
    "JournalError",
    "Listener",
    "Memory",
    "MessageReceived",
    "NotApproved",
    "Numbered",
    "OperatorJoined",
    "OperatorLeft",
    "OperatorSaid",
    "Outcome",
    "Part",
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
    "Spoken",
    "Step",
    "StepFailed",
    "StepFinished",
    "StepStarted",
    "Summary",
    "Suspend",
    "Transcript",
    "Turn",
    "TurnFinished",
    "UnknownConversation",
    "UsageError",
    "Workflow",
    "WrongIntent",
    "action",
    "guardrail",
    "load_app",
    "read_requests",
    "run_batch",
    "step",
    "workflow",
]
