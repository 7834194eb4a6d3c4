"""Request: one body of OpenAI's API, read once: what is asked, how it is drawn, and what shape its answer has.

Knows the options and their limits (options.py lists them; messages.py, formats.py and tools.py read the larger ones);
asks nobody. Whatever it does not obey is a BadRecord.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from models.engines.engine import Decoding, Message
from pipeline.completions.formats import purpose, read_format
from pipeline.completions.messages import instructed, read_messages
from pipeline.completions.options import EMBEDDINGS, FORMATS, OPTIONS, RESPONSES, TEXT, refuse_others
from pipeline.completions.response_input import chat_of, renamed, repeated
from pipeline.completions.scalars import flag, number, shown, whole
from pipeline.completions.shape import Shape
from pipeline.completions.tools import calls_shape, chosen, read_tools, told
from pipeline.record import CHAT, BadRecord

MOST_CHOICES = 16
MOST_STOPS = 16
MOST_INPUTS = 2048
DEFAULT_TOKENS = 16
"""Tokens of an answer to /v1/completions where a request does not say how many."""

EFFORTS = {"none": 0.0, "minimal": 0.125, "low": 0.25, "medium": 0.5, "high": 1.0, "xhigh": 1.0}
"""Of `reasoning_effort`: to shares of the thinking budget."""


@dataclass(frozen=True)
class Request:
    """`budget`: tokens that an answer may take, None: what the context leaves; `limit`: the option that says so.
    `prefix`: what stands before each text (`echo`). `format`: the option that says the shape. `inputs`: texts to embed,
    and then nothing is generated; `base64` says how vectors are written. `told`: what an answer repeats of its request.
    """

    route: str
    model: str
    messages: tuple[Message, ...] = ()
    sampling: Decoding = field(default_factory=Decoding)
    choices: int = 1
    budget: int | None = None
    shape: Shape = field(default_factory=Shape)
    prefix: str = ""
    format: str = ""
    inputs: tuple[str, ...] = ()
    base64: bool = False
    dimensions: int | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    limit: str = "max_tokens"

    @property
    def asks_by(self) -> str:
        """The option that says what is asked."""
        return {CHAT: "messages", TEXT: "prompt"}.get(self.route, "input")


def read_request(route: object, body: object) -> Request:
    """Read a body for a route ("/v1/chat/completions"). BadRecord names the option that cannot be obeyed, and why."""
    if not isinstance(route, str) or route not in OPTIONS:
        raise BadRecord(f'"url" is {shown(route)}, and what is answered is {", ".join(OPTIONS)}.')
    if not isinstance(body, dict):
        raise BadRecord('"body" is no JSON object.')
    refuse_others(route, body)
    body = {name: value for name, value in body.items() if value is not None}
    if flag(body, "stream", False):
        raise BadRecord('"stream" is refused: an answer in a batch comes whole. Leave it out, or give false.')
    if "stream_options" in body:
        raise BadRecord('"stream_options" is refused: nothing is streamed.')
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRecord('"model" is missing, or not a text.')
    user = body.get("user")
    if user is not None and not isinstance(user, str):
        raise BadRecord('"user" is not a text.')
    read = {CHAT: _chat, TEXT: _text, EMBEDDINGS: _embeddings, RESPONSES: _responses}[route]
    return replace(read(model, body), format=next((name for name in FORMATS if body.get(name)), ""))


def _chat(model: str, body: Mapping[str, Any]) -> Request:
    if not isinstance(body.get("metadata", {}), dict):
        raise BadRecord('"metadata" is no JSON object.')
    tools = read_tools(body.get("tools"))
    may, must = chosen(tools, body.get("tool_choice"))
    if body.get("parallel_tool_calls") is not None and not tools and body["parallel_tool_calls"] is not True:
        raise BadRecord('"parallel_tool_calls" says nothing without "tools".')
    # One function that is demanded by name is called once, as with OpenAI; clients take no more.
    parallel = flag(body, "parallel_tool_calls", not isinstance(body.get("tool_choice"), dict))
    messages = read_messages(body.get("messages"))
    formatted, schema = read_format(body)
    if about := purpose(body):
        messages = instructed(messages, about)
    if may:
        if not formatted.is_free and schema is None:
            raise BadRecord('"structured_outputs" beside "tools" is refused: only JSON can be told from a call.')
        if must and not formatted.is_free:
            raise BadRecord('"response_format" cannot be obeyed beside a "tool_choice" that demands a call.')
        messages = instructed(messages, told(may, must))
        formatted = calls_shape(may, must, parallel, schema)
    scores = flag(body, "logprobs", False)
    if "top_logprobs" in body and not scores:
        raise BadRecord('"top_logprobs" says nothing without "logprobs": give that as true.')
    logprobs = whole(body, "top_logprobs", 0, 0, 20) if scores else None
    limits = {name: whole(body, name, None, 1) for name in ("max_tokens", "max_completion_tokens") if name in body}
    if len(set(limits.values())) > 1:
        raise BadRecord('"max_tokens" and "max_completion_tokens" differ: give one of them.')
    effort = body.get("reasoning_effort")
    if effort is not None and (not isinstance(effort, str) or effort not in EFFORTS):
        raise BadRecord(f'"reasoning_effort" is {shown(effort)}, and may be {", ".join(EFFORTS)}.')
    return Request(
        CHAT,
        model,
        messages,
        _decoding(body, formatted, logprobs, None if effort is None else EFFORTS[effort]),
        whole(body, "n", 1, 1, MOST_CHOICES) or 1,
        next(iter(limits.values()), None),
        formatted,
        limit=next(iter(limits), "max_completion_tokens"),
    )


def _responses(model: str, body: Mapping[str, Any]) -> Request:
    try:
        request = _chat(model, chat_of(body))
    except BadRecord as error:
        raise BadRecord(renamed(str(error)), error.id) from None
    return replace(request, route=RESPONSES, told=repeated(body), limit="max_output_tokens")


def _text(model: str, body: Mapping[str, Any]) -> Request:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        (prompt,) = prompt
    if not isinstance(prompt, str) or not prompt:
        raise BadRecord('"prompt" is not one text: give each of several a line of its own, and no token ids.')
    echo = flag(body, "echo", False)
    logprobs = whole(body, "logprobs", None, 0, 5)
    if echo and logprobs is not None:
        raise BadRecord('"echo" is refused beside "logprobs": the log-probabilities of a prompt are not known.')
    shape, _ = read_format(body)
    return Request(
        TEXT,
        model,
        (Message("prompt", prompt),),
        _decoding(body, shape, logprobs, None),
        whole(body, "n", 1, 1, MOST_CHOICES) or 1,
        whole(body, "max_tokens", DEFAULT_TOKENS, 1),
        shape,
        prompt if echo else "",
    )


def _embeddings(model: str, body: Mapping[str, Any]) -> Request:
    given = body.get("input")
    inputs = [given] if isinstance(given, str) else given
    if not isinstance(inputs, list) or not inputs or not all(isinstance(one, str) and one for one in inputs):
        raise BadRecord('"input" is neither a text nor a list of texts, none of them empty; token ids are not taken.')
    if len(inputs) > MOST_INPUTS:
        raise BadRecord(f'"input" has {len(inputs):,} texts, and at most {MOST_INPUTS:,} are taken.')
    encoding = body.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise BadRecord(f'"encoding_format" is {shown(encoding)}, and may be float or base64.')
    size = whole(body, "dimensions", None, 1)
    return Request(EMBEDDINGS, model, inputs=tuple(inputs), base64=encoding == "base64", dimensions=size)


def _decoding(body: Mapping[str, Any], shape: Shape, logprobs: int | None, effort: float | None) -> Decoding:
    stop = body.get("stop", [])
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or len(stops) > MOST_STOPS or not all(isinstance(one, str) and one for one in stops):
        raise BadRecord(f'"stop" is neither a text nor a list of up to {MOST_STOPS}, none of them empty.')
    if stops and not shape.is_free:
        raise BadRecord('"stop" cannot be obeyed beside a format or tools: such an answer ends by itself, whole.')
    return Decoding(
        temperature=number(body, "temperature", 1.0, 0.0, 2.0),
        top_p=number(body, "top_p", 1.0, math.ulp(0.0), 1.0),
        seed=whole(body, "seed", 0, -(2**63)) or 0,
        top_k=max(whole(body, "top_k", 0, -1) or 0, 0),
        min_p=number(body, "min_p", 0.0, 0.0, 1.0),
        presence_penalty=number(body, "presence_penalty", 0.0, -2.0, 2.0),
        frequency_penalty=number(body, "frequency_penalty", 0.0, -2.0, 2.0),
        logit_bias=_bias(body.get("logit_bias", {})),
        stop=tuple(stops),
        logprobs=logprobs,
        effort=effort,
    )


def _bias(value: object) -> tuple[tuple[int, float], ...]:
    if not isinstance(value, dict):
        raise BadRecord('"logit_bias" does not map token ids to numbers.')
    pairs = []
    for token, bias in sorted(value.items()):
        number = isinstance(bias, int | float) and not isinstance(bias, bool)
        if not (token.isascii() and token.isdecimal() and str(int(token)) == token and number):
            raise BadRecord(f'"logit_bias" maps {shown(token)} to {shown(bias)}, and may map token ids to numbers.')
        if not -100 <= bias <= 100:
            raise BadRecord(f'"logit_bias" has {shown(bias)} for {token}, and may have a number from -100 to 100.')
        pairs.append((int(token), float(bias)))
    return tuple(sorted(pairs))
