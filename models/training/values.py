"""Random values as people say them: places, people, days, sums, references, and words nobody has seen before.

The shipped model must copy names it has never met, so most names here are invented anew on every draw.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable
from pathlib import Path

from models.errors import ModelError

WORDS = Path(__file__).with_name("words.toml")


class NoTrainingData(ModelError):
    """The lists of words are part of a checkout only: an installed Interlock cannot train."""

    hint = "Clone the repository, and give the command there."


class _Words(dict[str, list[str]]):
    """The lists, read when the first of them is needed: an installed Interlock mounts its commands without them."""

    def __missing__(self, name: str) -> list[str]:
        if self:
            raise KeyError(name)
        try:
            lists = tomllib.loads(WORDS.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NoTrainingData(
                "Interlock is installed here without the words that its model is trained on."
            ) from None
        self.update((one, words.replace("\n", "").split("|")) for one, words in lists.items())
        return self[name]


_WORDS = _Words()
Value = Callable[[random.Random], str]


def numbers() -> list[str]:
    """The words for 1, 2, 3 and so on."""
    return _WORDS["numbers"]


def word(r: random.Random) -> str:
    """An invented name of one to four syllables."""
    name = "".join(r.choice(_WORDS["syllables"]) for _ in range(r.choice((1, 2, 2, 3, 3)))) + r.choice(
        (*_WORDS["endings"], "", "", "", "")
    )
    return name.capitalize() if len(name) > 1 else name + "ra"


def city(r: random.Random) -> str:
    """A town, known or invented, sometimes of several words, sometimes with its state."""
    draw = r.random()
    if draw < 0.35:
        return r.choice(_WORDS["cities"])
    if draw < 0.47:
        return r.choice(_WORDS["long_cities"])
    if draw < 0.55:
        return f"{r.choice((*_WORDS['cities'], word(r)))}, {r.choice(['CA', 'NY', 'TX', 'WA', 'FL', 'IL', 'AZ', 'India', 'France', 'Spain', 'Japan', 'UK'])}"
    if draw < 0.62:
        return f"{r.choice(('San', 'New', 'Port', 'Saint', 'Fort', 'El', 'La', 'North', 'Bad'))} {word(r)}"
    if draw < 0.66:
        return "".join(r.choice("ABCDEFGHIJKLMNOPRSTUVWXYZ") for _ in range(3))
    return word(r)


def person(r: random.Random) -> str:
    """A first name, often with a surname."""
    return r.choice(
        (r.choice(_WORDS["first"]), f"{r.choice(_WORDS['first'])} {word(r)}", f"{word(r)} {word(r)}", f"Dr. {word(r)}")
    )


def venue(r: random.Random) -> str:
    """A hotel, station or other named place."""
    return r.choice(
        (
            f"{word(r)} {r.choice(_WORDS['places'])}",
            f"{r.choice(_WORDS['places'])} {word(r)}",
            f"{city(r).split(',')[0]} {r.choice(_WORDS['places'])}",
            f"The {word(r)} {r.choice(_WORDS['places'])}",
            f"{word(r)} {word(r)} {r.choice(_WORDS['places'])}",
        )
    )


def company(r: random.Random) -> str:
    """A company."""
    return r.choice(
        (word(r), f"{word(r)} {r.choice(['Airlines', 'Air', 'Motors', 'Bank', 'Foods', 'Ltd', 'Group', 'Telecom'])}")
    )


def thing(r: random.Random) -> str:
    """Something one may buy or lose."""
    return r.choice(
        (
            r.choice(_WORDS["things"]),
            f"{r.choice(_WORDS['adjectives'])} {r.choice(_WORDS['things'])}",
            f"{word(r)} {r.choice(_WORDS['things'])}",
        )
    )


def day(r: random.Random) -> str:
    """A day as people say it."""
    n, month, week = r.randint(1, 28), r.choice(_WORDS["months"]), r.choice(_WORDS["days"])
    nth = f"{n}{'th' if 10 < n < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"
    short = month[:3]
    return r.choice(
        (
            f"{n} {month}", f"{month} {n}", f"{nth} of {month}", f"the {nth} of {month}", f"{month} {nth}", f"{short} {n}",
            f"{n} {short}", f"{nth} {short}", f"the {nth}", f"{week}", f"next {week}", f"this {week}", f"coming {week}",
            f"{week} next week", f"this coming {week}", f"{week}, {n} {month}", "tomorrow", "today", "day after tomorrow",
            "the day after tomorrow", "this weekend", "next weekend", "the upcoming weekend", "upcoming weekend",
            "coming weekend", f"in {r.choice(numbers())} days", f"in {r.randint(2, 9)} days", "in two weeks", "in a week",
            "next week", "next month", "tonight", f"{n}/{r.randint(1, 12)}", f"{n}.{r.randint(1, 12)}.",
            f"2026-{r.randint(1, 12):02}-{n:02}", f"{month} {n} 2027", f"{short} {nth} 2026", f"{week} {nth}",
            f"{r.choice(('mid', 'late', 'early'))} {month}", "tmrw", f"{week} the {nth}", "a week from now",
            f"{week} after next", "end of the month", f"{nth} of next month", f"{nth} of this month", week[:3],
        )
    )  # fmt: skip


def clock(r: random.Random) -> str:
    """A time of day."""
    hour, minute = r.randint(1, 12), r.choice((0, 5, 10, 15, 20, 30, 40, 45, 50))
    half = r.choice(("am", "pm", " am", " pm", "AM", "PM", " in the morning", " in the evening", " o'clock"))
    return r.choice(
        (f"{hour}{half}", f"{hour}:{minute:02}{half}", f"{hour + 8}:{minute:02}", "noon", "evening", "morning",
         f"half past {r.choice(numbers())}", f"quarter to {hour}", "afternoon", f"{hour}:{minute:02}")
    )  # fmt: skip


def money(r: random.Random) -> str:
    """A sum of money as people write it, usually with its currency."""
    big = r.choice((r.randint(1, 99) * 1000, r.randint(1, 99) * 500, r.randint(2, 99) * 100))
    small, k = r.randint(5, 999), r.randint(1, 99)
    name = r.choice(
        [
            "rupees",
            "rs",
            "dollars",
            "euros",
            "pounds",
            "dirhams",
            "yen",
            "bucks",
            "rupee",
            "inr",
            "usd",
            "eur",
            "gbp",
            "francs",
            "pesos",
            "baht",
            "ringgit",
            "won",
            "quid",
        ]
    )
    code = r.choice(["INR", "USD", "EUR", "GBP", "AED", "SGD", "JPY", "CHF", "AUD", "CAD", "THB", "BRL"])
    sign = r.choice(("$", "€", "£", "₹", "Rs ", "Rs. ", "Rs.", "¥", "US$", "S$"))
    return r.choice(
        (
            f"{k}k {name}", f"{k}k", f"{k}K {name}", f"{sign}{big:,}", f"{sign}{small}", f"{sign}{big}", f"{small} {name}",
            f"{big} {name}", f"{big:,} {name}", f"{code} {big:,}", f"{code} {small}", f"{small} {code}", f"{big} {code}",
            f"{sign}{k / 10:.1f}k", f"{r.randint(1, 9)}.{r.randint(1, 9)} lakh", f"{r.randint(1, 9)} lakh {name}",
            f"{r.choice(numbers())} hundred {name}", f"{r.choice(numbers())} thousand {name}", f"{sign}{small}.{small % 90 + 10}",
            f"{k} thousand {name}", f"{sign}{k}k", f"{k}k {code}", str(big), f"{r.randint(20, 90)} grand",
        )
    )  # fmt: skip


def count(r: random.Random) -> str:
    """A small number, in digits or words."""
    return r.choice((str(r.randint(1, 9)), r.choice(numbers()), str(r.randint(1, 40))))


def party(r: random.Random) -> str:
    """Who travels, said otherwise than by a bare number."""
    n = r.choice((*numbers(), *"23456"))
    return r.choice(
        (f"{n} of us", f"the {n} of us", "me and my wife", "my husband and me", "just me", "a couple", "my wife and I", "both of us",
         f"a family of {n}", f"a group of {n}", "me and a friend", "myself", f"{n} adults", "my mother and me", f"all {n} of us")
    )  # fmt: skip


def reference(r: random.Random) -> str:
    """A booking, order or ticket reference."""
    letters, digits, mixed = "ABCDEFGHJKLMNPQRSTUVWXYZ", "0123456789", "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    text = r.choice(
        (
            _draw(r, mixed, 6),
            _draw(r, mixed, 6),
            f"MD{_draw(r, mixed, 4)}",
            _draw(r, mixed, r.randint(5, 8)),
            _draw(r, digits, r.randint(4, 8)),
            f"{_draw(r, letters, 3)}-{_draw(r, digits, 4)}",
            f"{_draw(r, letters, 2)}{_draw(r, digits, 4)}",
            f"#{_draw(r, digits, 5)}",
        )
    )
    return text.lower() if r.random() < 0.2 else text


def _draw(r: random.Random, alphabet: str, length: int) -> str:
    return "".join(r.choice(alphabet) for _ in range(length))


def flight(r: random.Random) -> str:
    """A flight number."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return f"{_draw(r, letters, 2)}{r.choice(('', ' '))}{_draw(r, '123456789', r.randint(2, 4))}"


def email(r: random.Random) -> str:
    """An e-mail address."""
    return f"{word(r).lower()}{r.choice(('', '.', '_'))}{word(r).lower()}@{word(r).lower()}.{r.choice(['com', 'org', 'in', 'de'])}"


def phone(r: random.Random) -> str:
    """A telephone number."""
    digits = "".join(str(r.randint(0, 9)) for _ in range(10))
    return r.choice((digits, f"+{digits[:2]} {digits[2:6]} {digits[6:]}", f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"))


def phrase(r: random.Random) -> str:
    """One to three words of no particular kind."""
    return r.choice(
        (
            word(r).lower(),
            word(r),
            f"{r.choice(_WORDS['adjectives'])} {word(r).lower()}",
            f"{word(r)} {count(r)}",
            thing(r),
        )
    )
