"""open_templating: from what a user writes to how that model reads messages. Loads a tokenizer at most, no weights."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from models.engines.chat_template import ChatTemplate, Templated
from models.engines.engine import Message
from models.engines.model_folder import find_model_folder, names_of
from models.engines.profiles import Profile, profile_of
from models.errors import ModelNotFound


class Templating(Protocol):
    """What can say how a model reads messages."""

    profile: Profile

    async def templated(self, messages: Sequence[Message]) -> Templated:
        """The messages in the model's chat template, thinking switched off where the template has a switch."""


@asynccontextmanager
async def open_templating(model: str, progress: Callable[[str], None]) -> AsyncIterator[Templating]:
    """How `model`, named as for `open_engine`, reads messages. No weights are loaded and no server is started.

    Of several servers the first is asked. Raises ModelNotFound, EngineUnavailable.
    """
    if model.startswith(("http://", "https://")):
        from models.engines.vllm.engine import VllmEngine

        engine = await VllmEngine.open(model.split(",")[0].strip())
        try:
            yield engine
        finally:
            await engine.close()
        return
    name = model.removeprefix("vllm:")
    folder = find_model_folder(name, progress)

    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).split("\n", 1)[0]
        raise ModelNotFound(f"The tokenizer in {name} cannot be loaded: {reason}") from error
    if tokenizer.chat_template is None:
        raise ModelNotFound(
            f"{name} has no chat template, so it cannot take messages.", "Choose a model tuned for chat."
        )
    yield ChatTemplate(tokenizer, profile_of(name, names_of(folder)))
