"""OpenAI's batch file, answered by `interlock batch` and by others from the same model: a client that does nothing but
ask the same server, and vLLM's own `run-batch`, which starts an engine for each file.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from models.engines.model_folder import find_model_folder
from models.engines.vllm.server import launch_environment, vllm_command
from pipeline import UsageError
from pipeline.record import CHAT
from pipeline.workflows import completions
from scripts.bench.bare import Report, beside_bare
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


async def beside_client(model: str, rows: int, concurrency: int, repeat: int) -> dict[str, Any]:
    """A batch file, answered by the model itself, beside the bare client: see `beside_bare`."""
    return await beside_bare(
        model, completions.app, lambda path, name: write_lines(path, rows, name), rows, concurrency, repeat
    )


async def beside_run_batch(model: str, rows: int, concurrency: int) -> dict[str, Any]:
    """Seconds from the command to the end of a batch file, engine included: `interlock batch` and `vllm run-batch`.

    `concurrency`: of ours; the other has its own.
    """
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = write_lines(folder / "in.jsonl", rows, model)
        ours = [sys.executable, "-c", "from scripts.main import main; main()", "batch", "-i", str(source)]
        ours += ["-o", str(folder / "out"), "--model", f"vllm:{model}", "--any-model"]
        ours += ["--concurrency", str(concurrency)]
        theirs = vllm_command("run_batch", model, find_model_folder(model, tell))
        theirs += ["-i", str(source), "-o", str(folder / "theirs.jsonl")]
        environment = launch_environment()
        seconds = [await _seconds(command, root, environment) for command in (ours, theirs)]
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


async def _seconds(command: list[str], root: Path, environment: dict[str, str]) -> float:
    started = time.perf_counter()
    silent = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, cwd=root, env=environment, stdout=silent)
    if await process.wait():
        raise UsageError(f"{' '.join(command[:4])} failed: what it said stands above.")
    return time.perf_counter() - started


def _is_valid(line: str) -> bool:
    try:
        content = json.loads(line)["response"]["body"]["choices"][0]["message"]["content"]
        Report.model_validate_json(content)
    except (KeyError, TypeError, ValueError, IndexError):
        return False
    return True
