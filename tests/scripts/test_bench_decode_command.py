from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command import COMMAND, QUIET, ROOT, interlock
from processes import started

from models.engines.vllm.server import VllmServer

VARIANTS = ("bench", "decode", "--variants", "constrained,free,jump-forward")
SMALL = (*VARIANTS, "--forms", "keys", "--repeat", "1")


def servers(vllm_url: str, jump_server: VllmServer, model: Path) -> list[str]:
    return ["--model", str(model), "--url", f"plain={vllm_url}", "--url", f"jump={jump_server.url}"]


async def test_it_compares_free_and_constrained_text_of_the_same_length(
    vllm_url: str, jump_server: VllmServer, random_model: Path, tmp_path: Path
) -> None:
    done = interlock(
        *SMALL, *servers(vllm_url, jump_server, random_model), "--concurrency", "1,4", "-o", str(tmp_path / "bench")
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == json.loads((tmp_path / "bench" / "bench.json").read_text())
    assert list(found["constrained_over_free"]) == ["1", "4"]
    assert all(ratio > 0 for ratio in found["constrained_over_free"].values())
    cells = {(cell["variant"], cell["max_concurrency"]): cell for cell in found["cells"]}
    assert len(cells) == 6
    for concurrency in (1, 4):
        free, plain, jumped = (cells[name, concurrency] for name in ("free", "constrained", "jump-forward"))
        assert free["tokens_per_answer"] == plain["tokens_per_answer"] == jumped["tokens_per_answer"]
        assert plain["valid"] == jumped["valid"] == jumped["identical"] == jumped["completed"] > 0
        assert plain["steps_per_token"] == free["steps_per_token"] == 1.0
        assert jumped["steps_per_token"] < 0.45
        assert jumped["accepted"] == jumped["drafted"] > 0
        assert all(cell["p50_ttft_ms"] <= cell["p99_ttft_ms"] for cell in (free, plain, jumped))
    assert found["grammars"]["keys"]["forced_share"] > 0.5
    assert 0 < found["mask_share"]["keys"]["1"] < 1
    for picture in ("throughput.png", "latency.png", "pareto.png"):
        assert (tmp_path / "bench" / picture).read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "bench" / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "jump-forward" in page


OWN = """
from interlock import Contract, Said
from pydantic import Field

class Refund(Contract):
    item: Said[str] = Field(description="What came back?")
    pieces: int = Field(ge=1, le=9)
"""


async def test_a_contract_and_prompts_of_ones_own_under_arrivals_by_the_clock(
    vllm_url: str, jump_server: VllmServer, random_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(OWN)
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "My lamp is broken."}\n{"prompt": "My cup is broken."}\n')
    own = ["--contract", f"{tmp_path / 'shop.py'}:Refund", "--prompts", str(tmp_path / "prompts.jsonl")]
    load = ["--input-tokens", "96", "--rate", "20,inf", "--mix", "0.5", "--num-prompts", "6", "--slo", "ttft:60000"]
    variants = ["--variants", "constrained,free,jump-forward", "--repeat", "2"]
    given = servers(vllm_url, jump_server, random_model)
    done = interlock("bench", "decode", *own, *load, *variants, *given, "-o", str(tmp_path / "bench"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    cells = {(cell["variant"], cell["request_rate"]): cell for cell in found["cells"]}
    assert len(cells) == 6
    for (variant, rate), cell in cells.items():
        assert (cell["form"], cell["max_concurrency"], cell["mix"]) == ("Refund of 96", None, 0.5)
        assert (cell["completed"], cell["constrained"]) == (12, 0 if variant == "free" else 6)
        assert cell["valid"] == cell["constrained"]
        assert abs(cell["total_input_tokens"] / 12 - 96) <= 3
        assert cell["slo_attainment"] == 1
        assert 0 < cell["request_goodput"] <= cell["request_throughput"] * 1.001
        assert (
            cell["intervals"]["median_ttft_ms"][0] <= cell["median_ttft_ms"] <= cell["intervals"]["median_ttft_ms"][1]
        )
        assert cell["p50_itl_ms"] <= cell["p90_itl_ms"] <= cell["p95_itl_ms"] <= cell["p99_itl_ms"]
        if rate == 20:  # the last of six arrives after 0.3 s
            assert cell["request_throughput"] < 20
    assert cells["jump-forward", "inf"]["accepted"] > 0
    kept = [json.loads(file.read_text()) for file in sorted((tmp_path / "bench" / "rounds").glob("*.json"))]
    assert len(kept) == 12
    told = json.loads((tmp_path / "bench" / "summary.json").read_text())  # as `vllm bench sweep plot` reads it
    assert [one["variant"] for one in told] == [one["variant"] for one in kept]
    assert told[0] == {name: value for name, value in kept[0].items() if not isinstance(value, list)}
    again = interlock("bench", "decode", *own, *given, "-o", str(tmp_path / "bench"))
    assert (again.returncode, "holds what a benchmark has found" in again.stderr) == (2, True)
    assert {len(one["ttfts"]) for one in kept} == {6}
    for one in kept:
        assert all(len(gaps) == tokens - 1 for gaps, tokens in zip(one["itls"], one["output_lens"], strict=True)), one[
            "label"
        ]
    assert "not measured" in done.stderr  # no card tells what a token takes


async def test_the_highest_rate_within_the_service_level_is_found_on_a_running_server(vllm_url: str) -> None:
    given = [
        "--url",
        f"plain={vllm_url}",
        "--forms",
        "keys",
        "--variants",
        "constrained",
        "--num-prompts",
        "4",
        "--repeat",
        "1",
    ]
    done = interlock("bench", "decode", *given, "--rate", "search", "--slo", "e2el:60000")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout.splitlines()[-1])["highest_request_rates"]
    assert (found["highest_request_rate"], found["tried"][0]["slo_attainment"]) == ("inf", 1.0)
    assert "Highest rates at which 90% of the requests keep e2el 60000 ms" in " ".join(done.stderr.split())
    done = interlock("bench", "decode", *given, "--rate", "search", "--slo", "e2el:0.001")
    (found,) = json.loads(done.stdout.splitlines()[-1])["highest_request_rates"]
    assert found["highest_request_rate"] is None
    assert len(found["tried"]) == 6


async def test_free_text_is_measured_by_vllm_bench_serve_as_well(
    vllm_url: str, random_model: Path, tmp_path: Path
) -> None:
    given = ["--url", f"plain={vllm_url}", "--model", str(random_model), "--forms", "keys", "--variants", "free"]
    load = ["--concurrency", "2", "--num-prompts", "4", "--repeat", "1", "--input-tokens", "400", "-o", str(tmp_path)]
    done = interlock("bench", "decode", *given, *load, "--vllm-bench")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout.splitlines()[-1])["vllm_bench_serve"]
    theirs = json.loads((tmp_path / "vllm-bench-keys-of-400-2-at-once-0.json").read_text())
    assert theirs["total_output_tokens"] == 4 * found["tokens"]
    assert abs(theirs["total_input_tokens"] / 4 - 400) <= 40  # by the same text, in another template
    assert found["theirs"]["output_throughput"] == round(theirs["output_throughput"], 3)
    assert found["difference"]["output_throughput"] == round(
        found["ours"]["output_throughput"] / found["theirs"]["output_throughput"] - 1, 4
    )
    assert "ours and `vllm bench serve`: output_throughput" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--rate", "0"], "'0' is no list of numbers. Write --rate 1,4,inf."),
        (["--mix", "2"], "'2' is no list of numbers. Write --mix 0,0.5,1."),
        (["--burstiness", "2"], "A burstiness was given, and no rate."),
        (["--rate", "search"], "There is no service level to search within. Add --slo ttft:500,tpot:30."),
        (["--slo", "itl:3"], "'itl:3' is no service level."),
        (["--slo-share", "0.5"], "A --slo-share was given, and nothing is searched."),
        (["--per-slot", "2", "--num-prompts", "9"], "Choose one of --per-slot and --num-prompts."),
        (["--url", "plain=http://x", "--flags", "--seed 1"], "--flags was given, and no server is started."),
        (["--url", "plain=http://x", "--url", "plain=http://y"], "Two servers are given as plain."),
        (["--model", "http://x"], "Write --url plain=http://x."),
        (["--schemas", "nowhere"], "There is no nowhere."),
        (["--contract", "shop.py"], "shop.py names no contract: write it as review.py:Review."),
        (["--url", "jump=http://x", "--variants", "free"], "There is no server for free. Add --url plain=http://…"),
        (["--url", "plain=http://x", "--vllm-bench"], "`vllm bench serve` needs the model's tokenizer."),
    ],
)
def test_what_cannot_be_measured_is_refused_before_a_server_starts(given: list[str], said: str) -> None:
    done = interlock("bench", "decode", *given)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())


async def test_contracts_that_the_context_has_no_room_for_are_left_out(
    vllm_url: str, jump_server: VllmServer, random_model: Path
) -> None:
    given = [*VARIANTS, "--repeat", "1", "--concurrency", "1", *servers(vllm_url, jump_server, random_model)]
    done = interlock(*given, "--forms", "keys,text")
    assert done.returncode == 0, done.stderr
    assert "Left out, for this model's context is too short: text." in done.stderr
    assert {cell["form"] for cell in json.loads(done.stdout.splitlines()[-1])["cells"]} == {"keys"}
    done = interlock(*given, "--forms", "text")
    assert done.returncode == 1
    assert "No contract is left to measure." in done.stderr


async def test_ctrl_c_keeps_what_was_measured(
    vllm_url: str, jump_server: VllmServer, random_model: Path, tmp_path: Path
) -> None:
    more = ["--forms", "keys", "--repeat", "1000", "--concurrency", "1"]
    arguments = [*more, *servers(vllm_url, jump_server, random_model)]
    with started(
        [*COMMAND, *VARIANTS, *arguments, "-o", str(tmp_path)],
        cwd=ROOT,
        env={**QUIET, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        deadline = time.monotonic() + 120
        while not (tmp_path / "bench.json").is_file() and time.monotonic() < deadline:
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        output, _ = running.communicate(timeout=60)
        assert running.returncode == 130
    kept = json.loads(output.splitlines()[-1])
    assert kept["ended"] == "by Ctrl-C"
    assert kept["cells"]
    assert kept["constrained_over_free"]["1"] > 0


def test_an_unknown_form_is_named() -> None:
    done = interlock("bench", "decode", "--forms", "novel")
    assert done.returncode == 2
    assert done.stderr.strip() == "There is no novel to compare. Choose of keys, booking, note, text."


def test_dummy_weights_want_a_shape() -> None:
    done = interlock("bench", "decode", "--weights", "dummy")
    assert done.returncode == 2
    assert done.stderr.strip() == "Dummy weights have no shape. Add --shape, one of llama-8b, llama-1b, small."
