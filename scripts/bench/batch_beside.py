"""OpenAI's batch file, answered by `interlock batch` and by others from the same model: a client that does nothing but
ask the same server, and vLLM's own `run-batch`, which starts an engine for each file.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from models.engines.vllm.server import VllmServer
from pipeline import Equipment, Launch, UsageError, read_requests, run_batch
from pipeline.record import CHAT
from pipeline.workflows import completions
from scripts.bench.bare import Report, body_of, send
from scripts.bench.recording_engine import Listening
from scripts.console import tell


def write_lines(path: Path, rows: int, model: str) -> Path:
    """A batch file of so many reports, no two of them alike."""
    format = {"type": "json_schema", "json_schema": {"name": "Report", "schema": Report.model_json_schema()}}
    with path.open("w", encoding="utf-8") as stream:
        for number in range(rows):
            asked = f"What does this customer need: My washing machine, number {number}, leaks; can somebody come?"
            body = {
                "model": model,
                "messages": [{"role": "user", "content": asked}],
                "temperature": 0,
                "max_completion_tokens": 300,
                "response_format": format,
            }
            line = {"custom_id": f"r{number}", "method": "POST", "url": CHAT, "body": body}
            stream.write(json.dumps(line) + "\n")
    return path


async def beside_bare(model: str, rows: int, concurrency: int, repeat: int) -> dict[str, Any]:
    """Seconds of a batch and of the bare client with its requests, in turn, at one server; and their ratio.

    A first batch warms the server up, and is listened to. `model`: http://… or the name of one to start.
    """
    if not model.startswith("http"):
        async with VllmServer.start(model, tell, jump_forward=None) as server:
            return await beside_bare(server.url, rows, concurrency, repeat)
    from models.engines.vllm.engine import VllmEngine  # takes seconds, and every command mounts this one

    engine = await VllmEngine.open(model)
    launch, seconds = Launch(concurrency=concurrency), {"batch": list[float](), "bare": list[float]()}
    try:
        with tempfile.TemporaryDirectory() as folder:
            name = engine.name.partition(":")[2]
            asked = read_requests(write_lines(Path(folder) / "in.jsonl", rows, name), completions.app.read)
            listening = Listening(engine)
            await run_batch(completions.app, asked, Path(folder) / "0", Equipment(listening), launch)
            bodies = [
                body_of(engine, call.messages, call.grammar, call.sampling) for call in listening.calls if call.grammar
            ]
            if len(bodies) < rows:
                raise UsageError(f"The server at {model} answered no batch: look at its log.")
            await send(model, bodies, concurrency)
            for turn in range(1, repeat + 1):
                summary = await run_batch(
                    completions.app, asked, Path(folder) / str(turn), Equipment(engine), replace(launch)
                )
                seconds["batch"].append(summary.seconds)
                seconds["bare"].append(await send(model, bodies, concurrency))
                tell(f"{summary.seconds:.2f} s for the batch, {seconds['bare'][-1]:.2f} s for the bare client")
    finally:
        await engine.close()
    ratios = [bare / batch for bare, batch in zip(seconds["bare"], seconds["batch"], strict=True)]
    return {
        "rows": rows,
        "requests": len(bodies),
        "batch_per_s": round(rows / median(seconds["batch"]), 2),
        "bare_per_s": round(len(bodies) / median(seconds["bare"]), 2),
        "ratio": round(median(ratios), 4),
        "ratios": [round(ratio, 4) for ratio in ratios],
    }


async def beside_run_batch(model: str, rows: int) -> dict[str, Any]:
    """Seconds from the command to the end of a batch file, engine included: `interlock batch` and `vllm run-batch`."""
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = write_lines(folder / "in.jsonl", rows, model)
        ours = [sys.executable, "-c", "from scripts.main import main; main()", "batch", "-i", str(source)]
        ours += ["-o", str(folder / "out"), "--model", f"vllm:{model}", "--any-model", "--concurrency", "32"]
        theirs = [str(Path(sys.executable).with_name("vllm")), "run-batch", "-i", str(source)]
        theirs += ["-o", str(folder / "theirs.jsonl"), "--model", model]
        seconds = [await _seconds(command, root) for command in (ours, theirs)]
        first = (folder / "out" / "output.jsonl").read_text().count("\n")
        second = sum(_is_valid(line) for line in (folder / "theirs.jsonl").read_text().splitlines())
    return {
        "rows": rows,
        "interlock_s": round(seconds[0], 1),
        "run_batch_s": round(seconds[1], 1),
        "ratio": round(seconds[1] / seconds[0], 3),
        "interlock_valid": first,
        "run_batch_valid": second,
    }


async def first_row(model: str) -> dict[str, Any]:
    """Seconds from the command to the first valid row, of a batch of a thousand on an engine in its process."""
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = write_lines(folder / "in.jsonl", 1_000, model)
        command = [sys.executable, "-c", "from scripts.main import main; main()", "batch", "-i", str(source)]
        started = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *command, "-o", str(folder / "out"), "--model", model, cwd=root, stdout=asyncio.subprocess.DEVNULL
        )
        output = folder / "out" / "output.jsonl"
        while not (output.is_file() and b"\n" in output.read_bytes()[:100_000]):
            if process.returncode is not None:
                raise UsageError("The batch ended without a row: what it said stands above.")
            await asyncio.sleep(0.02)
        seconds = time.perf_counter() - started
        process.kill()
        await process.wait()
    return {"model": model, "first_row_s": round(seconds, 2)}


async def _seconds(command: list[str], root: Path) -> float:
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*command, cwd=root, stdout=asyncio.subprocess.DEVNULL)
    if await process.wait():
        raise UsageError(f"{command[-1]} failed: what it said stands above.")
    return time.perf_counter() - started


def _is_valid(line: str) -> bool:
    try:
        content = json.loads(line)["response"]["body"]["choices"][0]["message"]["content"]
        Report.model_validate_json(content)
    except (KeyError, TypeError, ValueError, IndexError):
        return False
    return True
