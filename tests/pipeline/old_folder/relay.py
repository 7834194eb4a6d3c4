"""Relay: a courier whose five workflows use between them every method of a Run, and can be held up anywhere.

A folder of results that this app half finished is kept beside it: not a byte of this file may change, for its hash and
its steps' digests are in that folder. It uses public names only. A file `hold` among its own files names the moments
at which work stands still until the file is gone, and the process can be killed.
"""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field

from models import Contract, Quote, Said, Scratchpad
from pipeline import (
    App,
    Escalation,
    GuardrailViolation,
    Refused,
    Run,
    StepFailed,
    WrongIntent,
    action,
    guardrail,
    step,
    workflow,
)

CARRIERS = {"bike": "A bicycle, for what is light.", "van": "A van, for what is heavy.", "ship": "A ship, slow."}
UNASKED = ("lamp", "bell", "anvil", "clock", "glass", "statue", "vase")
"""Things that are sent without a last question."""
TOWNS = ("Goa", "Pune", "Delhi", "Agra", "Kochi")


class Parcel(Contract):
    """What is to be sent."""

    thinking: Scratchpad
    item: Said[str] = Field(description="What shall we send?")
    town: Said[str] = Field(description="Where to?")
    day: Said[date] = Field(description="On which day?")


class Claim(Contract):
    """What was damaged."""

    item: Said[str] = Field(description="What was damaged?")
    parcel: Said[int] | None = Field(None, description="What is the number of the parcel?")


class Sent(Contract):
    """A parcel that is on its way."""

    thinking: Scratchpad
    reference: str = Field(max_length=80)
    carrier: str = Field(max_length=8)
    day: date
    price: Decimal = Field(max_digits=8, decimal_places=2)


class Terms(Contract):
    """An answer from our terms."""

    thinking: Scratchpad
    quote: Quote
    allowed: Literal["yes", "no"] = Field(description="Whether we allow what is asked about.")


async def moment(state: Path, name: str) -> None:
    """Stand still here for as long as a file `hold`, here or in a folder above, names this moment."""
    for folder in (state, *state.parents[:3]):
        while (folder / "hold").exists() and name in (folder / "hold").read_text(encoding="utf-8").split():
            (folder / f"at-{name}").touch()
            await asyncio.sleep(0.01)


def note(state: Path, book: str, key: str, text: str) -> None:
    """Write into one of the books of this courier what was done, under its key."""
    with (state / book).open("a", encoding="utf-8") as lines:
        lines.write(f"{key} {text}\n")


def noted(state: Path, book: str, key: str) -> str | None:
    """What a book says under a key."""
    path = state / book
    rows = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((row.split(" ", 1)[1] for row in rows if row.startswith(f"{key} ")), None)


@guardrail(field="day")
def no_sunday(day: date) -> bool:
    """Nobody collects parcels on a Sunday."""
    return day.weekday() != 6


@guardrail(field="town")
def is_reached(town: str) -> bool:
    """We do not go there."""
    return town in TOWNS


@guardrail
def is_lawful(item: str) -> bool:
    """Fireworks are not sent."""
    return item != "fireworks"


@guardrail
async def is_short(quote: str, state: Path) -> bool:
    """The quote must not have more than fifty characters."""
    await moment(state, f"quote-{len(quote)}")
    return len(quote) <= 50


@step
async def weigh(state: Path, item: str) -> int:
    await moment(state, f"weigh-{item}")
    if item == "ghost":
        raise ValueError("it weighs nothing")
    return len(item)


@step
async def rate(town: str, weight: int, *, today: date) -> Decimal:
    return Decimal(weight * (TOWNS.index(town) + 1)) + Decimal("0.50")


@step
async def look(state: Path, depot: str, number: str) -> str | None:
    await moment(state, f"look-{depot}-{number}")
    return None if depot == "south" else f"{number} was seen in the {depot}"


async def measure(number: str) -> dict[str, int]:
    return {number: len(number)}


@action
async def wrap(state: Path, item: str, paper: str, key: str) -> str:
    await moment(state, f"wrap-{item}")
    note(state, "wrapped.txt", key, f"{item} in {paper}")
    return f"{item} in {paper}"


@wrap.check
async def wrapped(state: Path, item: str, paper: str, key: str) -> str | None:
    return noted(state, "wrapped.txt", key)


@action
async def ship(state: Path, item: str, town: str, day: date, key: str) -> str:
    if item == "glass":
        raise Refused("The last van for glass left a moment ago.")
    await moment(state, f"before-{item}")
    note(state, "shipped.txt", key, f"{item} to {town} on {day}")
    await moment(state, f"after-{item}")
    if item == "clock":
        raise TimeoutError("no answer from the depot")
    return f"{item} to {town} on {day}"


@ship.check
async def shipped(state: Path, item: str, town: str, day: date, key: str) -> str | None:
    return noted(state, "shipped.txt", key)


@action
async def refund(state: Path, item: str, key: str) -> int:
    note(state, "refunded.txt", key, item)
    await moment(state, f"refund-{item}")
    if item == "radio":
        raise TimeoutError("no answer from the bank")
    return len(item)


@action(approval=True)
async def insure(state: Path, what: str, worth: str, key: str) -> str:
    note(state, "insured.txt", key, f"{what} for {worth}")
    return f"{what} is insured for {worth}"


@workflow(intent="pack", actions=[wrap])
async def pack(run: Run, item: str) -> str | Escalation:
    """Pack one thing."""
    run.say(f"Packing the {item}…")
    if item == "piano":
        return Escalation("dock", "A piano does not fit into a box.")
    if await run.step(weigh, run.state, item) > 8:
        return Escalation("dock", f"The {item} is too heavy to be packed.")
    paper = await run.ask("In which paper?", choices=["brown paper", "red paper"]) if item == "vase" else "brown paper"
    return await run.do(wrap, run.state, item, paper)


@workflow(intent="seek")
async def seek(run: Run, number: str, depot: str) -> str | None:
    """Look for one parcel in one depot."""
    return await run.step(look, run.state, depot, number)


@workflow(
    intent="send_parcel",
    examples=[
        "I want to send a parcel to Goa",
        "Please send a book to Delhi on Monday",
        "Can you deliver a present to my aunt in Pune tomorrow?",
        "Pick up a box and bring it to Agra",
        "Send two bottles to Kochi on 3 December",
        "I have a package that has to go to Delhi",
        "Ship a lamp to Goa on 5 December",
    ],
    actions=[ship],
    calls={pack: 2},
    form=Parcel,
)
async def send_parcel(run: Run) -> Sent | str:
    """Send a parcel: collect it, pack it and bring it to another town."""
    parcel = await run.collect(Parcel, guardrails=[no_sunday])
    await run.require(is_lawful, parcel.item)
    await run.require(is_reached, parcel.town)
    run.say("Asking the depot…")
    try:
        weight = await run.step(weigh, run.state, parcel.item)
    except StepFailed as failed:
        said = await run.ask(f"It could not be weighed ({failed.message}). How many kilos has it?", field="kilos")
        weight = int(said)
    price = await run.step(rate, parcel.town, weight, today=run.today)
    carrier = await run.choose("Which carrier fits?", CARRIERS)
    packed = await run.call(pack, parcel.item)
    if parcel.item == "set":
        packed = f"{packed}, {await run.call(pack, 'vase')}"
    offer = f"Send {packed} to {parcel.town} on {parcel.day} by {carrier} for {price}?"
    if (not run.sure or parcel.item not in UNASKED) and not await run.confirm(offer):
        return "Nothing was sent."
    run.say("Booking…")
    try:
        reference = await run.do(ship, run.state, parcel.item, parcel.town, parcel.day)
    except Refused as refused:
        return f"{refused} Nothing was sent."
    return Sent(thinking="", reference=reference, carrier=carrier, day=parcel.day, price=price)


@workflow(
    intent="track_parcel",
    examples=[
        "Where is my parcel?",
        "Track parcel 4711",
        "Has my package arrived yet?",
        "When will my delivery come?",
        "I am still waiting for parcel 12, where is it?",
        "What is the status of my shipment?",
        "Tell me where parcel 99 is right now",
    ],
    calls={seek: 3},
)
async def track_parcel(run: Run) -> str | Escalation:
    """Track a parcel: find out where it is now."""
    number = next((word for word in run.text.replace("?", " ").split() if word.isdecimal()), None)
    if number is None:
        number = await run.ask("What is its number?", field="number")
    run.say("Calling the depots…")
    seen = await asyncio.gather(*(run.step(look, run.state, depot, number) for depot in ("north", "south", "west")))
    called = await asyncio.gather(run.call(seek, number, "east"), run.call(seek, number, "south"))
    await run.step(measure, number)
    places = [place for place in (*seen, *called) if place is not None]
    if number == "13":
        return Escalation("depot", f"Parcel {number} is lost: {places[0]}.")
    if number == "666":
        raise RuntimeError("the depot is on fire")
    return f"{'; '.join(places)}."


@workflow(
    intent="ask_terms",
    examples=[
        "What may I not put into a parcel?",
        "Do you take live animals?",
        "How heavy may a package be?",
        "What does a returned parcel cost?",
        "Is it allowed to send perfume?",
        "Which things are forbidden in a box?",
        "How long do you keep what nobody collects?",
    ],
)
async def ask_terms(run: Run) -> Terms | Escalation:
    """Ask about our terms: weights, forbidden things, fees."""
    run.say("Reading our terms…")
    passages = await run.retrieve(run.in_context(run.text), 2)
    answer = await run.generate(Terms, run.text, passages, [is_short])
    if answer.allowed == "no" and "perfume" in run.text:
        return Escalation("desk", "Perfume needs a licence.")
    return answer


@workflow(
    intent="claim_damage",
    examples=[
        "My parcel arrived broken, I want my money back",
        "The vase was smashed when it came",
        "You damaged my radio, pay for it",
        "The box was crushed and the lamp is in pieces",
        "I want to claim for a broken mirror",
        "What I received is damaged, give me a refund",
    ],
    actions=[refund],
    form=Claim,
)
async def claim_damage(run: Run) -> str | Escalation:
    """Claim for damage: get money back for what arrived broken."""
    if "nowhere" in run.text:
        raise WrongIntent("Nothing is damaged that did not arrive.")
    if "voucher" in run.text:
        return f"We paid {await run.do(refund, run.state, 'voucher')}."
    claim = await run.collect(Claim)
    if claim.item == "crown":
        raise GuardrailViolation("is_modest", "We do not pay for crowns.")
    how = await run.choose("How was it damaged?", ["broken", "wet", "lost"])
    paid = await run.do(refund, run.state, claim.item)
    done = sorted({row.name for row in run.memory.done})
    return f"We paid {paid} for the {how} {claim.item}, known as {sorted(run.memory.values)} after {done}."


@workflow(
    intent="insure_parcel",
    examples=[
        "I want to insure a parcel",
        "Please insure my painting against loss",
        "Can I get insurance for a ring?",
        "How do I take out a policy for the violin that you carry?",
        "Cover my camera against theft",
        "Insurance for the jewels, please",
    ],
    actions=[insure],
)
async def insure_parcel(run: Run) -> str:
    """Insure a parcel against loss and theft."""
    what = run.text.rstrip(".!?").split()[-1]
    worth = await run.ask("What is it worth?", field="worth", choices=["100", "1000"])
    if not await run.approve(insure, run.state, what, worth, question=f"Insure the {what} for {worth}?"):
        return "Nothing was insured."
    return await run.do(insure, run.state, what, worth)


def prepare(state: Path, today: date) -> None:
    """Open the books."""
    for book in ("wrapped.txt", "shipped.txt", "refunded.txt", "insured.txt"):
        (state / book).touch()


app = App(
    "relay",
    [send_parcel, track_parcel, ask_terms, claim_damage, insure_parcel],
    knowledge=Path(__file__).with_name("knowledge"),
    prepare=prepare,
    out_of_scope="We only carry parcels.",
    out_of_scope_examples=[
        "Tell me a joke",
        "What is the weather like?",
        "Who won the match?",
        "Write me a poem",
        "Sing me a song",
        "How do I cook rice?",
    ],
)
"""Its knowledge is three pages of terms."""
