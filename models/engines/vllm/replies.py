"""Replies: what a server answers, read and checked where it arrives.

What stands between us and a server, or was put in its place, may answer anything: half a text, a page for people,
fields of another kind. Knows the shapes of OpenAI's API as far as something is read of them; knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Unreadable(Exception):
    """A reply is no JSON: it was cut, or somebody else answered."""


class Unfit(Exception):
    """A reply is JSON, and not what was asked for."""


class Shape(BaseModel):
    """Part of a reply; what it holds beyond that is passed over."""

    model_config = ConfigDict(extra="ignore")


Read = TypeVar("Read", bound=Shape)


class Usage(Shape):
    """Tokens of a prompt and of its answer."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Alternative(Shape):
    """A token and its log-probability."""

    token: str
    logprob: float
    bytes: list[int] | None = None


class Scored(Alternative):
    """A token that was written, with what else was likely."""

    top_logprobs: list[Alternative] = []


class Scores(Shape):
    """A chat's: of each token of the answer."""

    content: list[Scored] | None = None


class TextScores(Shape):
    """The same of a text without a chat's template, in columns."""

    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None

    def as_chat(self) -> Scores:
        """In the form that a chat's have."""
        tokens, likely = self.tokens or [], self.token_logprobs or []
        rows = zip(tokens, likely, self.top_logprobs or [{}] * len(tokens), strict=False)
        content = list[Scored]()
        for token, score, more in rows:
            others = [Alternative(**_alternative(*one)) for one in (more or {}).items()]
            content.append(Scored(**_alternative(token, score), top_logprobs=others))
        return Scores(content=content)


class PromptScore(Shape):
    """One token of a prompt."""

    decoded_token: str | None = None
    logprob: float


PromptScores = list[dict[str, PromptScore] | None]


class Message(Shape):
    """An answer's text, and what was thought before it, by vLLM's name and by what it and others called it before."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None


class Ended(Shape):
    """How an answer came to its end, where it has."""

    finish_reason: str | None = None
    stop_reason: Any = None


class Choice(Ended):
    """One answer."""

    message: Message
    logprobs: Scores | None = None


class ChatReply(Shape):
    """A chat completion."""

    choices: list[Choice] = Field(min_length=1)
    usage: Usage | None = None
    prompt_logprobs: PromptScores | None = None


class TextChoice(Ended):
    """One answer of a text without a chat's template."""

    text: str
    logprobs: TextScores | None = None
    prompt_logprobs: PromptScores | None = None


class TextReply(Shape):
    """A completion of such a text."""

    choices: list[TextChoice] = Field(min_length=1)
    usage: Usage | None = None

    def as_chat(self) -> ChatReply:
        """The same answer in the form that a chat's has, alternatives by their text included."""
        choices = [
            Choice(
                message=Message(content=choice.text),
                finish_reason=choice.finish_reason,
                stop_reason=choice.stop_reason,
                logprobs=choice.logprobs.as_chat() if choice.logprobs else None,
            )
            for choice in self.choices
        ]
        return ChatReply(choices=choices, usage=self.usage, prompt_logprobs=self.choices[0].prompt_logprobs)


class PieceChoice(Ended):
    """What one piece of a stream adds: a chat's has a `delta`, another's a `text`."""

    delta: Message | None = None
    text: str | None = None


class Piece(Shape):
    """One piece of a stream; what tells of an error is none."""

    choices: list[PieceChoice] | None
    usage: Usage | None = None


class Served(Shape):
    """A model of a server, as it describes it."""

    id: str
    root: str | None = ""
    max_model_len: int | None = None


class Models(Shape):
    """All of them."""

    data: list[Served]


class Version(Shape):
    """vLLM's, which others do not tell."""

    version: str = ""


class Counted(Shape):
    """A prompt in tokens."""

    count: int
    tokens: list[int] = []


class Detokenized(Shape):
    """A prompt as a template writes it."""

    prompt: str


def read(kind: type[Read], data: bytes) -> Read:
    """`data` as a `kind`. Raises Unreadable or Unfit."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        if error.errors(include_url=False)[0]["type"] == "json_invalid":
            raise Unreadable from error
        raise Unfit from error


def read_piece(told: object) -> Piece:
    """One piece of a stream. Raises Unfit."""
    try:
        return Piece.model_validate(told)
    except ValidationError as error:
        raise Unfit from error


def _alternative(token: str, score: float | None) -> Mapping[str, Any]:
    return {"token": token, "logprob": score or 0.0, "bytes": list(token.encode())}
