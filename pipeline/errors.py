"""What can go wrong in the pipeline. Knows nothing of how text is generated: see models/errors.py for that half.

InterlockError                an ordinary error; `str(error)` is one sentence: what happened and what to do
├── UsageError                the caller asked for something that cannot be done: exit code 2, nothing changed
│   ├── UnknownConversation   there is no conversation, or escalation, of that id
│   ├── Busy                  another message of the conversation, or another operator, comes first
│   ├── ActionNotUnlocked     a workflow called an action, or a workflow, that its intent does not list
│   └── NotApproved           an action that needs a person's approval was called without it
├── ClusterError              the machines of a cluster are gone; the run stops and can be resumed
├── JournalError              the journal cannot be read or written; the run stops and can be resumed
│   └── Unwritable            the disk does not take it now: it may when there is space again
├── ReplayMismatch            a workflow asked for another step than the journal holds
├── GuardrailViolation        a rule does not hold and nobody was left to mend it
└── StepFailed                a step raised; the same on every replay
    └── Refused               raised by an action: nothing was done, and why

Suspend (BaseException)       not an error: the run waits for a person. No `except Exception` can swallow it.
WrongIntent (BaseException)   not an error: the request is for another workflow; the gate decides once more
Dropped (BaseException)       not an error: the customer takes the request back
Escalation (BaseException)    not an error: a person takes over (outcome.py)
"""

from __future__ import annotations

from pipeline.outcome import Question


class InterlockError(Exception):
    """Base of every error of this package."""


class UsageError(InterlockError):
    """The caller's mistake: a missing file, an app that is none, a guardrail that cannot be applied."""


class UnknownConversation(UsageError):
    """An id under which nothing is kept."""


class Busy(UsageError):
    """Somebody else is at it: a message is still being worked on, or another operator has taken the escalation."""


class ActionNotUnlocked(UsageError):
    """A workflow called an action that its `actions=[…]` does not list, or a workflow that its `calls` does not.

    Nothing was done.
    """

    def __init__(self, name: str, intent: str, listed: str = "actions") -> None:
        kind = "action" if listed == "actions" else "workflow"
        super().__init__(
            f"The intent '{intent}' does not unlock the {kind} '{name}': list it in @workflow({listed}=[…]) if it may."
        )


class NotApproved(UsageError):
    """An action declared with `approval=True` was called with arguments that nobody approved. Nothing was done."""

    def __init__(self, action: str) -> None:
        super().__init__(
            f"The action '{action}' needs a person's approval of exactly these arguments: call `await run.approve` with"
            " them first."
        )


class JournalError(InterlockError):
    """The journal cannot be opened, read or written."""


class Unwritable(JournalError):
    """The disk did not take a write, such as a full one. What was told before is kept; later writes are tried again."""


class ClusterError(InterlockError):
    """Machines or processes of a cluster were lost, and others could not take over."""


class ReplayMismatch(InterlockError):
    """The workflow took another path than the journal holds: its code changed, or it is not deterministic."""

    def __init__(self, record: str, position: str, recorded: str, called: str, changed: str) -> None:
        super().__init__(
            f"Record '{record}', step {position}: the journal holds '{recorded}' but the workflow called '{called}'"
            f" ({changed}); run it with the code that wrote the journal, or in a new folder."
        )
        self.record = record
        self.position = position
        self.recorded = recorded
        self.called = called
        self.changed = changed


class GuardrailViolation(InterlockError):
    """A guardrail does not hold. `str(error)` is its message, which is meant for the customer as well."""

    def __init__(self, guardrail: str, message: str) -> None:
        super().__init__(message)
        self.guardrail = guardrail


class StepFailed(InterlockError):
    """A step raised an exception. Recorded: a replay raises the same without running the step again."""

    def __init__(self, step: str, kind: str, message: str) -> None:
        super().__init__(f"The step '{step}' failed with {kind}: {message}" if kind != "Refused" else message)
        self.step = step
        self.kind = kind
        self.message = message


class Refused(StepFailed):
    """Raised by an action to say that it did nothing, and why ("The last seat was sold a moment ago.").

    Every other exception out of an action leaves open whether the side effect happened.
    """

    def __init__(self, message: str, step: str = "") -> None:
        super().__init__(step, "Refused", message)


class Suspend(BaseException):
    """The run needs an answer from a person. Raised by `Run.ask`, caught by the pipeline alone."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.text)
        self.question = question


class WrongIntent(BaseException):
    """This workflow is not what the customer wants: the gate decides again without it, at most twice.

    Raised by a workflow that finds nothing it needs in the text, or when the customer changes the subject: `text` is
    then what the gate decides on, with every workflow open to it. Actions that were done stay done. `corrected`: the
    text takes the place of what was said before, which was then not meant.
    """

    def __init__(self, reason: str = "", text: str | None = None, corrected: bool = False) -> None:
        super().__init__(reason or "The request is for another workflow.")
        self.text = text
        self.corrected = corrected


class Dropped(BaseException):
    """The customer said "never mind" to a question, or left it unanswered for too long, which `str(dropped)` then says.

    Raised by every question, caught by the pipeline alone.
    """


def first_line(error: BaseException) -> str:
    """What an error of somebody else's says, without what follows its first line; its class if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
