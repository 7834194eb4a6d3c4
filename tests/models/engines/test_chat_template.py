"""Messages as a tokenizer reads them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from models.engines.chat_template import ChatTemplate
from models.engines.profiles import Profile

TINY = Path(__file__).parents[3] / "models" / "tiny"


def test_what_is_too_long_for_a_model_is_counted_without_a_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = logging.getLogger("transformers")
    monkeypatch.setattr(library, "propagate", True)
    caplog.set_level(logging.WARNING, "transformers")
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    chat, long = ChatTemplate(tokenizer, Profile("tiny")), "word " * 3_000
    assert min(len(chat.plain(long)), len(chat.tokens(long))) > tokenizer.model_max_length
    assert not caplog.messages
