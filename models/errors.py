"""What can go wrong while text is generated, and what to do about it. Knows no engine.

ModelError
├── ContractError          a class that no grammar can enforce: fix the class
├── UnfitPackage           a package is of a version that lacks what Interlock needs of it
└── EngineError            the engine did not deliver
    ├── EngineUnavailable  the server is gone: may be tried again
    ├── PromptTooLong      prompt + budget do not fit the model's context
    │   └── BudgetTooSmall not even the shortest answer fits into the tokens it may take
    ├── ModelNotFound      no such model
    ├── NotFetched         a model could not be brought into the cache: network, disk, or another content than expected
    ├── PromptedFailure    a model without grammar never wrote an answer that its contract accepts
    ├── RequestRefused     the server does not take such a request: something in it is unknown or not allowed there
    │   └── TooComplex     a grammar asks for more than llguidance builds while a text is generated
    ├── ConstraintBroken   the engine returned text that its grammar forbids: a fault in the engine or in Interlock
    └── NotEnforced        the canary found, before any work, that the engine does not enforce grammars
"""

from __future__ import annotations


class ModelError(Exception):
    """`str(error)` is one sentence, what happened, followed by the hint, what to do."""

    hint: str = ""

    def __init__(self, what: str, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        if hint is not None:
            self.hint = hint

    def __str__(self) -> str:
        return f"{self.what} {self.hint}".rstrip()


class ContractError(ModelError):
    """A contract, or one field of it, cannot be enforced token by token."""

    hint = "Change the field so that its longest text is known."


class UnfitPackage(ModelError):
    """A package does not have, or no longer has, what is needed of it: see models/interfaces.py."""

    hint = "Install a version that was tested."


class EngineError(ModelError):
    """The engine did not deliver a completion."""

    hint = "Look at the engine's log."


class EngineUnavailable(EngineError):
    """The server does not answer. Nothing is known to be wrong with the request."""

    hint = "Check that the server is running, then try again."


class PromptTooLong(EngineError):
    """Prompt and budget together exceed the model's context; raised before a token is generated."""

    hint = "Shorten the input, or use a model with a longer context."


class BudgetTooSmall(PromptTooLong):
    """Not even the shortest text of a grammar fits into the tokens that it may take; before one is generated."""

    hint = "Let the answer take more tokens, or shorten the prompt."


class ModelNotFound(EngineError):
    """The name is neither a folder with a model nor a model that the server serves."""

    hint = "Give a folder with a model, models/tiny, or the address of a vLLM server."


class NotFetched(EngineError):
    """A model that is known could not be downloaded, checked or written."""

    hint = "Give the same command again."


class PromptedFailure(EngineError):
    """Asked in a prompt instead of by a grammar, the model's replies were refused to the last."""

    hint = "Use an engine that enforces grammars, or a stronger model."


class RequestRefused(EngineError):
    """The server understood who asks and for which model, and does not take a request of this form."""


class TooComplex(RequestRefused):
    """A grammar could be compiled, and asked for more than llguidance builds while a text was generated."""

    hint = "Let it have fewer texts, or shorter ones."


class ConstraintBroken(EngineError):
    """Text came back that the grammar forbids, or it was cut although the budget covers the longest text.

    `text` is what came back, where something did: it may be private, so it is no part of the message. `cut`: nothing is
    wrong with it but that it ended with its budget. `tokens`: of the prompt and of the text, as far as they are known.
    """

    hint = "Report this."

    def __init__(
        self,
        what: str,
        hint: str | None = None,
        text: str = "",
        cut: bool = False,
        tokens: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__(what, hint)
        self.text = text
        self.cut = cut
        self.tokens = tokens


class NotEnforced(EngineError):
    """At start-up a text came back that its grammar forbids: nothing that this engine says would be guaranteed."""

    hint = "Give `--enforcement prompted`: then the format is asked for, parsed and repaired, not enforced."


def reason_of(error: Exception) -> str:
    """Why a file could not be used, for a sentence that names the file: without numbers of errors, paths and bytes."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
