"""A library's desk: renews loans, and answers questions from its own documents. Change it into yours.

Run it:      interlock index build knowledge -o index
             interlock run -i requests.jsonl -o out --app app.py --index index
Talk to it:  interlock chat --app app.py --index index
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from loans import LONGEST, Loan, Loans, Renewed  # a file beside this one
from pydantic import Field

from interlock import (
    App,
    Contract,
    Escalation,
    Quote,
    Refused,
    Run,
    Said,
    Scratchpad,
    action,
    guardrail,
    step,
    workflow,
)

# 1. Values. A model copies the customer's words, and code reads them. A class of your own needs `read`: it returns the
#    value, or None where the words hold none, and then the customer is asked. It should never guess.


class CardNumber(str):
    """The number of a library card, such as L-10234."""

    @classmethod
    def read(cls, text: str, today: date) -> CardNumber | None:
        found = re.search(r"\bL-?(\d{5})\b", text, re.IGNORECASE)
        return cls(f"L-{found[1]}") if found else None


# 2. Forms. A description is the hint to the model and the question to the customer. A field that may be missing is
#    `Said[…] | None = None`: then nobody is asked for it.


class Renewal(Contract):
    thinking: Scratchpad  # private: written first, kept in the journal, never shown
    card: Said[CardNumber] = Field(description="What is the number on your library card?")


class Answer(Contract):
    thinking: Scratchpad
    quote: Quote  # one to three whole sentences of a passage, word for word


# 3. Steps read, actions change. The journal keeps what they return, so that neither runs twice; an action hands its key
#    to whatever it changes, and its check tells after a crash whether it happened.


@step
async def find_loan(state: Path, card: str) -> Loan | None:
    return Loans(state).find(card)


@action
async def renew(state: Path, card: str, today: date, *, key: str) -> Renewed:
    renewed = Loans(state).renew(card, today, key)
    if renewed is None:
        raise Refused("Somebody else has reserved that book in the meantime.")
    return renewed


@renew.check
async def was_renewed(state: Path, card: str, today: date, *, key: str) -> Renewed | None:
    return Loans(state).renewed(key)


# 4. Rules. The docstring is what the customer is told; `field` is what they can change to mend it.


@guardrail(field="card")
def has_a_loan(loan: Loan | None) -> bool:
    """We have no loan under that card."""
    return loan is not None


@guardrail
def can_be_renewed(loan: Loan, today: date) -> bool:
    """That book has been out for twelve weeks, and is due back."""
    return loan.due_after_renewal(today) <= loan.since + LONGEST


# 5. Workflows: one for each intent. Docstring and examples are what the gate reads; an action that is not listed cannot
#    be called. What it returns is a text, a Contract, or an Escalation to a person.


@workflow(
    intent="renew",
    examples=[
        "Please renew my book",
        "I would like to keep it longer",
        "Can you extend my loan?",
        "I need my book for another few weeks",
        "Renew the loan on card L-10234",
    ],
    actions=[renew],
    form=Renewal,
)
async def renew_loan(run: Run) -> str:
    """Renew the loan of a book."""
    wish = await run.collect(Renewal)
    loan = await run.step(find_loan, run.state, wish.card)
    await run.require(has_a_loan, loan)
    assert loan is not None  # the rule holds, or we are not here
    await run.require(can_be_renewed, loan, run.today)
    if not await run.confirm(f"Renew “{loan.title}” until {loan.due_after_renewal(run.today)}?"):
        return "Nothing was renewed."
    try:
        renewed = await run.do(renew, run.state, wish.card, run.today)
    except Refused as refused:
        return str(refused)
    return f"“{renewed.title}” is renewed until {renewed.due}."


@workflow(
    intent="ask",
    examples=[
        "When are you open?",
        "What does a library card cost?",
        "How long can I keep a book?",
        "Do you charge for late books?",
        "How many books may I borrow?",
    ],
)
async def ask(run: Run) -> str | Escalation:
    """Ask about the library: opening hours, cards, fees, how long and how many."""
    passages = await run.retrieve(run.text)
    if not passages:
        return Escalation("librarian", "Our documents do not answer this question.")
    answer = await run.generate(Answer, run.text, evidence=passages)
    return answer.quote


app = App(
    "Library desk",
    workflows=[renew_loan, ask],
    knowledge=Path(__file__).parent / "knowledge",
    prepare=Loans.create,  # makes the app's own files in the folder of results
    out_of_scope="I can renew loans and answer questions about the library.",
    out_of_scope_examples=["What is the weather like?", "Book me a flight", "Tell me a joke", "Write a poem for me"],
)
