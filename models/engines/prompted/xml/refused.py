"""ReplyRefused: why a reply is no value of its contract, in words that a model can act on."""

from __future__ import annotations

from models.errors import ModelError


class ReplyRefused(ModelError):
    """`what` names the tag and what is wrong. `incomplete`: something is missing, nothing is known to be wrong."""

    hint = ""

    def __init__(self, what: str, incomplete: bool = False) -> None:
        super().__init__(what)
        self.incomplete = incomplete
