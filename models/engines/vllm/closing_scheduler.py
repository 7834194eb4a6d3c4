"""ClosingScheduler: what runs inside a vLLM server whose answers end within their budget, whole and valid.

Knows vLLM's V1 scheduler. How a text is closed is models/engines/closing.py, who asks for it
models/engines/vllm/closings.py; how masks are filled, models/engines/vllm/parallel_masks.py.

Where an ending takes all the room that is left, the masks admit nothing else. A token behind which no ending fits, such
as one that begins an object with many required keys, is known by trying only, once it was drawn: the request gives it
back and is preempted, as vLLM does where its cache is full, and goes on with its ending. That is once a request, at
most.
"""
# ruff: noqa: E402

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from models.engines.closing import Closing
from models.engines.vllm.applied_masks import apply_on_cpu
from models.engines.vllm.closings import Closings, longest
from models.engines.vllm.compiled_grammars import CompiledGrammars
from models.engines.vllm.matrix_registers import ask_for_matrix_registers
from models.engines.vllm.parallel_masks import ParallelMasks
from models.interfaces import VLLM

VLLM.check()  # before what may be missing is imported

from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.request import Request

from models.engines.vllm.drafted_sampling import correct_sampling


class ClosingScheduler(Scheduler):  # type: ignore[misc]
    """vLLM's scheduler, with closing.

    Raises RuntimeError at start with async scheduling, which goes on before it is known what was drawn. Where vLLM
    lacks what is needed here, this module raises UnfitPackage when it is imported.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if self.scheduler_config.async_scheduling:
            raise RuntimeError("Closing needs the flags that `interlock serve-flags` prints.")
        manager = self.structured_output_manager
        # 0.32: a request whose grammar fails is refused alone
        CompiledGrammars(manager, tells=hasattr(self, "grammar_compile_error_reqs"))
        self._closings = Closings(manager, self.max_model_len)
        manager.grammar_bitmask = ParallelMasks(manager, self._closings).fill
        self._beside = ThreadPoolExecutor(1, "masks")
        self._masks: tuple[Any, Future[Any]] | None = None
        ask_for_matrix_registers()
        apply_on_cpu(self.vllm_config)
        if self.vllm_config.speculative_config is not None:
            correct_sampling(self.vllm_config)

    def schedule(self, *arguments: Any, **named: Any) -> Any:
        """What the next step computes. Its masks are begun here, for they depend on nothing that the model computes: on
        a CPU vLLM would make them when it has."""
        planned = super().schedule(*arguments, **named)
        self._masks = None
        if planned.has_structured_output_requests:
            self._masks = planned, self._beside.submit(super().get_grammar_bitmask, planned)
        return planned

    def get_grammar_bitmask(self, scheduler_output: Any) -> Any:
        """The masks of a step, as they were begun when it was planned."""
        if self._masks is not None and self._masks[0] is scheduler_output:
            return self._masks[1].result()
        return super().get_grammar_bitmask(scheduler_output)

    def update_from_output(self, scheduler_output: Any, model_runner_output: Any) -> Any:
        """After each step: what was drawn becomes part of the texts, as far as they can still be closed behind it."""
        sampled, places = model_runner_output.sampled_token_ids, model_runner_output.req_id_to_index
        scores = model_runner_output.prompt_logprobs_dict
        asking, cut = dict[str, Request](), list[Request]()
        for name in scheduler_output.num_scheduled_tokens if sampled else ():
            request = self.requests.get(name)
            if request is None or not request.use_structured_output or request.is_finished():
                continue
            asking[name] = request
            if (closing := self._closings.of(request)) is None:
                continue
            tokens = sampled[places[name]]
            grammar = request.structured_output_request.grammar
            closed = bool(closing.closed)
            taken = longest(tokens, closing, grammar.ll_matcher, grammar.ll_tokenizer.eos_token)
            # Where nothing but the ending was admitted, the request itself forbids that: for vLLM to end.
            if taken < len(tokens) and not closed:
                closing.close()
                sampled[places[name]] = tokens[:taken]
                cut.append(request)
            self._closings.tell_with_a_token(request, scores, bool(sampled[places[name]]))
        outputs = super().update_from_output(scheduler_output, model_runner_output)
        for request in cut:
            if not request.is_finished():
                self._again(request)
        for output in (one for each in outputs.values() for one in each.outputs):
            request = asking.get(output.request_id)
            if request is not None and output.finish_reason is not None:
                output.stop_reason = self._closings.told(request) or output.stop_reason
        return outputs

    def closing(self, request: Request) -> Closing | None:
        """That of a request, if it asked for it."""
        return self._closings.of(request)

    def _again(self, request: Request) -> None:
        self.running.remove(request)
        self._preempt_request(request, time.monotonic())
        # It may be resumed in the next step: then all its tokens have to be told to the model's side again.
        self.prev_step_scheduled_req_ids.discard(request.request_id)
