"""SmallTalk: what people say in a conversation that is no request, and what is answered, without a model and a gate.

Only a message that is nothing else is taken for it: "thanks, and cancel my booking" is a request.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.outcome import Escalation

ASKED_FOR = "A person was asked for."
"""Why such a case was handed over."""

PROGRAM = "I am a program."
"""What whoever asks is told first."""

_POLITE = r"(?:(?:hi|hello|hey|ok|okay|please|great|perfect|sorry)\s+)*"
_PERSON = r"(?:an? )?(?:real |human |live )*(?:human(?: being)?|person|agent|operator|somebody|someone)"
_THANKS = re.compile(
    r"(?:ok(?:ay)?|great|perfect|super)?\s*(?:thanks|thank you|thx|cheers)(?: (?:so|very) much| a lot| again)*"
    r"(?: for (?:your|the) help)?(?: bye| goodbye)?"
)
_GREETING = re.compile(r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|greetings)(?: there| everybody| all)?")
_ABLE = re.compile(
    rf"{_POLITE}(?:what can (?:you|i) (?:do|ask(?: you)?)(?: for me| here)?|what do you do|how can you help(?: me)?"
    r"|what can you help(?: me)? with|what are you able to do|can you help(?: me)?|help)"
)
_WHO = re.compile(
    rf"{_POLITE}(?:who are you|what are you|(?:are you|am i (?:talking|speaking|chatting) (?:to|with))"
    rf" (?:an? )?(?:real |actual )?(?:ro)?(?:bot|human(?: being)?|person|machine|computer|program|ai))"
)
_HUMAN = re.compile(
    rf"{_POLITE}(?:(?:can|could|may) i (?:talk|speak|chat) (?:to|with) {_PERSON}"
    rf"|(?:i (?:want|need|would like|d like) to |let me )(?:talk|speak|chat) (?:to|with) {_PERSON}"
    rf"|(?:get|give|put|connect) me (?:through )?(?:to |with )?{_PERSON}|i (?:want|need) {_PERSON}"
    rf"|{_PERSON})(?: please)?"
)


@dataclass(frozen=True)
class SmallTalk:
    """An app's words. `thanks`: for thanks; `greeting`: before what it can do, for a greeting; `able`: what it can do,
    before the list of its workflows; "" leaves each to the gate. `person`: whether whoever asks for a person is handed
    over at once.
    """

    thanks: str = "You are welcome. Is there anything else?"
    able: str = "I can"
    person: bool = True
    greeting: str = "Hello."

    def answer(self, text: str, phrases: Sequence[str]) -> str | Escalation | None:
        """What a message that is nothing else is answered; None for all others. `phrases`: "book a flight", …"""
        said, able = _plain(text), f"{self.able} {_listed(phrases)}."
        if self.thanks and _THANKS.fullmatch(said):
            return self.thanks
        if self.greeting and _GREETING.fullmatch(said):
            return f"{self.greeting} {able}" if self.able else self.greeting
        if self.able and _WHO.fullmatch(said):
            return f"{PROGRAM} {able}"
        if self.able and _ABLE.fullmatch(said):
            return able
        return Escalation("human", ASKED_FOR) if self.person and _HUMAN.fullmatch(said) else None

    def beside(self, text: str, phrases: Sequence[str]) -> str | Escalation | None:
        """The same for an answer to a question, which is asked again behind it, and so needs no other one."""
        said = self.answer(text, phrases)
        if said is not None and _GREETING.fullmatch(_plain(text)):
            return self.greeting
        return f"{self.thanks.partition('.')[0]}." if said == self.thanks else said


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower().replace("'", " ").replace("’", " ")).split())


def _listed(phrases: Sequence[str]) -> str:
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} or {phrases[-1]}"
