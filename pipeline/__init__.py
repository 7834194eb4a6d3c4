"""What happens to a request: gate, clarification, retrieval, constrained generation, guarded action, outcome.

Importing it is cheap: no model and no encoder is loaded.
"""

from pipeline.action import Action, Step, action, step
from pipeline.app import App, load_app
from pipeline.batch.batch import run_batch
from pipeline.batch.requests import BadLine, Requests, read_requests
from pipeline.batch.summary import Summary
from pipeline.chat.dialogues import Dialogues
from pipeline.chat.transcript import Handed, Spoken, Transcript
from pipeline.costs import Costs
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
    Progress,
    RecordFinished,
    RecordStarted,
    Routed,
    StepFinished,
    StepStarted,
    TurnFinished,
)
from pipeline.forms.memory import Memory
from pipeline.guardrail import Guardrail, guardrail
from pipeline.journal.journal import Journal
from pipeline.outcome import Ending, Escalation, Outcome, Part, Question, Receipt
from pipeline.prompts.example import Example
from pipeline.record import BadRecord, Record, Turn
from pipeline.routing.decision import Decision
from pipeline.routing.router import Router
from pipeline.run.declaration import workflow
from pipeline.run.run import Run
from pipeline.runtime.equipment import Equipment
from pipeline.runtime.launch import Launch
from pipeline.runtime.pipeline import Pipeline
from pipeline.runtime.session import Session
from pipeline.workflow import Workflow

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
    "Costs",
    "Decision",
    "Dialogues",
    "Ending",
    "Equipment",
    "Escalated",
    "Escalation",
    "Event",
    "Example",
    "Failed",
    "Guardrail",
    "GuardrailViolation",
    "Handed",
    "InterlockError",
    "Journal",
    "JournalError",
    "Launch",
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
    "Progress",
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
    "Session",
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
