from __future__ import annotations

import pytest

from models.bench.throughput.phases import phases

LOOP = "run_engine_core (vllm/v1/engine/core.py:1496);EngineCoreProc.run_busy_loop (vllm/v1/engine/core.py:1555)"
STEP = f"{LOOP};EngineCoreProc._process_engine_step (core.py:1606);EngineCore.step (vllm/v1/engine/core.py:669)"
QUEUED = STEP.replace(".step (", ".step_with_batch_queue (")
RUN = "UniProcExecutor.sample_tokens (vllm/v1/executor/uniproc_executor.py:137)"


@pytest.mark.parametrize("step", [STEP, QUEUED])
def test_a_step_is_shared_out_among_what_it_calls(step: str) -> None:
    stacks = "\n".join(
        [
            f"{step};Scheduler.schedule (vllm/v1/core/sched/scheduler.py:400) 1",
            f"{step};Scheduler.get_grammar_bitmask (scheduler.py:2012);fill_next_token_bitmask (torch.py:63) 2",
            f"{step};{RUN};GPUModelRunner._sample (gpu_model_runner.py:3500) 1",
            f"{step};{RUN};GPUModelRunner._to_list (gpu_model_runner.py:7516) 6",
        ]
    )
    assert phases(stacks) == {
        "sample_tokens (waits)": 0.6,
        "get_grammar_bitmask": 0.2,
        "schedule": 0.1,
        "sample_tokens": 0.1,
    }


def test_waiting_for_requests_and_other_threads_do_not_count() -> None:
    stacks = "\n".join(
        [
            f"{LOOP};EngineCoreProc._process_input_queue (core.py:1570);Queue.get (queue.py:171) 90",
            "Thread._bootstrap (threading.py:1002);EngineCoreProc.process_input_sockets (core.py:1903) 50",
            f"{STEP};Scheduler.update_from_output (scheduler.py:2040) 3",
            f"{LOOP};EngineCoreProc._process_engine_step (core.py:1609);Queue.put_nowait (queue.py:191) 1",
        ]
    )
    assert phases(stacks) == {"update_from_output": 0.75, "put_nowait": 0.25}


def test_nothing_sampled_is_no_phase() -> None:
    assert phases("") == {}
