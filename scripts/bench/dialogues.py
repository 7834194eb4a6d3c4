"""`interlock bench dialogues`: conversations about named places, made of a FAQ's own questions, in BEIR's layout.

The FAQ is DSTC9's knowledge.json: domain → entity → numbered question (`title`) and answer (`body`). The last turn of
each conversation is a question of it, in which the name gives way to a pronoun; the name was said earlier, after
another one that was not taken.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from models.errors import reason_of
from pipeline.errors import UsageError
from scripts.console import finish, tell

STAYS = ("hotel",)
OPENINGS = {
    "hotel": (
        "hi i am looking for a place to stay in the {area}",
        "I need a room for {people} people, {nights} nights",
        "uh yes can you find me a guesthouse that's not too expensive",
        "we're visiting friends and want a hotel near the {area}",
    ),
    "restaurant": (
        "hello we want to eat out tonight, {people} of us",
        "I'd like somewhere nice for dinner in the {area}",
        "um can you find me a restaurant, something moderately priced",
        "where could we have lunch near the {area}?",
    ),
}
OFFERS = (
    "How about {other}?",
    "{other} would fit, or {name}.",
    "There is {other}, it has four stars.",
    "I can recommend {other}.",
)
REFUSALS = ("no not that one, something else please", "hmm do you have another one?", "I was there last year. Another?")
SECOND = (
    "Then {name} is a good choice. It is in the {area}.",
    "{name} has room for you. Shall I book it?",
    "What about {name}? Their number is 01223 3{nights}00{people}.",
)
TAKEN = ("sounds good", "ok let's take that for {people} people please", "yes, {nights} nights from tuesday", "perfect")
BOOKED = ("Done, your reference is AK{nights}7Q{people}. Anything else?", "Booked. Can I help with anything else?", "")
FILLERS = ("", "", "oh, and ", "um ", "actually one more thing, ", "great. ", "before I go: ")
AREAS = ("centre", "north", "south", "east", "west")


def dialogues(
    knowledge: Annotated[Path, typer.Argument(metavar="KNOWLEDGE.JSON", help="DSTC9's knowledge.json.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="A new folder.")],
    n: Annotated[int, typer.Option("-n", min=1, help="How many conversations.")] = 200,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Write corpus.jsonl, queries.jsonl (with `turns`) and qrels.tsv to DIR, for `interlock index`."""
    if out.exists():
        raise UsageError(f"{out} is there already: name a new folder.")
    try:
        domains = json.loads(knowledge.read_bytes())
        entries = [*_entries(domains)]
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise UsageError(
            f"{knowledge} is no knowledge of DSTC9 ({reason_of(error)}): name its knowledge.json."
        ) from None
    asked = [entry for entry in entries if entry["name"]]
    drawn = random.Random(seed).sample(asked, min(n, len(asked)))
    out.mkdir(parents=True)
    corpus = [
        {
            "_id": one["id"],
            "text": one["body"],
            **({"title": one["name"]} if one["name"] else {}),
            "domain": one["domain"],
        }
        for one in entries
    ]
    names = {domain: [*dict.fromkeys(one["name"] for one in asked if one["domain"] == domain)] for domain in domains}
    draw = random.Random(seed + 1)
    queries = [
        {"_id": f"c{number}", "turns": _turns(one, names[one["domain"]], draw)} for number, one in enumerate(drawn, 1)
    ]
    _write(out / "corpus.jsonl", corpus)
    _write(out / "queries.jsonl", queries)
    lines = [f"c{number}\t{one['id']}\t1\n" for number, one in enumerate(drawn, 1)]
    (out / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines), encoding="utf-8")
    tell(f"Next: interlock index build {out}/corpus.jsonl -o {out}/kb, then index evaluate with its queries and qrels.")
    finish(out=str(out), documents=len(corpus), conversations=len(queries))


def _entries(domains: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for domain, entities in domains.items():
        for key, entity in entities.items():
            name = (entity.get("name") or "").title()
            for number, pair in entity["docs"].items():
                place = f"{domain}/{key}/{number}"
                yield {"id": place, "domain": domain, "name": name, "title": pair["title"], "body": pair["body"]}


def _turns(one: Mapping[str, str], names: list[str], draw: random.Random) -> list[str]:
    facts = {"area": draw.choice(AREAS), "people": draw.randint(2, 8), "nights": draw.randint(1, 5)}
    facts |= {"name": one["name"], "other": draw.choice([name for name in names if name != one["name"]])}
    opening = OPENINGS["hotel" if one["domain"] in STAYS else "restaurant"]
    said = [opening, OFFERS, REFUSALS, SECOND, TAKEN, BOOKED]
    turns = [draw.choice(some).format(**facts) for some in said]
    return [turn for turn in turns if turn] + [draw.choice(FILLERS) + without_name(one["title"], one["name"])]


def without_name(question: str, name: str) -> str:
    """The question as it is asked once the name was said: "Can I bring my dog with me there?"."""
    called = r"\s+".join(re.escape(word) for word in name.split())
    shorter = r"\s+".join(re.escape(word) for word in name.split()[:2])
    for words in (called, shorter) if len(name.split()) > 2 else (called,):
        question = re.sub(rf"\b(?:at|in|to)\s+(?:the\s+)?{words}\b", "there", question, flags=re.IGNORECASE)
        question = re.sub(rf"\b(?:the\s+)?{words}'?s\b", "their", question, flags=re.IGNORECASE)
        question = re.sub(rf"\b(?:the\s+)?{words}\b", "it", question, flags=re.IGNORECASE)
    return question


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
