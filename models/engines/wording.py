"""Wording: what an engine itself says to a model, around what it is asked. Notation: that of string.Template."""

from __future__ import annotations

from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.engines.profiles import Profile


@dataclass(frozen=True)
class Wording:
    """`xml`: how to answer where no grammar is enforced, behind the caller's own instruction, which may ask for JSON.

    `xml_refused`: what was wrong with such a reply. `notes`: how a model that thought before its answer sees its
    thought; in a message, since not every server lets a request begin the answer.
    """

    xml: str = """\
Write the answer as XML instead of JSON, with exactly these tags in this order. In place of each … stands one
value; what is in parentheses tells which, and is not repeated. Where it offers null="true" and there is no value,
write the tag empty and with that: <name null="true"/>. Write an item or entry once for each there is. In a value,
write &lt; for < and &amp; for &. If you have to think, think first, between <thinking> and </thinking>.

$form"""
    xml_refused: str = (
        "That was refused. $error Write the whole answer again, from <$tag> to </$tag>, and nothing else."
    )
    notes: str = "Your private notes on this, made before; nobody else sees them:\n$thought\n\nNow answer."

    def for_model(self, profile: Profile) -> Wording:
        """A model that was trained on one layout is told nothing of a user's own."""
        return Wording() if profile.layout == "copier" else self


def said(template: str, **holes: str) -> str:
    """The template with its holes filled."""
    return Template(template).substitute(holes)
