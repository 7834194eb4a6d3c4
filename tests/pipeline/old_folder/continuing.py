"""Continuing: what is done with a half-finished folder, through commands and HTTP alone, and what came of it as data.

The maker of the folders lets the old code do it and keeps what comes out; the test lets the present code do it.
Whatever may differ from run to run (times, places, the number of an event) is left out.
"""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
RELAY = HERE / "relay.py"
DAY = "2026-11-23"
BOOKS = ("wrapped.txt", "shipped.txt", "refunded.txt", "insured.txt")
FILES = ("results", "questions", "escalations", "errors")
TIMES = {"seconds", "engine_seconds", "at", "since", "number", "last_event", "started", "finished"}
"""Keys of what may differ from run to run."""

RETRIED = ("failed-again", "poison", "uncertain-no", "escalated-in-call")
"""Records that are served once more in the end."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Code:
    """The Interlock that is imported, from the checkout `root`: its commands. `model`: where the clerk is served."""

    root: Path
    model: str = ""

    @property
    def environment(self) -> dict[str, str]:
        paths = [str(self.root), *(path for path in sys.path if path.endswith("site-packages"))]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"}

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-c", "from scripts.main import main; main()", *map(str, arguments)]

    def interlock(self, *arguments: str | Path) -> Row:
        """A command's exit code, what it says on standard output, and which lines it left out.

        It runs in this process, which saves loading everything each time.
        """
        module = import_module("scripts.main")
        assert Path(str(module.__file__)).is_relative_to(self.root)
        said, told = io.StringIO(), io.StringIO()
        with redirect_stdout(said), redirect_stderr(told):
            try:
                module.main([str(argument) for argument in arguments])
            except SystemExit as ended:
                code = ended.code
        assert code in (0, 1), told.getvalue()
        left_out = [line.strip() for line in told.getvalue().splitlines() if " was left out: " in line]
        return {"code": code, "said": plain(json.loads(said.getvalue().splitlines()[-1])), "left_out": left_out}

    def run(self, source: Path, out: Path, *options: str | Path) -> Row:
        model = ("--model", self.model, "--app", RELAY) if self.model else ()
        return self.interlock("run", "-i", source, "-o", out, "--today", DAY, *model, *options)

    def answer(self, out: Path, answers: Path) -> Row:
        return self.interlock("answer", out, answers, *(("--model", self.model) if self.model else ()))

    @contextmanager
    def served(self, out: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
        """A client of `interlock serve`, and its process, which is killed at the end."""
        command = self.command("serve", "-o", out, "--port", "0", "--today", DAY, "--app", RELAY, "--model", self.model)
        started = subprocess.Popen(command, cwd=self.root, env=self.environment, stdout=subprocess.PIPE, text=True)
        try:
            assert started.stdout is not None
            url = json.loads(started.stdout.readline())["url"]
            with httpx.Client(base_url=url, timeout=60) as client:
                yield client, started
        finally:
            started.kill()
            started.wait()
            if started.stdout is not None:
                started.stdout.close()


def continue_batch(code: Code, folder: Path, out: Path) -> Row:
    """Resume the batch in `out`, give it two files of answers, then retry; what is so after each step.

    `folder` holds the requests and the answers.
    """
    story: Row = {}

    def after(name: str, told: Row) -> None:
        story[name] = {"command": told, **files(out)}

    after("resumed", code.run(folder / "requests.jsonl", out))
    story["steps of the resumed"] = steps(out / "journal.sqlite")
    after("answered", code.answer(out, folder / "answers-1.jsonl"))
    after("answered again", code.answer(out, folder / "answers-2.jsonl"))
    retries = [part for id in RETRIED for part in ("--retry", id)]
    after("retried", code.run(folder / "requests.jsonl", out, *retries))
    story["again"] = code.run(folder / "requests.jsonl", out)
    story["ledger"] = code.interlock("ledger", out)
    story["replayed"] = [code.interlock("replay", out, id)["said"] for id in ("done-lamp", "held-anvil", "two-parts")]
    story["steps"] = steps(out / "journal.sqlite")
    story["journal"] = kept(out / "journal.sqlite")
    story["accepted"] = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["accepted"]
    return story


def continue_conversations(code: Code, folder: Path, out: Path) -> Row:
    """Serve the conversations in `out` once more, say what is left to say, and settle what is with a person."""
    story: Row = {}
    names: dict[str, str] = json.loads((folder / "conversations.json").read_text(encoding="utf-8"))
    with code.served(out) as (client, _):
        for id in names.values():  # those that were cut off go on by themselves
            until(lambda id=id: client.get(f"/conversations/{id}").json()["state"] != "busy")  # type: ignore[misc]
        runs = [run["id"] for run in client.get("/runs").json()]
        for run in runs:
            until(lambda run=run: client.get(f"/runs/{run}").json()["state"] == "finished")  # type: ignore[misc]
        story["resumed"] = {name: conversation(client, id) for name, id in names.items()}
        story["handed"] = plain(client.get("/escalations").json())
        for name, what, text in json.loads((folder / "said.json").read_text(encoding="utf-8")):
            id = names[name]
            if what == "customer":
                done = client.post(f"/conversations/{id}/messages", json={"text": text})
            else:
                record = client.get(f"/conversations/{id}").json()["escalation"]["record"]
                done = client.post(f"/escalations/{record}/{what}", json={"text": text})
            assert done.status_code == 200, done.text
        story["said"] = {name: conversation(client, id) for name, id in names.items()}
        story["handed in the end"] = plain(client.get("/escalations").json())
        story["runs"] = [client.get(f"/runs/{run}/records").json() for run in runs]
        story["runs"] = plain([sorted(rows, key=lambda row: row["custom_id"]) for rows in story["runs"]])
    story["steps of the runs"] = [steps(out / "runs" / run / "out" / "journal.sqlite") for run in runs]
    settled = out / "settled.jsonl"
    with closing(sqlite3.connect(out / "journal.sqlite")) as database:
        (record,) = database.execute("SELECT record FROM actions WHERE state = 'reserved'").fetchone()
    settled.write_text(json.dumps({"custom_id": record, "happened": True, "result": 5}) + "\n", encoding="utf-8")
    story["settled"] = code.answer(out, settled)
    story["journal"] = kept(out / "journal.sqlite")
    story["steps"] = steps(out / "journal.sqlite")
    story["books"] = books(out)
    known = {id: name for name, id in names.items()} | {id: f"run{number}" for number, id in enumerate(runs)}
    return renamed(story, known)


def from_scratch(
    code: Code, requests: Path, answers: Sequence[Path], out: Path, options: Sequence[str] = ("--trust",)
) -> list[list[str]]:
    """The steps of a batch that is served anew, with one file of answers after the other.

    `options`: for a model that is named; at first every such model was trusted to choose.
    """
    code.run(requests, out, *(options if code.model else ()))
    for path in answers:
        code.answer(out, path)
    return steps(out / "journal.sqlite")


def conversation(client: httpx.Client, id: str) -> Row:
    """A conversation as its customer sees it, and all its events."""
    events = []
    with client.stream("GET", f"/conversations/{id}/events", headers={"Accept": "text/event-stream"}) as answer:
        last = client.get(f"/conversations/{id}").json()["last_event"]
        number = 0
        for line in answer.iter_lines():
            if line.startswith("id: "):
                number = int(line.removeprefix("id: "))
            elif line.startswith("data: "):
                events.append(json.loads(line.removeprefix("data: ")))
            elif not line and number >= last:  # the end of the last event
                break
    return {"transcript": plain(client.get(f"/conversations/{id}").json()), "events": plain(events)}


def until(holds: Callable[[], bool], seconds: float = 240) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to its end"
        time.sleep(0.02)


def files(out: Path) -> Row:
    """The files that a run leaves, sorted by record, and the app's own books."""
    found: Row = {}
    for name in FILES:
        path = out / f"{name}.jsonl"
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else None
        found[name] = rows and sorted(map(plain, rows), key=lambda row: json.dumps(row, sort_keys=True))
    return {**found, "books": books(out)}


def books(out: Path) -> Row:
    """What the app did to the world, line by line."""
    return {book: sorted((out / book).read_text(encoding="utf-8").splitlines()) for book in BOOKS}


def steps(journal: Path) -> list[list[str]]:
    """Record, position, name and digest of each step that a journal holds."""
    with closing(sqlite3.connect(journal)) as database:
        return [list(row) for row in database.execute("SELECT record, position, name, digest FROM steps ORDER BY 1, 2")]


def kept(journal: Path) -> Row:
    """What a journal holds in the end."""
    columns = {
        "records": "id, input, today, status, intent, suspicion, alone, retries, conversation",
        "steps": "record, position, name, occurrence, result, error, attempt, prompt_tokens, completion_tokens, detail",
        "actions": "record, name, digest, occurrence, arguments, state, result, intent, approval, key",
        "questions": "record, position, digest, occurrence, field, text, choices, answer, contract, schema, kind",
        "desk": "record, conversation, state, operator",
    }
    found: Row = {}
    with closing(sqlite3.connect(journal)) as database:
        for table, names in columns.items():
            rows = database.execute(f"SELECT {names} FROM {table}")
            found[table] = sorted(([read(value) for value in row] for row in rows), key=json.dumps)
        # The order between records depends on which was faster; within one it does not.
        told = database.execute(
            "SELECT record, json_extract(body, '$.text') FROM events"
            " WHERE json_extract(body, '$.event') = 'Said' ORDER BY record, number"
        )
        found["said"] = [list(row) for row in told]
    return found


def read(value: Any) -> Any:
    """A column: JSON as data without times, anything else as it is."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return plain(json.loads(value))
    except ValueError:  # a text that begins like JSON
        return value


def plain(value: Any) -> Any:
    """Data without what may differ from run to run."""
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items() if name not in TIMES}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(inner) for inner in value]
    return value


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Data in which ids that are made at random have names."""
    text = json.dumps(value)
    for id, name in names.items():
        text = text.replace(id, name)
    return json.loads(text)


def differences(expected: Any, found: Any, where: str = "") -> Iterator[str]:
    """What differs, and where. Numbers of an encoder count as equal when a thousandth apart: processors differ."""
    if isinstance(expected, float) and isinstance(found, float | int):
        if abs(expected - found) > 1e-3:
            yield f"{where}: {expected} → {found}"
    elif isinstance(expected, dict) and isinstance(found, dict):
        for name in {**expected, **found}:
            if name in expected and name in found:
                yield from differences(expected[name], found[name], f"{where}/{name}")
            else:
                yield f"{where}/{name}: {expected.get(name, 'nothing')} → {found.get(name, 'nothing')}"
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            yield f"{where}: {len(expected)} → {len(found)} entries"
        for number, (old, new) in enumerate(zip(expected, found, strict=False)):
            yield from differences(old, new, f"{where}/{number}")
    elif expected != found or type(expected) is not type(found):
        yield f"{where}: {expected!r} → {found!r}"


def written(value: Any, deep: int = 3, indent: str = "") -> str:
    """JSON in which each row stands on a line of its own."""
    inner = f"{indent} "
    if deep and isinstance(value, dict) and value:
        rows = [f"{inner}{json.dumps(key)}: {written(row, deep - 1, inner)}" for key, row in sorted(value.items())]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if deep and isinstance(value, list) and value:
        rows = [f"{inner}{written(row, 0)}" for row in value]
        return "[\n" + ",\n".join(rows) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def restore(folder: Path, out: Path) -> Path:
    """A copy of a kept folder to work in: its journal made from its dump, its files as they are."""
    out.mkdir(parents=True)
    for path in folder.rglob("*"):
        target = out / path.relative_to(folder)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        elif path.suffix == ".sql":
            with closing(sqlite3.connect(target.with_suffix(".sqlite"))) as database:
                database.executescript(path.read_text(encoding="utf-8"))
        else:
            target.write_bytes(path.read_bytes())
    return out
