"""Lines in OpenAI's batch form, and what a batch makes of them on the shipped model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline import Equipment, Launch, load_app, read_requests, run_batch
from pipeline.batch.openai_files import write_files

MODEL = "models/tiny"
CHAT = "/v1/chat/completions"
ASKED = [{"role": "user", "content": "Tell me about trains."}]


def line(id: str, url: str = CHAT, **body: Any) -> dict[str, Any]:
    """One line; a chat asks about trains unless `messages` say otherwise."""
    more = {"messages": ASKED} if url == CHAT else {}
    return {"custom_id": id, "method": "POST", "url": url, "body": {"model": MODEL, **more, **body}}


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    return path


async def answers(
    folder: Path, equipment: Equipment, *lines: object, any_model: bool = False, seed: int = 0
) -> tuple[dict[str, Any], dict[str, str]]:
    """The bodies of output.jsonl and the messages of errors.jsonl, by custom_id."""
    app = load_app("pipeline.workflows.completions" + (".any_model" if any_model else ""))
    asked = read_requests(write(folder / "in.jsonl", *lines), app.read)
    out = folder / "out"
    await run_batch(app, asked, out, equipment, Launch(seed=seed))
    counts = write_files(out, asked.bad_lines())
    output, errors = (
        [json.loads(one) for one in (out / name).read_text().splitlines()] for name in ("output.jsonl", "errors.jsonl")
    )
    assert counts.total == len(output) + len(errors) == len(lines)
    assert all(row["response"]["status_code"] == 200 and row["error"] is None for row in output)
    return (
        {row["custom_id"]: row["response"]["body"] for row in output},
        {row["custom_id"]: row["response"]["body"]["error"]["message"] for row in errors},
    )
