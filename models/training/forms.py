"""The generated domains: what can be asked for, under which names, and how people say it.

A `Slot` has several names and descriptions (a form picks one), several carriers (phrases with `{}` where the value
goes) and a maker of values. A `Domain` adds openers. The travel domains use the sample app's own field names and
questions often, so that the shipped model is at home there; the others keep it from relying on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.training import values


@dataclass(frozen=True)
class Slot:
    """One thing that may be said: (name, description) pairs, carrier phrases, and a maker of values."""

    names: Sequence[tuple[str, str]]
    carriers: Sequence[str]
    make: values.Value
    likely: float = 0.6
    extra: bool = False
    """Said now and then, but not asked for by a form with fixed names: nobody must copy it into another field."""


@dataclass(frozen=True)
class Domain:
    """Openers, and the slots that may follow them; `fixed` keeps the first name of every slot most of the time."""

    openers: Sequence[str]
    slots: Sequence[Slot]
    pairs: Sequence[tuple[Slot, Slot, Sequence[str]]] = ()
    """Two slots that are often said in one breath: carriers with `{0}` and `{1}`."""
    fixed: float = 0.0


def _p(text: str) -> list[str]:
    return [part.strip() for part in text.split("|")]


def _names(text: str) -> list[tuple[str, str]]:
    pairs = (part.split("=") for part in _p(text))
    return [(name.strip(), hint.strip()) for name, hint in pairs]


WHERE_TO = Slot(
    _names("destination=Where do you want to go? | to=Destination | city=Which city do you travel to? | goal=Place to go to"),
    _p("to {} | to {} | to {} | for {} | towards {} | heading to {} | visiting {} | in {} | going to {} | our destination is {}"),
    values.city, 0.85,
)  # fmt: skip
WHERE_FROM = Slot(
    _names("origin=Where do you leave from? | from_city=City of departure | start=Where does the trip start?"),
    _p("from {} | from {} | from {} | leaving from {} | starting in {} | out of {} | departing from {} | we live in {}"
       " | I am in {} | departing {}"),
    values.city, 0.5,
)  # fmt: skip
LEAVE = Slot(
    _names("departure=On which day do you want to leave? | date=Date of travel | when=When do you want to travel?"),
    _p("on {} | on {} | {} | {} | for {} | leaving {} | leaving on {} | departing {} | by {} | around {} | flying {} | starting {}"),
    values.day, 0.7,
)  # fmt: skip
PARTY = Slot(
    _names("travellers=How many people travel? | passengers=Number of passengers | people=How many are you?"),
    _p("for {} people | for {} people | for {} of us | {} of us | for {} adults | {} passengers | for {} persons"
       " | {} tickets | {} seats | we are {} | for {} | party of {} | family of {} | {} pax | {} persons | there are {} of us"
       " | {} adult | {} ticket | just {} ticket | {} travellers | {} people"),
    values.count, 0.35,
)  # fmt: skip
COMPANY = Slot(
    PARTY.names,
    _p("for {} | for {} | {} | it's {} | {} will travel | {} are flying | tickets for {}"),
    values.party, 0.8,
)  # fmt: skip
COMING_BACK = Slot(
    _names("return_date=On which day do you come back? | back=Day of return"),
    _p("returning {} | back on {} | returning on {} | and back {} | coming home {} | until {} | back by {}"),
    values.day, 0.2, True,
)  # fmt: skip
HOUR = Slot(
    _names("time=At what time? | hour=Time of day"),
    _p("at {} | around {} | in the {} | not before {}"),
    values.clock,
    0.1,
    True,
)
CABIN = Slot(
    _names("cabin=Which class? | seating_class=Class of seat"), _p("in {} | {} | {} please"),
    lambda r: r.choice(("economy", "business class", "first class", "Economy", "Business", "premium economy")), 0.1, True,
)  # fmt: skip
BAGS = Slot(
    _names("bags=How many bags? | luggage=Pieces of luggage"),
    _p("with {} bags | and {} suitcases | {} bags"),
    values.count,
    0.07,
    True,
)
BUDGET = Slot(
    _names("budget=What is the most you want to pay? | max_price=Highest price | limit=How much may it cost?"),
    _p("under {} | under {} | for less than {} | below {} | within {} | max {} | my budget is {} | budget {} | budget of {}"
       " | not more than {} | up to {} | for {} at most | cheaper than {} | I can spend {} | if it costs under {}"
       " | keep it under {} | no more than {} | around {} | {} max | total budget: {} | {} | {} tops | {} altogether | {} total"
       " | {} is the limit | at most {} | not over {} | I have {} | we have {} in all | if possible below {}"),
    values.money, 0.45,
)  # fmt: skip
BOOKING = Slot(
    _names("booking=What is your booking reference? | reference=Reference number | code=Your booking code?"),
    _p("{} | {} | booking {} | booking {} | my booking {} | reference {} | ref {} | ref. {} | booking reference {} | PNR {} |"
       " number {} | reservation {} | trip {} | booking number is {} | (booking {}) | my reference is {} | ticket {} | it's {} |"
       " booking ref {} | confirmation {} | my PNR is {} | under reference {} | locator {} | booking no. {} | booking code: {}"),
    values.reference, 0.75,
)  # fmt: skip
NEW_DATE = Slot(
    _names("new_date=Which day do you want to travel instead? | new_day=New date | move_to=When instead?"),
    _p("to {} | to {} | to {} | to {} instead | onto {} | for {} | so that I fly on {} | to travel on {} | the new date is {}"
       " | I can only fly {} | I want {} instead | make it {} | {} would suit me"),
    values.day, 0.75,
)  # fmt: skip
AMOUNT = Slot(
    _names("amount=How much money is it about? | sum=Amount in question | money=How much?"),
    _p("I lost {} | you charged me {} | I paid {} | I was charged {} twice | I want my {} back | {} were taken from my card |"
       " the fee of {} is a joke | refund my {} | that cost me {} | you owe me {}"),
    values.money, 0.5,
)  # fmt: skip

BOOK = (
        _p("Book me a trip | book me a flight | I need a flight | I need tickets | Can you get me a flight | Get me a seat"
           " | please book a trip | I'd like to book a flight | I want to fly | we want to go | Looking for a flight | want to travel"
           " | Hi, I need a ticket | hey can u book | Hello, could you find us a flight | need to go | Plan a holiday | a one way ticket"
           " | Reserve a flight | Fly me | We would like to travel | trip | flight | Take me | I have to get | my wife and I want to fly"
           " | Could I get two things, a flight | My mother is ill, I must fly | planning a vacation | thinking about a trip")
)  # fmt: skip
EXTRAS = (COMING_BACK, HOUR, CABIN, BAGS)
OLD_DATE = Slot(
    _names("old_date=Which day is it booked for? | booked_for=Present date"), _p("from {} | of {} | on {} | booked for {}"),
    values.day, 0.2, True,
)  # fmt: skip
PAID = Slot(
    AMOUNT.names, _p("I paid {} | it cost me {} | the ticket was {} | that was {} | for which I paid {}"), values.money, 0.15, True
)  # fmt: skip
FLIGHT = Slot(
    _names("flight=Which flight? | flight_number=Number of the flight"), _p("flight {} | on flight {} | the {} flight | with {}"),
    values.flight, 0.1, True,
)  # fmt: skip
WHO = Slot(
    _names("name=What is your name? | passenger=Name of the passenger"), _p("my name is {} | this is {} | for {} | {} here"),
    values.person, 0.12, True,
)  # fmt: skip
ROUTE = Slot(
    _names("route=Where does it go? | to=Destination"), _p("to {} | the {} flight | for {}"), values.city, 0.25, True
)

TRIP = (WHERE_FROM, WHERE_TO, _p(
    "from {0} to {1} | {0} to {1} | {0} to {1} | {0} to {1} | {0} to {1} | {0} - {1} | {0}-{1} | {0} → {1} | {0} -> {1} | {0} > {1} |"
    " {0}/{1} | leaving {0} for {1} | {0} {1} | between {0} and {1} | out of {0}, into {1} | from {0} over to {1} | get from {0} to {1} |"
    " one way {0} to {1} | {0} to {1} return | {0} to {1}, one way | a {0} to {1} flight | flights {0} to {1} | fly {0} - {1}"
))  # fmt: skip
PAIRS = (
    TRIP, TRIP, TRIP,  # the one that is said so most often
    (WHERE_TO, WHERE_FROM, _p("to {0} from {1} | {0} from {1} | for {0}, starting from {1} | to {0}, we live in {1}")),
    (WHERE_TO, LEAVE, _p("{0} on {1} | {0}, {1} | {0} {1} | to {0} this time, {1}")),
    (LEAVE, PARTY, _p("{0}, {1} people | on {0}, {1} persons | {0} for {1} | {0}, {1} pax | {0} {1} adults | {0}, {1} adult")),
    (PARTY, BUDGET, _p("{0} people, {1} | {0} pax {1} | for {0}, max {1} | {0} persons, {1} altogether | {0} travellers, {1} tops")),
)  # fmt: skip
MOVES = (
    (OLD_DATE, NEW_DATE, _p("from {0} to {1} | from {0} onto {1} | {0} to {1} | {1} instead of {0} | not on {0} but on {1}")),
    (BOOKING, NEW_DATE, _p("{0} to {1} | {0}: {1} | {0} has to go to {1} | {0} must move to {1} | {0} needs to be on {1}")),
)  # fmt: skip

TRAVEL = (
    Domain(BOOK, (WHERE_TO, WHERE_FROM, LEAVE, PARTY, BUDGET, *EXTRAS), PAIRS, 0.75),
    Domain(BOOK, (WHERE_TO, WHERE_FROM, LEAVE, COMPANY, BUDGET, *EXTRAS), PAIRS, 0.75),
    Domain(
        _p("Change my flight | please move my booking | I need to change the date of | can I shift | reschedule | Move | postpone"
           " | I can't make it on time, change | could you please move my trip | Hi, something came up, rebook | bring forward"
           " | I'd like to fly on another day | push my flight | change date of | my plans changed, please switch"),
        (BOOKING, NEW_DATE, OLD_DATE, ROUTE, PAID, FLIGHT, WHO), MOVES, 0.75,
    ),
    Domain(
        _p("Cancel | please cancel my flight | I want to cancel | cancel my booking | I don't want to travel any more, cancel | kill"
           " | we can't go, please cancel | can you drop | call off my trip | get rid of | Cancel everything for | I need to cancel"),
        (BOOKING, OLD_DATE, ROUTE, PAID, FLIGHT, WHO), (), 0.75,
    ),
    Domain(
        _p("This is a disgrace! | I am really angry. | Your staff was rude. | My bag never arrived. | The flight was five hours late."
           " | worst airline ever!!! | I want to complain. | I was stranded all night. | Nobody answers the phone. | Unacceptable."
           " | Your crew was so impolite to my father. | Never again with you people! | The meal was cold and the lights did not work."
           " | I waited six hours in the heat. | You broke my violin. | I will write to the newspapers. | What a shame."
           " | My children cried all night because of you. | I want to talk to somebody in charge. | Third time I write to you!"
           " | You lost my suitcase | The seat was broken. | I demand a refund. | terrible service | I have been waiting for days."),
        (BOOKING, AMOUNT, OLD_DATE, ROUTE, FLIGHT, WHO), (), 0.75,
    ),
)  # fmt: skip

OTHERS = (
    Domain(
        _p("I need a table | Reserve a table | book dinner | table please | We would like to eat out"),
        (
            Slot(_names("restaurant=Which restaurant? | place=Name of the restaurant"), _p("at {} | in the {} | {} please"), values.venue),
            Slot(_names("guests=How many guests? | party_size=Number of people"), _p("for {} | for {} people | {} of us"), values.count),
            Slot(_names("day=On which day? | date=Date of the visit"), _p("on {} | {} | for {}"), values.day),
            Slot(_names("time=At what time? | hour=Time of arrival"), _p("at {} | around {} | {}"), values.clock),
            Slot(_names("name=Under which name? | guest_name=Name of the guest"), _p("under the name {} | for {} | my name is {}"), values.person),
        ),
    ),
    Domain(
        _p("My order is broken | I want my money back | return please | The parcel never came | I bought something"),
        (
            Slot(_names("order_id=Which order? | order=Order number"), _p("order {} | order number {} | {} | it is {}"), values.reference),
            Slot(_names("item=What did you buy? | product=Which product?"), _p("the {} | my {} | a {} | it was the {}"), values.thing),
            Slot(_names("price=What did you pay? | refund=Amount to pay back"), _p("I paid {} | it cost {} | {} please"), values.money),
            Slot(_names("delivered=When did it arrive? | delivery_date=Day of delivery"), _p("it came {} | arrived on {}"), values.day),
            Slot(_names("email=Your e-mail address? | contact=How can we reach you?"), _p("write to {} | my mail is {}"), values.email),
        ),
    ),
    Domain(
        _p("I need an appointment | Can I see a doctor | Book me in | I have to see someone | make an appointment"),
        (
            Slot(_names("doctor=With whom? | specialist=Name of the doctor"), _p("with {} | to see {} | at {}"), values.person),
            Slot(_names("patient=Who is the patient? | patient_name=Name of the patient"), _p("for {} | my son {} | I am {}"), values.person),
            Slot(_names("day=Which day suits you? | date=Date"), _p("on {} | {} | preferably {}"), values.day),
            Slot(_names("time=At what time? | slot=Time of day"), _p("at {} | {} | after {}"), values.clock),
            Slot(_names("phone=Your telephone number? | callback=Number to call back"), _p("call {} | my number is {}"), values.phone),
        ),
    ),
    Domain(
        _p("Transfer money | send money | I want to pay | make a payment | pay my bill"),
        (
            Slot(_names("amount=How much? | sum=Amount to send"), _p("{} | send {} | of {} | exactly {}"), values.money),
            Slot(_names("recipient=To whom? | payee=Name of the payee"), _p("to {} | for {} | to my friend {}"), values.person),
            Slot(_names("account=From which account? | iban=Account number"), _p("from account {} | from {} | account {}"), values.reference),
            Slot(_names("on=On which day? | due=Due date"), _p("on {} | {} | by {}"), values.day),
        ),
    ),
    Domain(
        _p("I need a room | Find me a hotel | book a stay | looking for somewhere to stay | hotel please"),
        (
            Slot(_names("location=In which city? | town=City of the hotel"), _p("in {} | near {} | around {}"), values.city),
            Slot(_names("hotel=Which hotel? | hotel_name=Name of the hotel"), _p("at {} | the {} | at the {}"), values.venue),
            Slot(_names("check_in=When do you arrive? | check_in_date=First night"), _p("from {} | checking in {} | arriving {}"), values.day),
            Slot(_names("check_out=When do you leave? | check_out_date=Day of departure"), _p("until {} | till {} | checking out {}"), values.day),
            Slot(_names("rooms=How many rooms? | number_of_rooms=Rooms to reserve"), _p("{} rooms | with {} rooms"), values.count),
            Slot(_names("stars=How many stars? | rating=Star rating"), _p("{} stars | with {} stars | {} star"), values.count),
            Slot(_names("nights=How many nights? | length=Length of stay"), _p("for {} nights | {} days | staying {} nights"), values.count),
            Slot(_names("price=What may a night cost? | rate=Price per night"), _p("under {} a night | {} per night"), values.money),
        ),
    ),
    Domain(
        _p("I need a car | call me a cab | rent a car | get me a ride | taxi please"),
        (
            Slot(_names("pickup=Where shall we pick you up? | pickup_location=Place of pick-up"), _p("from {} | at {} | pick me up at {}"), values.venue),
            Slot(_names("dropoff=Where to? | drop_location=Place of drop-off"), _p("to {} | drop me at {} | up to {}"), values.venue),
            Slot(_names("pickup_date=From which day? | start=First day"), _p("from {} | on {} | starting {}"), values.day),
            Slot(_names("return_date=When do you bring it back? | dropoff_date=Last day"), _p("until {} | back on {} | returning {}"), values.day),
            Slot(_names("riders=How many riders? | seats=Number of seats"), _p("for {} | {} seats | {} people"), values.count),
            Slot(_names("model=Which car? | car_type=Kind of car"), _p("a {} | preferably a {}"), values.phrase),
        ),
    ),
)  # fmt: skip

LABELS = [
    "colour",
    "size",
    "brand",
    "street",
    "floor",
    "flight",
    "gate",
    "seat",
    "team",
    "teacher",
    "subject",
    "school",
    "employer",
    "job",
    "hobby",
    "pet",
    "nickname",
    "language",
    "country",
    "district",
    "shop",
    "artist",
    "song",
    "album",
    "film",
    "author",
    "title",
    "chapter",
    "version",
    "branch",
    "server",
    "ticket",
    "device",
    "serial",
    "plate",
    "insurer",
    "policy",
    "allergy",
    "dose",
    "medicine",
    "supplier",
    "contract",
    "project",
    "manager",
    "department",
    "desk",
    "building",
    "platform",
    "track",
    "coupon",
    "voucher",
    "plan",
    "tariff",
    "station",
    "channel",
    "recipe",
    "drink",
    "dish",
    "course",
    "instrument",
    "topping",
    "material",
    "pattern",
    "sponsor",
]
