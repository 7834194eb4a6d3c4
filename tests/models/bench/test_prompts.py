from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.bench.throughput.forms import Form, ask
from models.bench.throughput.own_forms import schema_forms, shaped
from models.bench.throughput.prompts import read_prompts
from models.contract import Contract
from models.engines.engine import Message
from models.errors import ModelNotFound
from models.said import Said


class Refund(Contract):
    item: Said[str]


def written(folder: Path, *lines: str) -> Path:
    file = folder / "prompts.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def test_prompts_are_sent_as_they_are_and_copied_from(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        '{"prompt": "My lamp is broken.", "output_tokens": 7}',
        "",
        '{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "My cup."}]}',
    )
    (form,) = shaped([Form("Refund", Refund)], read_prompts(file), [])
    one, two, again = (ask(form, number) for number in range(3))
    assert one.messages == (Message("user", "My lamp is broken."),)
    assert (one.output_tokens, two.output_tokens) == (7, None)
    assert [message.role for message in two.messages] == ["system", "user"]
    assert again == one
    assert "lamp" in one.grammar.lark
    assert "lamp" not in two.grammar.lark


def test_words_in_front_differ_with_every_request_and_are_not_copied() -> None:
    (form,) = shaped([Form("Refund", Refund, filler=50)], (), [512])
    assert form.name == "Refund of 512"
    texts = [ask(form, number).messages[0].content for number in (1, 2, 1)]
    assert texts[0] == texts[2] != texts[1]
    assert len(texts[0].split()) > 50
    assert "(end of record)" not in ask(form, 1).grammar.lark


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1 is no JSON"),
        ("[]", "There is no prompt in"),
        ("3", "needs one of `prompt`, `messages`, `conversations`, `text`, `text_input`, and has 0"),
        ('{"prompt": "a", "messages": []}', "and has 2"),
        ('{"prompt": "a", "image": 3}', "has a column `image`"),
        ('{"prompt": "a", "output_tokens": 3, "output_length": 3}', "has `output_tokens` and `output_length`"),
        ('{"text": 3}', "a `text` that is no text"),
        ('{"conversations": [{"from": "human", "value": 3}]}', "has a turn that is no text"),
        ('{"conversations": ["a"]}', "`conversations` that are none"),
        ('[{"prompt": "a"}, {"prompt": 3}]', "row 2 has a `prompt` that is no text"),
        ('[{"prompt": "a"}', "prompts.jsonl is no JSON"),
        ('{"prompt": "a", "output_tokens": true}', "has True for `output_tokens`"),
        ('{"prompt": 3}', "a `prompt` that is no text"),
        ('{"messages": [{"role": "tool", "content": "a"}]}', "`messages` that are none"),
        ("", "There is no prompt in"),
    ],
)
def test_what_is_no_prompt_is_named_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        read_prompts(written(tmp_path, line))
    assert said in str(caught.value)


def test_schemas_of_a_folder_are_forms_and_those_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "pet.json").write_text('{"type": "object", "properties": {"name": {"type": "string"}}}')
    (tmp_path / "broken.json").write_text("{")
    forms, refused = schema_forms(tmp_path)
    assert [form.name for form in forms] == ["pet"]
    assert len(refused) == 1
    assert "broken.json" in refused[0]
    (tmp_path / "pet.json").unlink()
    with pytest.raises(ModelNotFound, match="No JSON Schema of"):
        schema_forms(tmp_path)


def test_the_shapes_of_other_benchmarks_are_read_and_their_labels_ask_for_nothing(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "conversations": [{"from": "human", "value": "Hello."}, {"from": "gpt", "value": "Hi."}]},
        {"id": "b", "conversations": [{"from": "gpt", "value": "Hi."}]},
        {"conversations": [{"from": "system", "value": "Be brief."}, {"value": "A cup?"}, {"value": "More?"}]},
        {"prompt": "My lamp.", "prompt_tokens_count": 3, "output_tokens_count": 40},
        {"text": "My cup.", "output_length": 5},
        {"text_input": "My\u2028hat."},
    ]
    told: list[str] = []
    for lines in ([json.dumps(rows, indent=1)], [json.dumps(row, ensure_ascii=False) for row in rows]):
        found = read_prompts(written(tmp_path, *lines), told.append)
        assert [(one.messages[-1].content, one.answer, one.output_tokens) for one in found] == [
            ("Hello.", "Hi.", None), ("A cup?", "", None), ("My lamp.", "", 40), ("My cup.", "", 5),
            ("My\u2028hat.", "", None),
        ]  # fmt: skip
        assert found[1].messages == (Message("system", "Be brief."), Message("user", "A cup?"))
    assert [text.split(" of ")[0] for text in told] == ["Left out: 1 conversations"] * 2
