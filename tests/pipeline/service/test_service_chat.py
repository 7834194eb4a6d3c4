"""OpenAI's client: questions come back as text, answers find their question, and nothing is done twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from service_world import hall, sentence

Message = dict[str, str]


@asynccontextmanager
async def chatting(folder: Path, tokens: str = "", key: str = "none") -> AsyncIterator[AsyncOpenAI]:
    async with (
        hall(folder, tokens=tokens) as (client, _),
        AsyncOpenAI(base_url=f"{client.base_url}/v1", api_key=key) as chat,
    ):
        yield chat


async def complete(chat: AsyncOpenAI, messages: list[Message], **options: Any) -> Any:
    return await chat.chat.completions.create(model="hall", messages=messages, **options)  # type: ignore[call-overload]


def ask(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


def and_then(messages: list[Message], reply: Any, text: str) -> list[Message]:
    said = {"role": "assistant", "content": reply.choices[0].message.content}
    return [*messages, said, {"role": "user", "content": text}]


async def test_a_question_comes_back_as_text_and_its_answer_is_understood(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        assert [model.id for model in (await chat.models.list()).data] == ["hall"]
        history: list[Message] = [{"role": "user", "content": "A seat"}]
        asked = await complete(chat, history)
        assert asked.choices[0].message.content == "Which row?"
        assert asked.interlock["status"] == "needs_input"
        assert asked.interlock["choices"] == ["front", "back"]
        told = await complete(chat, and_then(history, asked, "back"))
        assert told.choices[0].message.content == "Please take row back."
        assert told.interlock["conversation"] == asked.interlock["conversation"]
    assert (tmp_path / "out" / "seats.txt").read_text() == "back\n"


async def test_a_stream_gives_the_same_text_and_ends_as_clients_expect(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        history: list[Message] = [{"role": "user", "content": "in the front"}]
        stream = await complete(chat, history, stream=True, stream_options={"include_usage": True})
        chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Please take row front."
    assert [c.choices[0].finish_reason for c in chunks if c.choices] == [None, "stop"]
    assert chunks[1].interlock["status"] == "completed"
    assert chunks[-1].usage.total_tokens == 0


async def test_a_history_finds_its_conversation_after_a_restart(tmp_path: Path) -> None:
    history: list[Message] = [{"role": "user", "content": "A seat"}]
    async with chatting(tmp_path) as chat:
        asked = await complete(chat, history)
    async with chatting(tmp_path) as chat:
        told = await complete(chat, and_then(history, asked, "front"))
    assert told.interlock["conversation"] == asked.interlock["conversation"]
    assert (tmp_path / "out" / "seats.txt").read_text() == "front\n"


async def test_what_a_client_sends_again_is_not_done_again(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        history: list[Message] = [{"role": "user", "content": "in the front"}]
        again = {"X-Stainless-Retry-Count": "1"}
        first = await complete(chat, history, user="me")
        assert (await complete(chat, history, user="me", extra_headers=again)).id == first.id
        longer = and_then(history, first, "and in the front")
        second = await complete(chat, longer, user="me")
        assert (await complete(chat, longer, user="me")).id == second.id
        assert second.interlock["conversation"] == first.interlock["conversation"]
    assert (tmp_path / "out" / "seats.txt").read_text() == "front\nfront\n"


async def test_whoever_tries_again_without_a_name_shares_an_answer_but_no_conversation(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        history: list[Message] = [{"role": "user", "content": "in the front"}]
        first = await complete(chat, history)
        other = await complete(chat, history, extra_headers={"X-Stainless-Retry-Count": "1"})
        assert other.id == first.id
        for text in ("I am the first", "and I the other"):
            told = await complete(chat, and_then(history, first, text))
            assert told.interlock["conversation"] != first.interlock["conversation"]
    assert (tmp_path / "out" / "seats.txt").read_text() == "front\n"


async def test_what_one_of_two_behind_a_key_writes_stays_out_of_the_other_ones_case(tmp_path: Path) -> None:
    history: list[Message] = [{"role": "user", "content": "Your crew was rude, get me the manager"}]
    async with hall(tmp_path, tokens="user:one-token operator:desk-token") as (client, _):
        mine, desk = {"Authorization": "Bearer one-token"}, {"Authorization": "Bearer desk-token"}

        async def said(messages: list[Message]) -> tuple[str, str]:
            body = {"model": "hall", "messages": messages}
            told = (await client.post("/v1/chat/completions", json=body, headers=mine)).json()
            return told["choices"][0]["message"]["content"], told["interlock"]["conversation"]

        async def cases() -> dict[str, str]:
            return {
                case["conversation"]: (await client.get(f"/escalations/{case['record']}", headers=desk)).text
                for case in (await client.get("/escalations", headers=desk)).json()
            }

        first, case = await said(history)
        record = (await client.get("/escalations", headers=desk)).json()[0]["record"]
        await client.post(f"/escalations/{record}/take", headers=desk, json={"text": "What happened?"})
        second, other = await said(history)
        assert case != other
        _, mine_now = await said(
            [*history, {"role": "assistant", "content": first}, *ask("your manager again: my bag was lost")]
        )
        _, other_now = await said(
            [*history, {"role": "assistant", "content": second}, *ask("your manager again: my card ends 4242")]
        )
        assert len({case, other, mine_now, other_now}) == 4
        known = await cases()
        assert "4242" not in known[case] + known[mine_now]
        assert "bag" not in known[case] + known[other_now]


async def test_a_name_or_a_chats_id_keeps_two_people_apart_and_each_in_one_conversation(tmp_path: Path) -> None:
    options: list[list[dict[str, Any]]] = [
        [{"user": name} for name in ("ann", "bob")],
        [{"extra_body": {"metadata": {"chat_id": name}}} for name in ("ann", "bob")],
        [{"extra_headers": {"X-OpenWebUI-Chat-Id": name}} for name in ("ann", "bob")],
    ]
    async with chatting(tmp_path) as chat:
        for each in options:
            history: list[Message] = [{"role": "user", "content": "A seat"}]
            asked = [await complete(chat, history, **option) for option in each]
            told = [
                await complete(chat, and_then(history, reply, "back"), **option)
                for reply, option in zip(asked, each, strict=True)
            ]
            conversations = [reply.interlock["conversation"] for reply in asked]
            assert [reply.interlock["conversation"] for reply in told] == conversations
            assert len(set(conversations)) == 2


async def test_a_history_that_was_told_something_else_is_another_one(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        history: list[Message] = [{"role": "user", "content": "A seat"}]
        asked = await complete(chat, history)
        told = await complete(
            chat, [*history, {"role": "assistant", "content": "Which gate?"}, {"role": "user", "content": "back"}]
        )
        assert told.interlock["conversation"] != asked.interlock["conversation"]


async def test_two_people_who_say_the_same_are_two(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        history: list[Message] = [{"role": "user", "content": "A seat"}]
        asked = [await complete(chat, history) for _ in range(2)]
        assert asked[0].interlock["conversation"] != asked[1].interlock["conversation"]
        for reply in asked:
            await complete(chat, and_then(history, reply, "back"))
    assert (tmp_path / "out" / "seats.txt").read_text() == "back\nback\n"


async def test_a_client_may_name_its_conversation(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        asked = await complete(chat, [{"role": "user", "content": "A seat"}])
        named = {"interlock": {"conversation": asked.interlock["conversation"]}}
        told = await complete(chat, [{"role": "user", "content": "front"}], extra_body=named)
        assert told.choices[0].message.content == "Please take row front."
        with pytest.raises(openai.NotFoundError):
            await complete(chat, [{"role": "user", "content": "x"}], extra_body={"interlock": {"conversation": "no"}})


async def test_a_history_that_nobody_knows_begins_anew_and_loses_nothing(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        history = [
            {"role": "user", "content": "in the front"},
            {"role": "assistant", "content": "Which hall?"},
            {"role": "user", "content": "the large one"},
        ]
        told = await complete(chat, history)
        assert told.choices[0].message.content == "Please take row front."


async def test_a_failure_and_a_person_are_said_in_words(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        failed = await complete(chat, [{"role": "user", "content": "crash"}])
        assert failed.interlock["status"] == "failed"
        assert "secret" not in failed.choices[0].message.content
        handed = await complete(chat, [{"role": "user", "content": "manager"}])
        assert handed.interlock["status"] == "escalated"
        assert "person" in handed.choices[0].message.content


async def test_tokens_are_the_keys_and_models_have_names(tmp_path: Path) -> None:
    async with chatting(tmp_path, "user:open-sesame", "wrong") as chat:
        with pytest.raises(openai.AuthenticationError):
            await complete(chat, [{"role": "user", "content": "A seat"}])
    async with chatting(tmp_path, "user:open-sesame", "open-sesame") as chat:
        assert (await complete(chat, [{"role": "user", "content": "A seat"}])).choices
        with pytest.raises(openai.NotFoundError) as error:
            await chat.chat.completions.create(model="other", messages=[{"role": "user", "content": "A seat"}])
        assert isinstance(error.value.body, dict)
        assert "'hall'" in error.value.body["hint"]


async def test_a_history_that_is_none(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        for messages in (
            [],
            [{"role": "user", "content": " "}],
            [{"role": "tool", "content": "Book it."}],
            [{"role": "user", "content": "A seat"}, {"role": "assistant", "content": "Which?"}],
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
        ):
            answer = await client.post("/v1/chat/completions", json={"model": "hall", "messages": messages})
            assert answer.status_code in (400, 422), answer.text
            assert sentence(answer)


async def test_a_history_may_grow_longer_than_any_message(tmp_path: Path) -> None:
    async with chatting(tmp_path) as chat:
        history = [{"role": "user", "content": "A seat"}]
        asked = await complete(chat, history)
        long = and_then(history, asked, "x " * 7_000)
        long = and_then(long, await complete(chat, long), "y " * 7_000)
        told = await complete(chat, long)
        assert told.interlock["conversation"] == asked.interlock["conversation"]
        anew = await complete(chat, [{"role": "user", "content": "z" * 15_000}, *long[-3:-2], *long[:1]])
        assert anew.choices[0].message.content
        with pytest.raises(openai.BadRequestError, match="16,000 characters"):
            await complete(chat, [{"role": "user", "content": "z" * 16_001}])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"temperature": 0.5}, "temperature"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"extra_body": {"structured_outputs": {"regex": "a"}}}, "structured_outputs"),
        ({"stream": True, "stream_options": {"include_obfuscation": True}}, "include_obfuscation"),
    ],
)
async def test_an_option_that_the_app_does_not_obey_is_refused_by_name(
    tmp_path: Path, options: dict[str, Any], named: str
) -> None:
    async with chatting(tmp_path) as chat:
        with pytest.raises(openai.APIStatusError) as error:
            await complete(chat, [{"role": "user", "content": "A seat"}], **options)
        assert error.value.status_code in (400, 422)
        assert named in str(error.value.body)
        with pytest.raises(openai.BadRequestError, match="system"):
            await complete(chat, [{"role": "system", "content": "Be nice."}, {"role": "user", "content": "A seat"}])
    assert not (tmp_path / "out" / "seats.txt").exists()
