from __future__ import annotations

import pytest

from pipeline.completions.request import read_request
from pipeline.record import BadRecord

NAMED = {"name": "Colour", "schema": {"enum": ["red", "blue"]}, "description": "The colour of the car."}


def test_what_a_schema_is_for_is_told_to_the_model() -> None:
    asked = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "A red car."}]
    format = {"type": "json_schema", "json_schema": NAMED}
    chat = read_request("/v1/chat/completions", {"model": "m", "messages": asked, "response_format": format})
    assert [message.content for message in chat.messages] == ["Be short.\n\nThe colour of the car.", "A red car."]
    text = {"format": {"type": "json_schema", **NAMED}}
    response = read_request("/v1/responses", {"model": "m", "input": "A red car.", "text": text})
    assert [message.content for message in response.messages] == ["The colour of the car.", "A red car."]
    wrong = {"type": "json_schema", "json_schema": NAMED | {"description": ["a"]}}
    with pytest.raises(BadRecord, match="description"):
        read_request("/v1/chat/completions", {"model": "m", "messages": asked, "response_format": wrong})


def test_a_tool_that_answers_under_another_name_than_it_was_called_by_is_refused() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "paint", "arguments": "{}"}}
    said = [{"role": "user", "content": "Red."}, {"role": "assistant", "content": None, "tool_calls": [call]}]

    def read(name: str) -> None:
        result = {"role": "tool", "tool_call_id": "1", "name": name, "content": "done"}
        read_request("/v1/chat/completions", {"model": "m", "messages": [*said, result]})

    read("paint")
    with pytest.raises(BadRecord, match=r'"messages\[2\].name" is "wash", and the call was of paint.'):
        read("wash")
