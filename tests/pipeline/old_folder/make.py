"""Makes the half-finished folders beside it, and what the code that made them makes of them: `python make.py CHECKOUT`.

CHECKOUT: a working tree of commit 275b3e7, the last one before the packages of `pipeline` were drawn anew:

    git worktree add ../before 275b3e7 && python tests/pipeline/old_folder/make.py ../before

With a later commit the folders would prove nothing: they are to be read by code that did not write them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from clerk import clerk  # noqa: E402 (found by the path above)
from continuing import (  # noqa: E402
    RELAY,
    Code,
    continue_batch,
    continue_conversations,
    from_scratch,
    restore,
    until,
    written,
)
from scripted_server import ScriptedServer  # noqa: E402

EARLY = {
    "done-lamp": "Send a lamp to Goa on 5 December",
    "done-where": "Where is my parcel 4711 now?",
    "done-terms": "What does a returned parcel cost?",
    "done-refused": "Please send a glass to Delhi on 4 December",
    "done-looked-up": "Please send a clock to Delhi on 4 December",
    "done-off-topic": "Tell me a joke about cats",
    "done-answered": "Please insure my painting",
    "ask-confirm": "Send a book to Goa on 5 December",
    "ask-amended": "Please send a table to Goa on 6 December",
    "ask-amended-twice": "Please send a mirror to Mars on 7 December",
    "ask-after-error": "Please send a ghost to Goa on 7 December",
    "ask-in-call": "Please send a vase to Agra on 7 December",
    "ask-second-call": "Please send a set to Agra on 7 December",
    "ask-second-call-open": "Please send a set to Delhi on 7 December",
    "ask-day": "Send a chair to Pune",
    "ask-item": "Please send to Kochi on 9 December",
    "ask-intent": "hmm, my lamp",
    "ask-approval": "Please insure my violin",
    "ask-number": "Where is my parcel?",
    "ask-first": "Send a chair to Pune on 4 December, but first tell me which things are forbidden in a box",
    "ask-condition": "Where is my parcel 4711? And if it is lost, please insure my painting",
    "ask-dropped": "Please insure my camera",
    "two-parts": "Send a lamp to Goa on 5 December. What does a returned parcel cost?",
    "two-parts-ask": "What does a returned parcel cost? Send a sofa to Agra on 8 December",
    "wrong-intent": "My parcel is nowhere, it never arrived, give me a refund",
    "given-answer": "Please send a bottle to Agra on 8 December",
    "escalated-lost": "Where is my parcel 13 right now?",
    "escalated-closed": "Where is my parcel 13 today?",
    "escalated-in-call": "Please send a piano to Kochi on 7 December",
    "escalated-rule": "Please send a fireworks to Goa on 7 December",
    "escalated-perfume": "Is it allowed to send perfume?",
    "uncertain-raised": "My radio was smashed when it came, I want a refund",
    "failed": "Track parcel 666",
    "failed-again": "Where is my parcel 666?",
}
EARLY_ANSWERS = [
    {"custom_id": "done-answered", "answer": "100"},
    {"custom_id": "ask-amended", "answer": "8 December"},
    {"custom_id": "ask-amended-twice", "answer": "Goa"},
    {"custom_id": "ask-second-call", "answer": "red paper"},
    {"custom_id": "ask-approval", "answer": "1000"},
    {"custom_id": "escalated-closed", "answer": "It was found in the west."},
]
EARLY_ANSWERS_2 = [{"custom_id": "done-answered", "answer": "yes"}]
HELD = {
    "held-step": ("Please send a drum to Goa on 7 December", "weigh-drum"),
    "held-gather": ("Where is my parcel 77 now?", "look-west-77"),
    "held-gathered-call": ("Where is my parcel 88 now?", "look-east-88"),
    "held-rescue": ("How heavy may a package be?", "quote-38"),
    "held-inner-action": ("Please send a statue to Pune on 8 December", "wrap-statue"),
    "held-bell": ("Please send a bell to Goa on 7 December", "before-bell"),
    "held-anvil": ("Please send an anvil to Goa on 7 December", "after-anvil"),
    "held-part": ("What does a returned parcel cost? Send a lamp to Agra on 7 December.", "before-lamp"),
    "uncertain-yes": ("My guitar is broken, I want my money back", "refund-guitar"),
    "uncertain-no": ("My voucher arrived broken, I want my money back", "refund-voucher"),
    "suspect": ("Please send a goblet to Goa on 7 December", "weigh-goblet"),
    "suspect-twice": ("Please send a sword to Goa on 7 December", "weigh-sword"),
    "poison": ("Please send a dagger to Goa on 7 December", "weigh-dagger"),
}
"""Text, and the moment at which the process is killed."""
FRESH = {"fresh-lamp": "Send a lamp to Delhi on 5 December", "fresh-terms": "Which things are forbidden in a box?"}
BAD = ['{"custom_id": "no-text"}', "{no JSON"]
ANSWERS = [
    [
        {"custom_id": "ask-confirm", "answer": "yes, but make it 9 December"},
        {"custom_id": "ask-amended", "answer": "yes"},
        {"custom_id": "ask-amended-twice", "answer": "no"},
        {"custom_id": "ask-after-error", "answer": "4"},
        {"custom_id": "ask-in-call", "answer": "red paper"},
        {"custom_id": "ask-second-call", "answer": "yes"},
        {"custom_id": "ask-second-call-open", "answer": "brown paper"},
        {"custom_id": "ask-day", "answer": "next Sunday"},
        {"custom_id": "ask-item", "answer": "Where is my package?"},
        {"custom_id": "ask-intent", "answer": "claim for damage"},
        {"custom_id": "ask-approval", "answer": "yes"},
        {"custom_id": "ask-number", "answer": "52"},
        {"custom_id": "ask-first", "answer": "ask about our terms"},
        {"custom_id": "ask-condition", "answer": "yes"},
        {"custom_id": "ask-dropped", "answer": "never mind"},
        {"custom_id": "two-parts-ask", "answer": "yes"},
        {"custom_id": "wrong-intent", "answer": "31"},
        {"custom_id": "given-answer", "answer": "too late"},
        {"custom_id": "held-step", "answer": "maybe"},
        {"custom_id": "escalated-lost", "answer": "It was found."},
        {"custom_id": "uncertain-yes", "happened": True, "result": 6},
        {"custom_id": "uncertain-no", "happened": False},
        {"custom_id": "uncertain-raised", "happened": True, "result": "many"},
        {"custom_id": "nobody", "answer": "yes"},
    ],
    [
        {"custom_id": "ask-confirm", "answer": "yes"},
        {"custom_id": "ask-day", "answer": "8 December"},
        {"custom_id": "ask-first", "answer": "yes"},
        {"custom_id": "ask-condition", "answer": "insure a parcel against loss and theft"},
        {"custom_id": "held-step", "answer": "yes"},
        {"custom_id": "suspect", "answer": "yes"},
        {"custom_id": "suspect-twice", "answer": "no"},
        {"custom_id": "uncertain-raised", "happened": True, "result": 7},
    ],
]
TALK = {
    "amending": ["Please send a table to Goa on 6 December", "8 December"],
    "remembering": [
        "Send a lamp to Goa on 5 December",
        "My mirror is broken, I want my money back",
        "Please send a bottle",
    ],
    "taken": ["Where is my parcel 13 right now?"],
    "open": ["Track parcel 13 right now"],
    "torn": ["hmm, my lamp"],
    "uncertain": ["My radio was smashed when it came, I want a refund"],
    "parts": ["Where is my parcel 4711? And if it is lost, please insure my painting"],
    "closed": ["Where is my parcel 13 right now?"],
    "failed": ["Track parcel 666"],
    "subject": ["Please send to Kochi on 9 December"],
}
CUT_OFF = "Please send an anvil to Goa on 7 December"
"""Said in the conversation `cut-off`, and killed in the middle of its action."""
SAID = [
    ("amending", "customer", "yes, but make it 9 December"),
    ("amending", "customer", "yes"),
    ("remembering", "customer", "yes"),
    ("remembering", "customer", "My vase is broken, I want my money back"),
    ("taken", "customer", "Are you still there?"),
    ("taken", "answer", "We are looking for it."),
    ("taken", "close", "It was found in the west."),
    ("taken", "customer", "What does a returned parcel cost?"),
    ("open", "close", ""),
    ("torn", "customer", "claim for damage"),
    ("parts", "customer", "yes"),
    ("parts", "customer", "insure a parcel against loss and theft"),
    ("parts", "customer", "1000"),
    ("parts", "customer", "yes"),
    ("closed", "customer", "Please insure my ring"),
    ("subject", "customer", "Where is my package?"),
    ("subject", "customer", "41"),
    ("failed", "customer", "Tell me a joke about cats"),
    ("cut-off", "customer", "Where is my parcel 4711 now?"),
]


TRAVEL = [f"r{number:03}" for number in (*range(1, 21), 35, 44, 50, 68)]
"""Of the sample app's requests: all its intents, what is off its topic, and messages with two of them."""
REPLIES = {
    "departure": "30 November",
    "destination": "Goa",
    "travellers": "2",
    "budget": "20000 rupees",
    "booking": "MD7K2Q",
    "new_date": "12 January",
}
"""What is answered there to a question about a field; to any other, its first choice."""
OTHERWISE = "the second one"


def write(path: Path, rows: list[Any]) -> Path:
    """A file of JSON lines; a text is a line as it is."""
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def requests(texts: dict[str, str]) -> list[Any]:
    return [{"custom_id": id, "text": text} for id, text in texts.items()]


def hold(out: Path, *moments: str) -> None:
    """Let work stand still at these moments, and forget which were reached."""
    for path in out.glob("at-*"):
        path.unlink()
    (out / "hold").unlink(missing_ok=True)
    if moments:
        (out / "hold").write_text("\n".join(moments), "utf-8")


def killed(code: Code, source: Path, out: Path, moments: list[str], finished: int) -> None:
    """Run a batch up to these moments, with so many records at an end, and kill it there."""
    hold(out, *moments)
    results = out / "results.jsonl"
    command = code.command(
        *("run", "-i", source, "-o", out, "--today", "2026-11-23", "--app", RELAY, "--model", code.model)
    )
    process = subprocess.Popen(command, cwd=code.root, env=code.environment, stderr=subprocess.DEVNULL)
    until(lambda: all((out / f"at-{moment}").exists() for moment in moments) or process.poll() is not None)
    until(lambda: results.read_bytes().count(b"\n") == finished)
    assert process.poll() is None, "it ended before it was killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    hold(out)


def make_batch(code: Code, out: Path, kept: Path) -> None:
    """A batch with records in every state that there is."""
    folder = out.parent
    code.run(write(folder / "early.jsonl", requests(EARLY)), out)
    for answers in (EARLY_ANSWERS, EARLY_ANSWERS_2):
        told = code.answer(out, write(folder / "early-answers.jsonl", answers))
        assert not told["left_out"], told
    held = {id: text for id, (text, _) in HELD.items()}
    source = write(folder / "held.jsonl", requests(EARLY | held))
    killed(code, source, out, [moment for _, moment in HELD.values()], len(EARLY))
    finished = len(EARLY)
    for id in ("poison", "poison", "convict", "suspect-twice", "suspect-twice", "suspect"):
        if id == "convict":  # what was killed twice alone is not served any more
            code.run(write(folder / "alone.jsonl", requests({"poison": held["poison"]})), out)
            finished += 1
            continue
        alone = write(folder / "alone.jsonl", requests({id: held[id]}))
        killed(code, alone, out, [HELD[id][1]], finished)
    answer = (
        "import asyncio, pathlib, sys\nfrom pipeline import Journal\n"
        "async def main():\n"
        "    async with Journal.open(pathlib.Path(sys.argv[1])) as journal:\n"
        "        await journal.answer('given-answer', 'yes')\n"
        "asyncio.run(main())"
    )
    subprocess.run(
        [sys.executable, "-c", answer, out / "journal.sqlite"], cwd=code.root, env=code.environment, check=True
    )
    keep(out, kept)
    write(kept / "requests.jsonl", [*requests(EARLY | held), *BAD, *requests(FRESH)])
    for number, rows in enumerate(ANSWERS, start=1):
        write(kept / f"answers-{number}.jsonl", rows)


def make_conversations(code: Code, out: Path, kept: Path) -> None:
    """Conversations in every state that there is, an uploaded run at an end and one in the middle."""
    out.mkdir()
    names: dict[str, str] = {}
    run = requests({"a": "Send a lamp to Goa on 5 December", "b": "Please insure my ring"})
    cut = requests({"a": "Where is my parcel 77 now?", "b": "Where is my parcel 13 now?"})
    with code.served(out) as (client, server):

        def say(id: str, text: str) -> None:
            done = client.post(f"/conversations/{id}/messages", json={"text": text})
            assert done.status_code == 200, done.text

        for name, texts in TALK.items():
            id = names[name] = client.post("/conversations").json()["id"]
            for text in texts:
                say(id, text)
        for name, what, text in (("taken", "take", "I will see to it."), ("closed", "close", "It was found.")):
            record = client.get(f"/conversations/{names[name]}").json()["escalation"]["record"]
            assert client.post(f"/escalations/{record}/{what}", json={"text": text}).status_code == 200
        say(names["taken"], "Thank you!")
        id = client.post("/runs", content="\n".join(map(json.dumps, run))).json()["id"]
        until(lambda: client.get(f"/runs/{id}").json()["state"] == "finished")
        names["cut-off"] = client.post("/conversations").json()["id"]
        hold(out, "after-anvil", "look-west-77")
        threading.Thread(target=lambda: _unheard(say, names["cut-off"], CUT_OFF), daemon=True).start()
        until(lambda: (out / "at-after-anvil").exists())
        cut_id = client.post("/runs", content="\n".join(map(json.dumps, cut))).json()["id"]
        until(lambda: (out / "at-look-west-77").exists())
        until(lambda: len(client.get(f"/runs/{cut_id}/records", params={"status": "escalated"}).json()) == 1)
        server.send_signal(signal.SIGKILL)
        server.wait()
    hold(out)
    keep(out, kept)
    (kept / "conversations.json").write_text(json.dumps(names, indent=1) + "\n", "utf-8")
    (kept / "said.json").write_text(json.dumps(SAID, indent=1) + "\n", "utf-8")


def _unheard(say: Callable[[str, str], None], id: str, text: str) -> None:
    """Say something to a server that will be killed."""
    with suppress(httpx.TransportError):
        say(id, text)


def keep(out: Path, kept: Path) -> None:
    """A folder as text, without its index and without a place of this machine."""
    for journal in sorted(out.rglob("journal.sqlite")):
        with closing(sqlite3.connect(journal)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            dump = "".join(f"{line}\n" for line in database.iterdump())
        target = kept / journal.relative_to(out).with_suffix(".sql")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(placeless(dump), "utf-8")
    for path in sorted(out.rglob("*")):
        target = kept / path.relative_to(out)
        made_anew = "index" in path.relative_to(out).parts or ".sqlite" in path.name or path.name == ".lock"
        if path.is_file() and not made_anew:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(placeless(path.read_text("utf-8")), "utf-8")


def placeless(text: str) -> str:
    """A text without the folders and the port of this machine."""
    text = re.sub(r"(?:/[\w.-]+)+/(?=[\w.-]+\.(?:py|jsonl?|sqlite)\b)", "", text)
    return re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:1", text)


def make_identity(code: Code, temporary: Path) -> None:
    """The steps of both apps from scratch, and the requests and answers of the sample app that they come from."""
    travel = code.root / "pipeline" / "workflows" / "travel" / "requests.jsonl"
    rows = [json.loads(line) for line in travel.read_text("utf-8").splitlines()]
    kept = HERE / "travel"
    kept.mkdir(exist_ok=True)
    requests = write(kept / "requests.jsonl", [row for row in rows if row["custom_id"] in TRAVEL])
    Code(code.root).run(requests, temporary / "asked")
    asked = [json.loads(line) for line in (temporary / "asked" / "questions.jsonl").read_text("utf-8").splitlines()]
    answers = [
        {"custom_id": row["custom_id"], "answer": REPLIES.get(row["field"]) or (row["choices"] or [OTHERWISE])[0]}
        for row in sorted(asked, key=lambda row: row["custom_id"])
    ]
    write(kept / "answers.jsonl", answers)
    batch = HERE / "batch"
    found = {
        "relay": from_scratch(
            code, batch / "requests.jsonl", [batch / f"answers-{n}.jsonl" for n in (1, 2)], temporary / "relay", ()
        ),
        "travel": from_scratch(
            Code(code.root), kept / "requests.jsonl", [kept / "answers.jsonl"], temporary / "travel"
        ),
    }
    (HERE.parent / "step_identity.json").write_text(written(found) + "\n", "utf-8")


def main(checkout: Path, *names: str) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert commit.startswith("275b3e7"), f"{checkout} is at {commit}"
    sys.path.insert(0, str(checkout))
    os.chdir(checkout)
    os.environ["COLUMNS"] = "200"
    wanted = set(names) or {"batch", "conversations", "identity"}
    with ScriptedServer(clerk) as server, tempfile.TemporaryDirectory() as temporary:
        code = Code(checkout, server.url)
        for name, make, go_on in (
            ("batch", make_batch, continue_batch),
            ("conversations", make_conversations, continue_conversations),
        ):
            if name not in wanted:
                continue
            kept, folder = HERE / name, Path(temporary) / name
            shutil.rmtree(kept, ignore_errors=True)
            folder.mkdir()
            make(code, folder / "out", kept)
            expected = go_on(code, kept, restore(kept, folder / "again"))
            (HERE / f"{name}.expected.json").write_text(written(expected) + "\n", "utf-8")
        if wanted & {"identity"}:
            make_identity(code, Path(temporary))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), *sys.argv[2:])
