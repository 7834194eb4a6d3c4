"""Conversations over HTTP: messages, streams that miss nothing, and clients that come and go."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from service_world import QUICK, SSE, begin, follow, frames, hall, say, sentence

from pipeline.chat import dialogues

NAMES = ["message_received", "routed", "said", "asked", "turn_finished"]


async def test_a_message_is_served_to_its_end(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        asked = await say(client, id, "A seat, please.")
        assert asked["conversation"]["state"] == "asking"
        assert asked["conversation"]["question"]["choices"] == ["front", "back"]
        told = await say(client, id, "back")
        assert told["events"][0]["text"] == "back"
        assert told["conversation"]["turns"][-1]["text"] == "Please take row back."
        assert (await client.get(f"/conversations/{id}")).json() == told["conversation"]
        assert (tmp_path / "out" / "seats.txt").read_text() == "back\n"


async def test_asking_for_a_person_answers_with_the_conversation_as_it_is_then(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        await say(client, id, "A seat, please.")
        told = (await client.post(f"/conversations/{id}/person")).json()
        assert (told["state"], told["question"], told["escalation"]["reason"]) == (
            "open",
            None,
            "A person was asked for.",
        )
        assert told == (await client.get(f"/conversations/{id}")).json()
        assert told == (await client.post(f"/conversations/{id}/person")).json()


async def test_ones_conversations_are_listed_a_page_at_a_time(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        ids = [await begin(client) for _ in range(5)]
        for id in ids:
            await say(client, id, "in the front")
        seen: list[str] = []
        while page := (
            await client.get("/conversations", params={"limit": 2, **({"after": seen[-1]} if seen else {})})
        ).json():
            seen += [one["id"] for one in page]
        assert seen == ids[::-1]
        assert (await client.get("/conversations", params={"after": "none"})).status_code == 404


async def test_a_field_that_is_not_known_is_refused_by_its_name_the_first_of_many(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        for path, body in (
            (f"/conversations/{id}/messages", {"text": "hello"}),
            ("/desk/-/x/take", None),
            ("/desk/-/x/answer", {}),
        ):
            told = await client.post(path, json={**(body or {}), **{f"f{number}": 1 for number in range(1_000)}})
            assert told.status_code == (400 if body is None else 422)
            assert body is None or told.json()["error"]["message"] == '"f0" is refused: it is not known here.'
        chat = {"model": "hall", "messages": [{"role": "user", "content": "x"}], "interlock": {"thread": 1}}
        told = (await client.post("/v1/chat/completions", json=chat)).json()["error"]
        assert (told["param"], told["message"]) == ("interlock.thread", '"thread" is refused: it is not known here.')


async def test_the_same_as_a_stream_of_typed_events_with_ids(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        answer = await client.post(f"/conversations/{id}/messages", json={"text": "A seat"}, headers=SSE)
        assert answer.headers["content-type"].startswith("text/event-stream")
        heard = frames(answer.text)
        assert [name for _, name, _ in heard] == NAMES
        assert [id for id, _, _ in heard] == sorted({id for id, _, _ in heard})
        assert [data["id"] for _, _, data in heard] == [id for id, _, _ in heard]
        assert heard[3][2]["question"]["schema"] == {"enum": ["front", "back"]}


async def test_reconnecting_after_any_event_misses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, service):
        id = await begin(client)
        await say(client, id, "A seat")
        await say(client, id, "front")
        everything = [one.id async for one in service.dialogues.events(id)]
        assert len(everything) > 8
        for position, last in enumerate([0, *everything[:-1]]):
            assert await follow(client, id, last, everything[-1]) == everything[position:]


async def test_whoever_follows_hears_what_is_said_elsewhere(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, service):
        id = await begin(client)
        last = (await say(client, id, "A seat"))["conversation"]["last_event"]
        listening = asyncio.create_task(follow(client, id, last, last + 8))
        while not service.streams.taken:
            await asyncio.sleep(0.001)
        told = [event["id"] for event in (await say(client, id, "front"))["events"]]
        heard = await listening
        assert heard == told[: len(heard)]


async def test_an_idle_stream_is_kept_alive_with_comments(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        comments = 0
        async with client.stream("GET", f"/conversations/{id}/events", headers=SSE) as answer:
            async for line in answer.aiter_lines():
                assert line in ("", ": ")
                comments += line == ": "
                if comments == 3:
                    break


async def test_a_turn_goes_on_when_its_listener_leaves(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        path = f"/conversations/{id}/messages"
        async with client.stream("POST", path, json={"text": "wait in the front"}, headers=SSE) as answer:
            async for line in answer.aiter_lines():
                if line == "event: step_started":
                    break
        assert (await client.get(f"/conversations/{id}")).json()["state"] == "busy"
        (tmp_path / "out" / "door").touch()
        last = 0
        while (shown := (await client.get(f"/conversations/{id}")).json())["state"] == "busy":
            await asyncio.sleep(0.01)
            last = shown["last_event"]
        assert shown["turns"][-1]["text"] == "Please take row front."
        assert last <= shown["last_event"]


async def test_one_message_at_a_time(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        path = f"/conversations/{id}/messages"
        async with client.stream("POST", path, json={"text": "wait in the front"}, headers=SSE) as answer:
            assert answer.status_code == 200
            second = await client.post(path, json={"text": "back"})
            assert second.status_code == 409
            assert second.headers["retry-after"]
            assert "worked on" in sentence(second)
            (tmp_path / "out" / "door").touch()
            assert frames((await answer.aread()).decode())[-1][1] == "turn_finished"


async def test_the_same_key_is_the_same_message(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        path = f"/conversations/{id}/messages"
        message = {"text": "in the front", "key": "first"}
        first, again = [(await client.post(path, json=message)).json()["events"] for _ in range(2)]
        assert first == again
        assert (tmp_path / "out" / "seats.txt").read_text() == "front\n"
        other = await client.post(path, json={"text": "in the back", "key": "first"})
        assert other.status_code == 409
        assert "its own" in sentence(other)


async def test_a_stream_of_a_message_sent_again_goes_on_where_it_was_left(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        path, message = f"/conversations/{id}/messages", {"text": "in the front", "key": "k"}
        whole = frames((await client.post(path, json=message, headers=SSE)).text)
        middle = whole[3][0]
        rest = await client.post(path, json=message, headers={**SSE, "Last-Event-ID": str(middle)})
        assert frames(rest.text) == whole[4:]


async def test_whoever_waits_too_long_is_told_where_to_look(tmp_path: Path) -> None:
    async with hall(tmp_path, replace(QUICK, turn_seconds=0.2)) as (client, _):
        id = await begin(client)
        late = await client.post(f"/conversations/{id}/messages", json={"text": "wait in the front"})
        assert late.status_code == 504
        assert f"/conversations/{id}/events" in late.json()["error"]["hint"]
        streamed = await client.get(f"/conversations/{id}")
        assert streamed.json()["state"] == "busy"
        (tmp_path / "out" / "door").touch()
        heard = await follow(client, id, 0, 9)
        assert heard[-1] >= 9


async def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        path = f"/conversations/{id}/messages"
        json_type = {"Content-Type": "application/json"}
        wrong: list[tuple[int, httpx.Response]] = [
            (404, await client.post("/conversations/none/messages", json={"text": "hello"})),
            (404, await client.get("/conversations/none")),
            (404, await client.get("/conversations/none/events", headers=SSE)),
            (404, await client.get("/nothing")),
            (405, await client.put(f"/conversations/{id}")),
            (422, await client.post(path, json={})),
            (422, await client.post(path, json={"text": "x" * 30_000})),
            (422, await client.post(path, json={"text": 3})),
            (422, await client.post(path, content=b"\xff\xfe", headers=json_type)),
            (422, await client.post(path, content=b"[" * 100_000, headers=json_type)),
            (422, await client.post(path, json={"text": " \x00 "})),
            (422, await client.post(path, json={"text": "a", "key": "with:colon"})),
        ]
        for status, answer in wrong:
            assert answer.status_code == status, answer.text
            assert sentence(answer)
        broken = await client.post(path, content=b"nonsense", headers=json_type)
        assert sentence(broken) == "The body is not JSON (Expecting value, at character 1)."
        twice = await client.post(path, content=b'{"text": "no", "text": "yes"}', headers=json_type)
        assert (twice.status_code, (await client.get(f"/conversations/{id}")).json()["turns"]) == (422, [])
        assert sentence(twice) == '"text" stands twice in one object of the body: give it once.'


async def test_what_fails_inside_stays_inside(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        told = await client.post(f"/conversations/{id}/messages", json={"text": "crash"})
        assert told.json()["events"][-1]["status"] == "failed"
        assert "secret" not in told.text
        assert "Traceback" not in told.text


async def test_ones_own_conversations_are_listed_the_latest_first(tmp_path: Path) -> None:
    first, second = ({"Authorization": f"Bearer {name}-token"} for name in ("first", "second"))
    async with hall(tmp_path, tokens="user:first-token user:second-token") as (client, _):
        one, two, _empty = [await begin(client, **first) for _ in range(3)]
        await say(client, two, "A seat", **first)
        await say(client, one, "in the front", **first)
        mine = (await client.get("/conversations", headers=first)).json()
        assert [(row["id"], row["text"], row["status"], row["intent"]) for row in mine] == [
            (one, "in the front", "completed", "seat"),
            (two, "A seat", "needs_input", "seat"),
        ]
        assert (await client.get("/conversations", headers=second)).json() == []
        for what in ("stop", "person"):
            assert (await client.post(f"/conversations/{one}/{what}", headers=second)).status_code == 404


async def test_a_conversation_is_full_once_reading_it_would_take_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogues, "MOST_MESSAGES", 2)
    async with hall(tmp_path) as (client, _):
        id, long = await begin(client), await begin(client)
        for text in ("A seat", "front"):
            assert (await client.post(f"/conversations/{id}/messages", json={"text": text, "key": text[:1]})).is_success
        refused = await client.post(f"/conversations/{id}/messages", json={"text": "A seat"})
        assert (refused.status_code, sentence(refused)) == (409, "This conversation is full: begin a new one.")
        assert (await client.post(f"/conversations/{id}/messages", json={"text": "front", "key": "f"})).is_success
        monkeypatch.setattr(dialogues, "MOST_CHARACTERS", 10)
        assert (await client.post(f"/conversations/{long}/messages", json={"text": "in the front"})).status_code == 409


async def test_a_message_is_stopped(tmp_path: Path) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        waits = asyncio.create_task(say(client, id, "wait in the front"))
        while (await client.get(f"/conversations/{id}")).json()["state"] != "busy":
            await asyncio.sleep(0.01)
        refused = await client.post(f"/conversations/{id}/person")
        assert refused.status_code == 409
        stopped = (await client.post(f"/conversations/{id}/stop")).json()
        assert (stopped["state"], stopped["turns"][-1]["text"]) == ("open", "Stopped.")
        assert (await waits)["events"][-1]["status"] == "failed"
        assert not (tmp_path / "out" / "seats.txt").exists()


@pytest.mark.parametrize("said", ["A seat", "in the front"])
async def test_a_person_is_asked_for_by_a_button(tmp_path: Path, said: str) -> None:
    async with hall(tmp_path) as (client, _):
        id = await begin(client)
        await say(client, id, said)
        for _ in range(2):  # the second time a person has it already
            assert (await client.post(f"/conversations/{id}/person")).status_code == 200
            while (await client.get(f"/conversations/{id}")).json()["state"] == "busy":
                await asyncio.sleep(0.01)
        [case] = (await client.get("/desk")).json()["cases"]
        assert (case["to"], case["asks"]) == ("human", "A person was asked for.")
        await client.post(f"/desk/-/{case['record']}/close", json={"text": "Sit where you like."})
        shown = (await client.get(f"/conversations/{id}")).json()
        assert (shown["state"], shown["question"], shown["turns"][-1]["text"]) == ("open", None, "Sit where you like.")
