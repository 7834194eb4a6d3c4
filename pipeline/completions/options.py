"""Options: every option of OpenAI's API, by route, and whether it is obeyed. The one table: requests are read by it,
and the one in docs/batches.md is written from it by a test.

Knows names and words; how an option is obeyed is request.py's business. What is not in the table is refused as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.record import CHAT, BadRecord, asks

TEXT = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"
RESPONSES = "/v1/responses"
FILES = "/v1/files"
BATCHES = "/v1/batches"
FORMATS = ("response_format", "structured_outputs", "text", "tools", "tool_choice")
"""The options that say what shape an answer has."""


@dataclass(frozen=True)
class Option:
    """`refused`: why, or "" where it is obeyed; `how`: what obeying it comes to."""

    how: str = ""
    refused: str = ""


_ENFORCED = "enforced whatever `strict` says; the model is told its `description`"
_DRAW = {
    "model": Option("has to be the one that serves, unless `--any-model`"),
    "temperature": Option("0 to 2; 1 where it is not given"),
    "top_p": Option("above 0, to 1"),
    "top_k": Option("vLLM's; 0 and -1: all"),
    "min_p": Option("vLLM's; 0 to 1"),
    "seed": Option("added to `--seed`; 0 where it is not given"),
    "n": Option("1 to 16, each with the next seed"),
    "stop": Option("a text or up to 16; refused beside a format, which ends by itself"),
    "presence_penalty": Option("-2 to 2"),
    "frequency_penalty": Option("-2 to 2"),
    "logit_bias": Option("token ids of the model that serves, -100 to 100"),
    "structured_outputs": Option("vLLM's `json`, `json_object`, `regex`, `choice` and `grammar` (Lark), one of them"),
    "user": Option("kept in the journal with the request; asks nothing of an answer"),
    "stream": Option("over HTTP; in a batch refused, since its answer comes whole"),
    "stream_options": Option("`include_usage`, with `stream`"),
}

OPTIONS: Mapping[str, Mapping[str, Option]] = {
    CHAT: {
        "messages": Option("system, developer, user, assistant and tool; text only"),
        **_DRAW,
        "max_completion_tokens": Option("a format that does not fit is asked for again with shorter texts and lists"),
        "max_tokens": Option("the same under its old name"),
        "logprobs": Option("true or false"),
        "top_logprobs": Option("0 to 20, with `logprobs`"),
        "response_format": Option(f"`json_schema`, `json_object` (a `schema` beside it, too) or `text`; {_ENFORCED}"),
        "tools": Option("functions; they are told to the model in the system message"),
        "tool_choice": Option("`none`, `auto`, `required`, or one function"),
        "parallel_tool_calls": Option("true: up to four calls; false, or where `tool_choice` names a function: one"),
        "reasoning_effort": Option("share of the thinking budget; but `none` only for a model that thinks"),
        "metadata": Option("kept in the journal with the request; asks nothing of an answer"),
        "store": Option(refused="answers are kept in the folder of results, and nowhere else"),
        "modalities": Option(refused="answers are text"),
        "audio": Option(refused="answers are text"),
        "prediction": Option(refused="no engine here takes one"),
        "verbosity": Option(refused="no engine here takes one: say it in a message"),
        "web_search_options": Option(refused="nothing is searched"),
        "service_tier": Option(refused="there is one tier"),
        "functions": Option(refused="its successor is `tools`"),
        "function_call": Option(refused="its successor is `tool_choice`"),
        "guided_json": Option(refused="its successor is `structured_outputs`"),
        "guided_regex": Option(refused="its successor is `structured_outputs`"),
        "guided_choice": Option(refused="its successor is `structured_outputs`"),
        "guided_grammar": Option(refused="its successor is `structured_outputs`"),
    },
    TEXT: {
        "prompt": Option("one text; no template is put around it"),
        **_DRAW,
        "max_tokens": Option("16 where it is not given, as OpenAI has it"),
        "logprobs": Option("0 to 5"),
        "echo": Option("the prompt before the answer; refused with `logprobs`"),
        "best_of": Option(refused="give `n`"),
        "suffix": Option(refused="no engine here fills in the middle"),
    },
    RESPONSES: {
        "input": Option("a text, or messages of text, `function_call` and `function_call_output` items"),
        "instructions": Option("the first system message"),
        "model": _DRAW["model"],
        "temperature": _DRAW["temperature"],
        "top_p": _DRAW["top_p"],
        "max_output_tokens": Option("a format that does not fit is asked for again with shorter texts and lists"),
        "text": Option(f"`format`: `json_schema`, `json_object` or `text`; {_ENFORCED}"),
        "tools": Option("functions; they are told to the model in the system message"),
        "tool_choice": Option("`none`, `auto`, `required`, or one function"),
        "parallel_tool_calls": Option("true: up to four calls; false, or where `tool_choice` names a function: one"),
        "reasoning": Option("`effort`: share of the thinking budget; but `none` only for a model that thinks"),
        "user": _DRAW["user"],
        "metadata": Option("given back in the answer; asks nothing of it"),
        "stream": _DRAW["stream"],
        "stream_options": Option("`include_obfuscation` false, with `stream`"),
        "include": Option(refused="nothing more is known of an answer than stands in it"),
        "top_logprobs": Option(refused="log-probabilities are given by /v1/chat/completions"),
        "store": Option(refused="no answer is kept here: give false, and send the whole history as `input`"),
        "previous_response_id": Option(refused="no answer is kept here: send the whole history as `input`"),
        "conversation": Option(refused="no answer is kept here: send the whole history as `input`"),
        "background": Option(refused="no answer is kept here: send a batch"),
        "prompt": Option(refused="no templates are kept here: send the text"),
        "truncation": Option(refused="nothing is left out of what was sent"),
        "max_tool_calls": Option(refused="no tool is called here: `parallel_tool_calls` false allows one in an answer"),
        "service_tier": Option(refused="there is one tier"),
        "prompt_cache_key": Option(refused="prefixes are kept without being named"),
        "prompt_cache_retention": Option(refused="prefixes are kept as long as there is room"),
        "safety_identifier": Option(refused="nobody is watched here: give `user`"),
    },
    EMBEDDINGS: {
        "input": Option("a text or a list of up to 2,048"),
        "model": Option("has to be the encoder's, unless `--any-model`"),
        "encoding_format": Option("`float` or `base64`"),
        "dimensions": Option("only the encoder's own number"),
        "user": Option("kept in the journal with the request; asks nothing of an answer"),
    },
}

KEPT: Mapping[str, Mapping[str, Option]] = {
    FILES: {
        "file": Option("JSON lines, as in a batch of a file; up to `--upload` bytes"),
        "purpose": Option("`batch`"),
        "expires_after": Option(refused="a file is kept until it is deleted"),
    },
    BATCHES: {
        "input_file_id": Option("a file of the same token"),
        "endpoint": Option("one of the routes above; a line with another `url` is refused"),
        "completion_window": Option(
            "hours, `1h` to `720h`; what is not answered by then is left out, and it has expired"
        ),
        "metadata": Option("up to 16 texts of up to 512 characters; kept with the batch, asks nothing of it"),
        "output_expires_after": Option(refused="a file is kept until it is deleted"),
    },
}
"""The same of the routes of the server that keep something."""


def refuse_others(route: str, body: Mapping[str, object]) -> None:
    """BadRecord, by name, for the first option that is not obeyed on a route and asks for something."""
    known = {**OPTIONS, **KEPT}[route]
    for name, value in body.items():
        option = known.get(name)
        if option is None and value is not None:
            raise BadRecord(f'"{name}" is refused: it is no option of {route} that is known here.')
        if option is not None and option.refused and asks(name, value):
            raise BadRecord(f'"{name}" is refused: {option.refused}.')


def table() -> Iterator[str]:
    """The table as lines of Markdown."""
    yield "| route | option | | |"
    yield "|---|---|---|---|"
    for route, options in (*OPTIONS.items(), *KEPT.items()):
        for name, option in options.items():
            told = "refused" if option.refused else "obeyed"
            yield f"| `{route}` | `{name}` | {told} | {option.refused or option.how} |"
    yield "| every route | any other | refused | it is not known here |"
