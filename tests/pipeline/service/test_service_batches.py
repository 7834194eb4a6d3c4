"""OpenAI's batch API by its own client: files, batches, what is refused, who sees what, and a server that is killed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai_world import CHAT, clients, command, ended, file_of, line, rows
from service_world import QUICK

from pipeline.service import Limits


async def begun(client: AsyncOpenAI, *lines: str, **more: Any) -> str:
    file = await client.files.create(file=file_of(*lines), purpose="batch")
    options: Any = {"endpoint": CHAT, "completion_window": "24h", **more}
    return (await client.batches.create(input_file_id=file.id, **options)).id


async def test_a_batch_is_made_of_a_file_and_answers_every_line(tmp_path: Path) -> None:
    async with clients(tmp_path) as ((client,), _):
        lines = [line("a"), line("b", temperature=7), line("c"), "no JSON", line("d", "/v1/completions"), line("a")]
        file = await client.files.create(file=file_of(*lines), purpose="batch")
        assert (file.filename, file.purpose, file.status) == ("in.jsonl", "batch", "processed")
        assert file.bytes == len(file_of(*lines)[1]) == len((await client.files.content(file.id)).content)
        batch = await client.batches.create(
            input_file_id=file.id, endpoint=CHAT, completion_window="24h", metadata={"who": "me"}
        )
        assert batch.status in ("validating", "in_progress")
        assert batch.expires_at == batch.created_at + 86_400
        await client.files.delete(file.id)  # the batch has it still
        batch = await ended(client, batch.id)
        assert (batch.status, batch.metadata, batch.errors) == ("completed", {"who": "me"}, None)
        assert batch.request_counts is not None
        assert batch.request_counts.model_dump() == {"total": 6, "completed": 2, "failed": 4}
        answers = {row["custom_id"]: row["response"] for row in await rows(client, batch.output_file_id)}
        assert set(answers) == {"a", "c"}
        for answer in answers.values():
            assert answer["status_code"] == 200
            assert json.loads(answer["body"]["choices"][0]["message"]["content"])["stars"] in (1, 2, 3)
            assert answer["body"]["usage"]["completion_tokens"] > 0
        errors = [row["response"]["body"]["error"] for row in await rows(client, batch.error_file_id)]
        assert [error["line"] for error in errors] == [2, 4, 5, 6]
        assert [error["param"] for error in errors] == ["temperature", None, "url", "custom_id"]
        listed = await client.files.list()
        assert {one.id for one in listed.data} == {batch.output_file_id, batch.error_file_id}
        assert [one.id async for one in client.files.list(purpose="batch", limit=1)] == []
        with pytest.raises(openai.NotFoundError):
            await client.files.retrieve(file.id)


async def test_lists_are_read_page_by_page(tmp_path: Path) -> None:
    async with clients(tmp_path) as ((client,), _):
        ids = [await begun(client, line(f"r{number}")) for number in range(5)]
        assert [one.id async for one in client.batches.list(limit=2)] == ids[::-1]
        page = await client.batches.list(limit=2, after=ids[3])
        assert ([one.id for one in page.data], page.has_more) == ([ids[2], ids[1]], True)
        for id in ids:
            assert (await ended(client, id)).status == "completed"
        files = [one.created_at async for one in client.files.list(limit=3, order="asc")]
        assert (len(files), files) == (10, sorted(files))


async def test_a_batch_is_cancelled_while_it_waits_and_while_it_runs(tmp_path: Path) -> None:
    async with clients(tmp_path) as ((client,), service):
        first = await begun(client, *(line(f"r{number}", seed=number) for number in range(2_000)))
        second = await begun(client, line("a"))
        waiting = await client.batches.cancel(second)
        assert (waiting.status, waiting.output_file_id) == ("cancelled", None)
        while not ((await client.batches.retrieve(first)).request_counts or waiting.request_counts).completed:  # type: ignore[union-attr]
            await asyncio.sleep(0.02)
        assert (await client.batches.cancel(first)).status == "cancelling"
        batch = await ended(client, first)
        assert batch.status == "cancelled"
        assert batch.cancelling_at
        assert batch.cancelled_at
        assert batch.request_counts is not None
        assert 0 < batch.request_counts.completed < 2_000 == batch.request_counts.total
        assert len(await rows(client, batch.output_file_id)) == batch.request_counts.completed
        assert (await client.batches.cancel(first)).status == "cancelled"
        third = await begun(client, line("a"))  # the queue goes on
        assert (await ended(client, third)).status == "completed"
        with pytest.raises(openai.ConflictError):
            await client.batches.cancel(third)
        assert service.runs.alive


async def test_a_batch_whose_window_is_over_expires_with_what_it_has(tmp_path: Path) -> None:
    async with clients(tmp_path) as ((client,), _):
        id = await begun(client, *(line(f"r{number}", seed=number) for number in range(2_000)), completion_window="1h")
        while not (await client.batches.retrieve(id)).request_counts.completed:  # type: ignore[union-attr]
            await asyncio.sleep(0.02)
    note = tmp_path / "out" / "runs" / id / "run.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "expires": 1.0}))
    async with clients(tmp_path) as ((client,), _):
        batch = await ended(client, id)
        assert batch.status == "expired"
        assert batch.expired_at
        assert batch.request_counts is not None
        assert len(await rows(client, batch.output_file_id)) == batch.request_counts.completed > 0


async def test_each_token_sees_its_own_files_and_batches_and_an_operator_all(tmp_path: Path) -> None:
    async with clients(tmp_path, "user:alice-token", "user:bob-token", "operator:desk-token") as (
        (alice, bob, desk),
        _,
    ):
        id = await begun(alice, line("a"))
        batch = await ended(alice, id)
        for file in (batch.input_file_id, batch.output_file_id):
            assert file is not None
            assert (await desk.files.content(file)).content == (await alice.files.content(file)).content
            for call in (bob.files.retrieve, bob.files.content, bob.files.delete):
                with pytest.raises(openai.NotFoundError):
                    await call(file)
        for call in (bob.batches.retrieve, bob.batches.cancel):
            with pytest.raises(openai.NotFoundError):
                await call(id)
        with pytest.raises(openai.NotFoundError) as refused:
            await bob.batches.create(input_file_id=batch.input_file_id, endpoint=CHAT, completion_window="24h")
        assert refused.value.param == "input_file_id"
        assert [one.id async for one in bob.files.list()] == [one.id async for one in bob.batches.list()] == []
        assert [one.id async for one in desk.batches.list()] == [id]
        nobody = AsyncOpenAI(base_url=alice.base_url, api_key="mallory", max_retries=0)
        with pytest.raises(openai.AuthenticationError):
            await nobody.files.list()
        await nobody.close()


async def test_what_cannot_be_obeyed_is_refused_by_its_name_and_leaves_nothing(tmp_path: Path) -> None:
    limits = Limits(**{**vars(QUICK), "upload": 10_000})
    async with clients(tmp_path, limits=limits) as ((client,), _):
        good = await client.files.create(file=file_of(line("a")), purpose="batch")
        empty = await client.files.create(file=file_of(), purpose="batch")
        bad: list[tuple[str, dict[str, Any]]] = [
            ("endpoint", {"endpoint": "/v1/moderations"}),
            ("completion_window", {"completion_window": "soon"}),
            ("completion_window", {"completion_window": "900h"}),
            ("metadata", {"metadata": {"a": 3}}),
            ("output_expires_after", {"extra_body": {"output_expires_after": {"seconds": 3600}}}),
            ("input_file_id", {"input_file_id": "file-none"}),
            ("input_file_id", {"input_file_id": "../../x"}),
            ("input_file_id", {"input_file_id": empty.id}),
            ("input_file_id", {"endpoint": "/v1/embeddings"}),
        ]
        for param, changed in bad:
            options: Any = {"input_file_id": good.id, "endpoint": CHAT, "completion_window": "24h", **changed}
            with pytest.raises(openai.APIStatusError) as refused:
                await client.batches.create(**options)
            assert (refused.value.param, refused.value.type) == (param, "invalid_request_error"), changed
            assert refused.value.status_code in (400, 404)
        assert not list((tmp_path / "out" / "runs").glob("*"))
        for param, uploaded in (
            ("purpose", {"purpose": "vision"}),
            ("expires_after", {"expires_after": {"anchor": "created_at", "seconds": 9999}}),
        ):
            with pytest.raises(openai.BadRequestError) as refused:
                await client.files.create(file=file_of(line("a")), **{"purpose": "batch", **uploaded})
            assert refused.value.param == param
        with pytest.raises(openai.APIStatusError) as large:
            await client.files.create(file=file_of(line("a", user="x" * 20_000)), purpose="batch")
        assert (large.value.status_code, large.value.code) == (413, "too_large")
        with pytest.raises(openai.BadRequestError) as odd:
            await client.batches.list(extra_query={"sort": "up"})
        assert odd.value.param == "sort"
        assert {one.id async for one in client.files.list()} == {good.id, empty.id}


async def test_a_batch_outlives_kills_of_its_server_and_answers_each_line_once(tmp_path: Path) -> None:
    total, batch, before = 400, "", 0
    for _ in range(3):
        with command(tmp_path / "out") as (process, url):
            async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
                if not batch:
                    batch = await begun(client, *(line(f"r{number}", seed=number) for number in range(total)))
                while (await client.batches.retrieve(batch)).request_counts.completed < before + 20:  # type: ignore[union-attr]
                    await asyncio.sleep(0.02)
                before = (await client.batches.retrieve(batch)).request_counts.completed  # type: ignore[union-attr]
                process.kill()
    assert before < total, "the batch was over before it was killed"
    with command(tmp_path / "out") as (_, url):
        async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
            done = await ended(client, batch)
            assert done.status == "completed"
            assert sorted(row["custom_id"] for row in await rows(client, done.output_file_id)) == sorted(
                f"r{number}" for number in range(total)
            )
            assert done.error_file_id is None


async def test_an_upload_that_a_kill_cut_off_is_swept_away(tmp_path: Path) -> None:
    left = tmp_path / "out" / "files" / "file-left"
    left.mkdir(parents=True)
    (left / "content").write_text("half")
    async with clients(tmp_path) as ((client,), _):
        assert [one.id async for one in client.files.list()] == []
        assert not left.exists()
