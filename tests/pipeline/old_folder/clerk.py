"""Clerk: a model whose answers are written down, for the app beside it; as a server, so that commands can use it.

It fills a form by patterns, quotes the first passage at length until it is told that this is too long, is torn between
two intents where the customer writes "hmm", and chooses a carrier by the length of what was said. Its JSON has blanks
where the grammar has them.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from scripted_server import Body, Reply, says

INTENTS = {
    "track_parcel": r"\bwhere\b|\btrack\b",
    "ask_terms": r"perfume|\bcost|forbidden|\bmay\b|allowed",
    "insure_parcel": r"insur",
    "claim_damage": r"broken|smashed|damaged|crushed|refund",
    "out_of_scope": r"joke|poem",
    "send_parcel": r"\bsend\b",
}
SPANS = {
    "item": r"(?:\b(?:an?|[Mm]y|[Tt]he)\s+)(\w+)(?= to\b| on\b| is\b| was\b| arrived\b|[.,]|$)",
    "town": r"\bto ([A-Z]\w+)|^([A-Z]\w+)$",
    "day": r"\bon (\d+ \w+|\w+day)\b|\b(tomorrow)\b",
    "parcel": r"\bparcel (\d+)",
}


def clerk(body: Body) -> Reply:
    """What the model writes for one request."""
    system, *_, last = (turn["content"] for turn in body["messages"])
    if system.startswith("You are a poet"):
        code = re.search(r"[0-9a-f]{16}", body["structured_outputs"]["grammar"])
        assert code is not None
        return says(as_json({"code": code[0], "count": 42, "alive": True}, body))
    asked = [line.strip().split(": ", 1) for line in system.splitlines()[1:]]
    if system.startswith("Fill in this form"):
        return says(written([name for name, _ in asked], last, body))
    if system.startswith("Answer the question"):
        return says(quoted(body["messages"][1]["content"], len(body["messages"]) > 2, body))
    if system.startswith("Choose what the customer wants, as JSON"):
        names = [name for name, _ in asked]
        return says(as_json({"choice": names[len(said(last)) % len(names)]}, body))
    return decided(system, last, body)


def as_json(values: dict[str, Any], body: Body) -> str:
    """Values in the form that a request's grammar admits."""
    spaced = '": "' in body["structured_outputs"]["grammar"]
    return json.dumps(values, separators=(", ", ": ") if spaced else (",", ":"), ensure_ascii=False)


def said(text: str) -> str:
    """The customer's last words in a prompt."""
    return [line for line in text.splitlines() if line.startswith("customer: ")][-1].removeprefix("customer: ")


def written(names: list[str], text: str, body: Body) -> str:
    """A form filled from the customer's last words."""
    values: dict[str, str | None] = {}
    for name in names:
        found = re.search(SPANS[name], said(text)) if name in SPANS else None
        values[name] = next(filter(None, found.groups()), None) if found else None
        if name == "thinking":
            values[name] = "a form"
    return as_json(values, body)


def quoted(text: str, repaired: bool, body: Body) -> str:
    """An answer from the first passage: its longest sentence, or its shortest when that was refused."""
    passage = next(line for line in text.splitlines() if line.startswith("[1]")).removeprefix("[1] ")
    sentences = re.findall(r"[A-Z][^.]*\.", passage)
    quote = min(sentences, key=len) if repaired else max(sentences, key=len)
    allowed = "no" if "perfume" in text.rsplit("question:", 1)[-1] else "yes"
    return as_json({"thinking": "the terms", "quote": quote, "allowed": allowed}, body)


def decided(system: str, text: str, body: Body) -> Reply:
    """A letter with the probabilities of all, and the form that stands under it."""
    options: dict[str, str] = {}
    fields: dict[str, list[str]] = {}
    for line in system.splitlines()[1:]:
        if re.match(r"[A-Z]: ", line):
            letter, name = line[0], line[3:].split(":", 1)[0]
            options[letter], fields[letter] = name, []
        else:
            fields[letter].append(line.strip().split(":", 1)[0])
    words = said(text)
    wanted = next((name for name, pattern in INTENTS.items() if re.search(pattern, words, re.IGNORECASE)), "ambiguous")
    shares = {letter: 0.9 if name == wanted else 0.02 for letter, name in options.items()}
    if "hmm" in words:
        likely = {"ambiguous": 0.6, "send_parcel": 0.15, "claim_damage": 0.15}
        shares = {letter: likely.get(name, 0.01) for letter, name in options.items()}
    best = max(shares, key=lambda letter: shares[letter])
    form = fields[best] if "go on at once" in system else []
    answer = says(best + (written(form, text, body) if form else ""))
    told = [{"token": letter, "logprob": math.log(share), "bytes": None} for letter, share in shares.items()]
    content = [{"token": best, "logprob": -0.1, "bytes": None, "top_logprobs": told}]
    return Reply(200, {**answer.body, "choices": [{**answer.body["choices"][0], "logprobs": {"content": content}}]})
