"""Generated exercises: requests composed from the domains in `forms`, in many registers, one turn or several."""

from __future__ import annotations

import random
from collections.abc import Iterator

from models.training import forms, values
from models.training.exercise import THINKING, THINKING_HINT, Exercise, notes
from models.training.typos import Talk, mistyped

BEFORE = """Hi. |Hello, |hey |Good morning! |Dear team, |Hi there, |hello!! |Quick one: |Namaste, |Sorry to bother you. |URGENT: |ok so |
Hi, it's me again. |I've never done this before. |My boss told me to ask you. |We are so excited! |""".replace(
    "\n", ""
).split("|")
AFTER = """ Thanks!| thanks| please| pls| Thank you so much.| asap| Let me know.| It's urgent.| I hope this works.| Any airline is fine.|
 Window seat if possible.| We love the sea.| Is that possible?| Can you do that?| Cheers| Don't make me wait.| ok?| :)| !!!|
 What else do you need from me?| My phone is almost dead.| I don't care about the rest.|""".replace("\n", "").split("|")
ASIDE = """I flew with you on {day} and loved it. |Last time I paid {money}. |We were in {city} last year. |My number is {phone}. |
I am {count}0 years old. |My friend {person} recommended you. |It was sold out on {day}. |I have asked {count} times already. |
I heard {city} is nice too. |My sister paid {money} for hers. |""".replace("\n", "").split("|")
TWO_IN_ONE = ("{}. Also, {}", "{} and {}", "{}. {}", "{}; {}", "1. {} 2. {}", "{}, then {}", "{}, and please {}.")
ACKNOWLEDGED = [
    "Sure.",
    "Got it.",
    "Of course!",
    "Alright,",
    "I can help with that.",
    "Thank you.",
    "Okay.",
    "One more thing:",
]
BARE = [
    "{}",
    "{}",
    "{}.",
    "{} please",
    "it's {}",
    "{} I think",
    "make it {}",
    "{}, thanks",
    "hmm, {}",
    "oh sorry, {}",
    "let's say {}",
    "I'd say {}",
]


def exercises(r: random.Random) -> Iterator[Exercise]:
    """Generated forms, for ever."""
    while True:
        draw = r.random()
        if draw < 0.6:
            yield _request(r.choices(forms.TRAVEL, (10, 2, 4, 3, 4))[0], r)
        elif draw < 0.85:
            yield _request(r.choice(forms.OTHERS), r)
        else:
            yield _labelled(r)


def _request(domain: forms.Domain, r: random.Random) -> Exercise:
    fixed = r.random() < domain.fixed
    fields: dict[str, str] = {}
    answers: dict[str, str | None] = {}
    values_of: dict[int, str] = {}
    phrases: dict[int, str] = {}
    asked: list[tuple[str, str, str]] = []
    for slot in domain.slots:
        name, hint = slot.names[0] if fixed else r.choice(slot.names)
        if name in fields or (not fixed and r.random() < 0.12):
            continue
        value = slot.make(r) if r.random() < slot.likely else None
        # Now and then something is said that the form does not ask for: it must not land in another field.
        if not (fixed and slot.extra) and r.random() > 0.06:
            fields[name], answers[name] = hint, value
        if value is None:
            continue
        if name in fields and r.random() < 0.14:
            asked.append((name, hint, value))
        else:
            values_of[id(slot)] = value
            phrases[id(slot)] = r.choice(slot.carriers).replace("{}", value)
    if not fields:
        name, hint = domain.slots[0].names[0]
        fields, answers, phrases = {name: hint}, {name: None}, {}
    text = _sentence(r.choice(domain.openers), _ordered(domain, values_of, phrases, r), r)
    if domain in forms.TRAVEL and r.random() < 0.08:
        text = r.choice(TWO_IN_ONE).format(*r.sample((text.rstrip(" ."), _other_request(domain, r)), 2))
    talk: Talk = [("customer", text)]
    for name, hint, value in asked:
        talk.append(("assistant", f"{r.choice(ACKNOWLEDGED)} {hint}" if r.random() < 0.3 else hint))
        talk.append(("customer", r.choice(BARE).replace("{}", value)))
        if r.random() < 0.06:  # an answer that answers nothing
            talk[-1] = (
                "customer",
                r.choice(("not sure", "whatever", "I don't know yet", "why do you ask?", "no idea")),
            )
            answers[name] = None
    if not fixed:
        names = list(fields)
        r.shuffle(names)
        fields = {name: fields[name] for name in names}
    return _finish(fields, talk, answers, r)


def _other_request(domain: forms.Domain, r: random.Random) -> str:
    # Of another kind: nothing in it belongs into this domain's form.
    other = r.choice([one for one in forms.TRAVEL if one.slots[0] is not domain.slots[0]])
    said = [r.choice(slot.carriers).replace("{}", slot.make(r)) for slot in other.slots if r.random() < slot.likely]
    return " ".join((r.choice(other.openers), *said)).rstrip(" .")


def _ordered(domain: forms.Domain, values_of: dict[int, str], phrases: dict[int, str], r: random.Random) -> list[str]:
    # More often than not, two things that belong together are said in one breath, and first.
    together = [pair for pair in domain.pairs if id(pair[0]) in values_of and id(pair[1]) in values_of]
    first = []
    if together and r.random() < 0.6:
        one, two, carriers = r.choice(together)
        first = [r.choice(carriers).format(values_of[id(one)], values_of[id(two)])]
        phrases = {slot: phrase for slot, phrase in phrases.items() if slot not in (id(one), id(two))}
    rest = list(phrases.values())
    if r.random() < 0.7:
        r.shuffle(rest)
    return [*first, *rest]


def _labelled(r: random.Random) -> Exercise:
    # Arbitrary labels: the only clue to where a value belongs is its label's own name.
    labels = r.sample(forms.LABELS, r.randint(2, 6))
    fields: dict[str, str] = {}
    answers: dict[str, str | None] = {}
    parts: list[str] = []
    for label in labels:
        name = r.choice((label, label, f"{label}_name", f"my_{label}"))
        fields[name] = r.choice((label, f"Which {label}?", f"The {label} of the customer", f"What is your {label}?"))
        answers[name] = None
        if r.random() < 0.6:
            value = r.choice((values.word, values.phrase, values.count, values.reference, values.person, values.city))(
                r
            )
            answers[name] = value
            carrier = (
                "my {l} is {}|the {l} is {}|{l}: {}|{l} {}|{} is the {l}|with {l} {}|the {l} should be {}|{} as {l}"
            )
            parts.append(r.choice(carrier.split("|")).replace("{l}", label).replace("{}", value))
    r.shuffle(parts)
    text = r.choice((", ", ". ", " and ", "; ", ", ")).join(parts) or "I am not sure what you need."
    return _finish(fields, [("customer", text)], answers, r)


def _sentence(opener: str, phrases: list[str], r: random.Random) -> str:
    joint = r.choices((" ", ", ", ". ", " and "), (8, 2, 1, 1))[0]
    cut = r.randint(0, len(phrases)) if r.random() < 0.15 else 0
    terse = len(phrases) > 1 and r.random() < 0.25
    body = joint.join([*phrases[:cut], *([] if terse else [opener]), *phrases[cut:]])
    aside = ""
    if r.random() < 0.08:  # something that belongs into no field
        aside = r.choice(ASIDE).format(
            day=values.day(r), money=values.money(r), city=values.city(r), phone=values.phone(r), count=values.count(r),
            person=values.person(r),
        )  # fmt: skip
    return r.choice((*BEFORE, *[""] * 20)) + aside + body + r.choice((*AFTER, *["", "", ".", "."] * 8))


def _finish(fields: dict[str, str], talk: Talk, answers: dict[str, str | None], r: random.Random) -> Exercise:
    answers = {name: answers[name] for name in fields}
    if r.random() < 0.3:
        talk = [(role, text.lower() if role == "customer" else text) for role, text in talk]
        answers = {name: value.lower() if value else value for name, value in answers.items()}
    if r.random() < 0.12:
        talk = mistyped(talk, answers, r)
    if r.random() < 0.6:
        fields, answers = {THINKING: THINKING_HINT, **fields}, {THINKING: notes(answers), **answers}
    return Exercise(fields, tuple(talk), answers)
