"""Request: one body of OpenAI's API, read once: what is asked, how it is drawn, and what shape its answer has.

Knows the options and their limits (options.py lists them); asks nobody. Whatever it does not obey is a BadRecord.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from models.engines.engine import Decoding, Message
from pipeline.completions.options import EMBEDDINGS, OPTIONS, RESPONSES, TEXT, refuse_others
from pipeline.completions.response_input import chat_of, renamed, repeated
from pipeline.completions.shape import Shape, json_shape, text_shape
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
    """`budget`: tokens that an answer may take, None: what the context leaves. `prefix`: what stands before each text
    (`echo`). `inputs`: texts to embed, and then nothing is generated; `base64` says how vectors are written. `told`:
    what an answer repeats of its request.
    """

    route: str
    model: str
    messages: tuple[Message, ...] = ()
    sampling: Decoding = field(default_factory=Decoding)
    choices: int = 1
    budget: int | None = None
    shape: Shape = field(default_factory=Shape)
    prefix: str = ""
    inputs: tuple[str, ...] = ()
    base64: bool = False
    dimensions: int | None = None
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def limit(self) -> str:
        """The option that says `budget`."""
        return "max_output_tokens" if self.route == RESPONSES else "max_tokens"


def read_request(route: object, body: object) -> Request:
    """Read a body for a route ("/v1/chat/completions"). BadRecord names the option that cannot be obeyed, and why."""
    if route not in OPTIONS or not isinstance(route, str):
        raise BadRecord(f'"url" is {_shown(route)}, and what is answered is {", ".join(OPTIONS)}.')
    if not isinstance(body, dict):
        raise BadRecord('"body" is no JSON object.')
    refuse_others(route, body)
    body = {name: value for name, value in body.items() if value is not None}
    if body.get("stream"):
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
    return read(model, body)


def _chat(model: str, body: Mapping[str, Any]) -> Request:
    if not isinstance(body.get("metadata", {}), dict):
        raise BadRecord('"metadata" is no JSON object.')
    tools = read_tools(body.get("tools"))
    may, must = chosen(tools, body.get("tool_choice"))
    if body.get("parallel_tool_calls") is not None and not tools and body["parallel_tool_calls"] is not True:
        raise BadRecord('"parallel_tool_calls" says nothing without "tools".')
    # One function that is demanded by name is called once, as with OpenAI; clients take no more.
    parallel = _flag(body, "parallel_tool_calls", not isinstance(body.get("tool_choice"), dict))
    messages = read_messages(body.get("messages"))
    formatted, schema = _format(body)
    if may:
        if not formatted.is_free and schema is None:
            raise BadRecord('"structured_outputs" beside "tools" is refused: only JSON can be told from a call.')
        if must and not formatted.is_free:
            raise BadRecord('"response_format" cannot be obeyed beside a "tool_choice" that demands a call.')
        messages = _instructed(messages, told(may, must))
        formatted = calls_shape(may, must, parallel, schema)
    scores = _flag(body, "logprobs", False)
    if "top_logprobs" in body and not scores:
        raise BadRecord('"top_logprobs" says nothing without "logprobs": give that as true.')
    logprobs = _whole(body, "top_logprobs", 0, 0, 20) if scores else None
    limits = {_whole(body, name, None, 1) for name in ("max_tokens", "max_completion_tokens") if name in body}
    if len(limits) > 1:
        raise BadRecord('"max_tokens" and "max_completion_tokens" differ: give one of them.')
    effort = body.get("reasoning_effort")
    if effort is not None and effort not in EFFORTS:
        raise BadRecord(f'"reasoning_effort" is {_shown(effort)}, and may be {", ".join(EFFORTS)}.')
    return Request(
        CHAT,
        model,
        messages,
        _decoding(body, formatted, logprobs, None if effort is None else EFFORTS[effort]),
        _whole(body, "n", 1, 1, MOST_CHOICES) or 1,
        next(iter(limits), None),
        formatted,
    )


def _responses(model: str, body: Mapping[str, Any]) -> Request:
    try:
        request = _chat(model, chat_of(body))
    except BadRecord as error:
        raise BadRecord(renamed(str(error)), error.id) from None
    return replace(request, route=RESPONSES, told=repeated(body))


def _text(model: str, body: Mapping[str, Any]) -> Request:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        (prompt,) = prompt
    if not isinstance(prompt, str) or not prompt:
        raise BadRecord('"prompt" is not one text: give each of several a line of its own, and no token ids.')
    echo = _flag(body, "echo", False)
    logprobs = _whole(body, "logprobs", None, 0, 5)
    if echo and logprobs is not None:
        raise BadRecord('"echo" is refused beside "logprobs": the log-probabilities of a prompt are not known.')
    shape, _ = _format(body)
    return Request(
        TEXT,
        model,
        (Message("prompt", prompt),),
        _decoding(body, shape, logprobs, None),
        _whole(body, "n", 1, 1, MOST_CHOICES) or 1,
        _whole(body, "max_tokens", DEFAULT_TOKENS, 1),
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
        raise BadRecord(f'"encoding_format" is {_shown(encoding)}, and may be float or base64.')
    size = _whole(body, "dimensions", None, 1)
    return Request(EMBEDDINGS, model, inputs=tuple(inputs), base64=encoding == "base64", dimensions=size)


def read_messages(value: object) -> tuple[Message, ...]:
    """A chat as an engine takes it. BadRecord, with the place of what is wrong.

    The calls of an assistant stand in its turn as the JSON that a model writes; what tools returned is told by the
    user's side, several results in one turn.
    """
    if not isinstance(value, list) or not value:
        raise BadRecord('"messages" is no list of messages, or an empty one.')
    messages: list[Message] = []
    called: dict[str, str] = {}
    answered = False
    for number, one in enumerate(value):
        where = f"messages[{number}]"
        if not isinstance(one, dict):
            raise BadRecord(f'"{where}" is no JSON object.')
        role = one.get("role")
        taken = {"tool_calls"} if role == "assistant" else {"tool_call_id", "name"} if role == "tool" else set()
        for name, more in one.items():
            if name not in {"role", "content", *taken} and more not in (None, [], {}):
                raise BadRecord(f'"{where}.{name}" is refused: it is not known here.')
        text = _content(one.get("content"), where, role == "assistant" and bool(one.get("tool_calls")))
        if role in ("system", "developer"):
            messages.append(Message("system", text))
        elif role == "user":
            messages.append(Message("user", text))
        elif role == "assistant":
            calls = _calls(one.get("tool_calls"), where, called)
            messages.append(Message("assistant", "\n".join(part for part in (text, calls) if part)))
        elif role == "tool":
            id = one.get("tool_call_id")
            if id not in called:
                raise BadRecord(f'"{where}.tool_call_id" names no call of a message before it.')
            result = f"{called[id]} returned: {text}"
            if answered:
                result = f"{messages.pop().content}\n{result}"
            messages.append(Message("user", result))
        else:
            raise BadRecord(f'"{where}.role" is {_shown(role)}, which nobody here is.')
        answered = role == "tool"
    return tuple(messages)


def _calls(value: object, where: str, called: dict[str, str]) -> str:
    if not value:
        return ""
    rows = []
    calls: list[Any] = value if isinstance(value, list) else [None]
    for call in calls:
        try:
            if call.get("type", "function") != "function":
                raise ValueError("no function")
            name, arguments = call["function"]["name"], json.loads(call["function"]["arguments"] or "{}")
            called[str(call["id"])] = str(name)
        except (AttributeError, TypeError, KeyError, ValueError):
            raise BadRecord(f'"{where}.tool_calls" holds what is no call of a function with an id.') from None
        rows.append({"name": name, "arguments": arguments})
    return json.dumps({"tool_calls": rows}, ensure_ascii=False, separators=(",", ":"))


def _content(value: object, where: str, empty: bool) -> str:
    if value is None and empty:
        return ""
    if isinstance(value, str):
        return value
    for part in value if isinstance(value, list) else [None]:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            kind = part.get("type") if isinstance(part, dict) else None
            told = (
                f"{kind} is refused: models here read text only." if kind else "is neither a text nor a list of parts."
            )
            raise BadRecord(f'"{where}.content": {told}')
        for name in part.keys() - {"type", "text"}:
            raise BadRecord(f'"{where}.content.{name}" is refused: it is not known here.')
    return "\n".join(part["text"] for part in value) if isinstance(value, list) else ""


def _instructed(messages: Sequence[Message], more: str) -> tuple[Message, ...]:
    """The messages, with this behind the first system message, or in one of its own."""
    first, *others = messages
    if first.role == "system":
        return (Message("system", f"{first.content}\n\n{more}"), *others)
    return (Message("system", more), *messages)


def _format(body: Mapping[str, Any]) -> tuple[Shape, Mapping[str, Any] | None]:
    """The shape that a request demands, and its JSON Schema if it has one."""
    wanted, structured = body.get("response_format"), body.get("structured_outputs")
    if wanted is not None and structured is not None:
        raise BadRecord('There are both "response_format" and "structured_outputs": give one of them.')
    if structured is not None:
        return _structured(structured)
    if wanted is None:
        return Shape(), None
    if not isinstance(wanted, dict):
        raise BadRecord(f'"response_format" is {_shown(wanted)}, which is no JSON object.')
    kind = wanted.get("type")
    known = {"json_schema": {"json_schema"}, "json_object": {"schema"}}.get(str(kind), set())
    for name in wanted.keys() - {"type", *known}:
        raise BadRecord(f'"response_format.{name}" is not known here.')
    if kind == "text":
        return Shape(), None
    if kind == "json_object":  # a schema beside it is not OpenAI's, but other servers take one, and clients send it
        return _json(wanted.get("schema", {"type": "object"}), "Object", "response_format.schema")
    if kind != "json_schema":
        raise BadRecord(f'"response_format" is {_shown(wanted)}, and its type may be json_schema, json_object or text.')
    described = wanted.get("json_schema")
    if not isinstance(described, dict) or "schema" not in described:
        raise BadRecord('"response_format.json_schema" has no "schema".')
    for name in described.keys() - {"name", "schema", "strict", "description"}:
        raise BadRecord(f'"response_format.json_schema.{name}" is not known here.')
    return _json(described["schema"], str(described.get("name") or "Answer"), "response_format.json_schema.schema")


def _structured(value: object) -> tuple[Shape, Mapping[str, Any] | None]:
    given = {name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else {}
    if len(given) != 1:
        raise BadRecord('"structured_outputs" is not one of json, json_object, regex, choice and grammar.')
    ((kind, source),) = given.items()
    where = f"structured_outputs.{kind}"
    if kind == "json":
        try:
            schema = json.loads(source) if isinstance(source, str) else source
        except ValueError:
            raise BadRecord(f'"{where}" is no JSON.') from None
        return _json(schema, "Answer", where)
    if kind == "json_object" and source is True:
        return _json({"type": "object"}, "Object", where)
    if kind in ("regex", "choice", "grammar"):
        return text_shape(kind, source, where), None
    raise BadRecord(f'"{where}" is refused: what is obeyed is json, json_object, regex, choice and grammar.')


def _json(schema: object, name: str, where: str) -> tuple[Shape, Mapping[str, Any] | None]:
    shape = json_shape(schema, name, where)
    return shape, schema if isinstance(schema, dict) else {}


def _decoding(body: Mapping[str, Any], shape: Shape, logprobs: int | None, effort: float | None) -> Decoding:
    stop = body.get("stop", [])
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or len(stops) > MOST_STOPS or not all(isinstance(one, str) and one for one in stops):
        raise BadRecord(f'"stop" is neither a text nor a list of up to {MOST_STOPS}, none of them empty.')
    if stops and not shape.is_free:
        raise BadRecord('"stop" cannot be obeyed beside a format or tools: such an answer ends by itself, whole.')
    return Decoding(
        temperature=_number(body, "temperature", 1.0, 0.0, 2.0),
        top_p=_number(body, "top_p", 1.0, math.ulp(0.0), 1.0),
        seed=_whole(body, "seed", 0, -(2**63)) or 0,
        top_k=max(_whole(body, "top_k", 0, -1) or 0, 0),
        min_p=_number(body, "min_p", 0.0, 0.0, 1.0),
        presence_penalty=_number(body, "presence_penalty", 0.0, -2.0, 2.0),
        frequency_penalty=_number(body, "frequency_penalty", 0.0, -2.0, 2.0),
        logit_bias=_bias(body.get("logit_bias", {})),
        stop=tuple(stops),
        logprobs=logprobs,
        effort=effort,
    )


def _bias(value: object) -> tuple[tuple[int, float], ...]:
    try:
        pairs = sorted((int(token), float(bias)) for token, bias in value.items())  # type: ignore[attr-defined]
    except (AttributeError, TypeError, ValueError):
        raise BadRecord('"logit_bias" does not map token ids to numbers.') from None
    if any(token < 0 or not -100 <= bias <= 100 for token, bias in pairs):
        raise BadRecord('"logit_bias" has a negative token id, or a number beyond 100.')
    return tuple(pairs)


def _number(body: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        told = "above 0" if least == math.ulp(0.0) else f"{least:g}"
        raise BadRecord(f'"{name}" is {_shown(value)}, and may be a number from {told} to {most:g}.')
    return float(value)


def _whole(body: Mapping[str, Any], name: str, default: int | None, least: int, most: int = 2**63) -> int | None:
    value = body.get(name, default)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most):
        told = f"to {most:,}" if most < 2**63 else "on"
        raise BadRecord(f'"{name}" is {_shown(value)}, and may be a whole number from {least} {told}.')
    return value


def _flag(body: Mapping[str, Any], name: str, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise BadRecord(f'"{name}" is {_shown(value)}, and may be true or false.')
    return value


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:80]
