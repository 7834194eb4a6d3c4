"""Shards: every record has its place, each folder is continued on its own, and together they read as one run."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import AsyncExitStack, closing, nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pipeline_world import TODAY, lines, write_requests

from pipeline import App, Equipment, Journal, JournalError, Launch, UsageError, read_requests, run_batch
from pipeline.batch.answers import apply
from pipeline.batch.shards import Shards, folders_in, home_of, refuse_shard, shard_of, shards_in
from pipeline.batch.summary import Tally
from pipeline.batch.worker import Job, Worker
from pipeline.runtime.manifest import read_manifest

SHOP = str(Path(__file__).parents[1] / "apps" / "shop.py")
TEXTS = {f"r{n}": f"item {n}" for n in range(40)} | {
    "odd1": "get me a human",
    "odd2": "I do not know which",
    "odd3": "make it crash",
}


async def serve(app: App, source: Path | None, out: Path, number: int = 3, only: int | None = None) -> Tally:
    """What run_shards does, in this process, one shard after another."""
    shards = Shards(out, number)
    shards.make()
    job = Job(
        Launch(app=SHOP, shards=number),
        lambda *_: nullcontext(Equipment()),
        shards.whole.path,
        TODAY,
        Path.cwd(),
        with_requests=source is not None,
    )
    worker = Worker(job)
    replace(await worker.manifest(), shards=number).settle(out, TODAY)
    if source is not None:
        await shards.deal(read_requests(source))
    app.make_ready(out, TODAY)
    for shard in shards.left(dealt=source is not None):
        if only is None or shard == only:
            await worker.serve(shard)
    await worker.close()
    return await shards.merge()


def sales(out: Path) -> Counter[str]:
    with closing(sqlite3.connect(out / "shop.sqlite")) as database:
        return Counter(item for (item,) in database.execute("SELECT item FROM sales"))


def files(out: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_requests(tmp_path / "in.jsonl", TEXTS)


def test_a_record_has_the_same_shard_everywhere_and_shards_are_alike() -> None:
    assert [shard_of(id, 8) for id in ("r1", "r2", "order[/a]", "ऑर्डर", "")] == [0, 2, 0, 5, 4]
    counts = Counter(shard_of(f"record {n}", 8) for n in range(8000))
    assert all(900 < counts[shard] < 1100 for shard in range(8))


async def test_shards_give_what_one_folder_gives(shop: App, source: Path, tmp_path: Path) -> None:
    out, alone = tmp_path / "out", tmp_path / "alone"
    tally = await serve(shop, source, out)
    summary = await run_batch(shop, read_requests(source), alone, today=TODAY)
    assert tally.statuses == {status: count for status, count in summary.statuses.items() if count}
    told = ("custom_id", "status", "intent", "message", "question", "escalation", "error")
    for name in ("results.jsonl", "questions.jsonl"):
        rows, expected = (
            sorted(([row.get(key) for key in told] for row in lines(folder / name)), key=str) for folder in (out, alone)
        )
        assert rows == expected
    (escalated,) = lines(out / "escalations.jsonl")
    assert (escalated["custom_id"], escalated["to"]) == ("odd1", "desk")
    assert sales(out) == sales(alone)
    assert not list(out.glob("shards/*/shop.sqlite"))  # the shop is everybody's
    assert shards_in(out) == read_manifest(out).shards == 3


async def test_each_shard_is_continued_on_its_own(shop: App, source: Path, tmp_path: Path) -> None:
    first = await serve(shop, source, tmp_path / "out", only=1)
    assert 0 < first.statuses.total() < len(TEXTS)
    again = await serve(shop, source, tmp_path / "out")
    assert again.statuses.total() == len(TEXTS)
    assert sorted(row["custom_id"] for row in lines(tmp_path / "out" / "results.jsonl")) == sorted(TEXTS)
    assert sales(tmp_path / "out") == {str(n): 1 for n in range(40)}
    async with Journal.open(home_of(tmp_path / "out", "odd2").journal) as journal:
        assert [waiting.record for waiting in journal.waiting()] == ["odd2"]


async def test_an_answer_finds_its_shard(shop: App, source: Path, tmp_path: Path) -> None:
    out, answers = tmp_path / "out", tmp_path / "answers.jsonl"
    await serve(shop, source, out)
    answers.write_text('{"custom_id": "odd2", "answer": "chair"}\n{"custom_id": "nobody", "answer": "lamp"}\n')
    async with AsyncExitStack() as stack:
        journals = [await stack.enter_async_context(Journal.open(folder.journal)) for folder in folders_in(out)]
        answered, bad = await apply(
            lambda id: next(one for one in journals if one.path == home_of(out, id).journal), answers, shop
        )
    assert (answered, [line.line for line in bad]) == (["odd2"], [2])
    assert (await serve(shop, None, out)).statuses.total() == len(TEXTS)
    assert sales(out)["chair"] == 1


async def test_another_number_of_shards_is_refused(shop: App, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    await serve(shop, source, out)
    before = files(out)
    with pytest.raises(UsageError, match=r"was made with 3 shards, not with 4.*use --shards 3"):
        Shards(out, 4)
    with pytest.raises(UsageError, match="is in shards: go on with --ray and --shards"):
        await run_batch(shop, read_requests(source), out)
    with pytest.raises(UsageError, match="is a shard of"):
        refuse_shard(out / "shards" / "01")
    refuse_shard(out)
    assert files(out) == before
    with pytest.raises(UsageError, match="choose between 1 and 256"):
        Shards(tmp_path / "none", 1000)


async def test_a_folder_without_shards_is_not_dealt(shop: App, source: Path, tmp_path: Path) -> None:
    await run_batch(shop, read_requests(source), tmp_path / "out", today=TODAY)
    with pytest.raises(UsageError, match="holds results of a run without shards"):
        Shards(tmp_path / "out", 2)
    assert [folder.path for folder in folders_in(tmp_path / "out")] == [tmp_path / "out"]


async def test_another_text_or_day_is_refused_before_anything_changes(shop: App, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    await serve(shop, source, out)
    before = files(out)
    other = write_requests(tmp_path / "other.jsonl", TEXTS | {"r7": "another item"})
    with pytest.raises(UsageError, match="holds a record 'r7' with another text"):
        await Shards(out, 3).deal(read_requests(other))
    with pytest.raises(UsageError, match="was made for 2026-11-22"):
        read_manifest(out).settle(out, date(2027, 1, 1))
    assert files(out) == before


async def test_bad_lines_are_listed_by_their_place_in_the_whole_file(shop: App, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    good = [f'{{"custom_id": "r{n}", "text": "one lamp"}}' for n in range(10)]
    source.write_text("\n".join([good[0], "no JSON", *good[1:], good[0]]))
    tally = await serve(shop, source, tmp_path / "out", number=20)
    assert tally.statuses["completed"] == 10
    assert [row["line"] for row in lines(tmp_path / "out" / "errors.jsonl")] == [2, 12]


async def test_records_are_served_again_where_they_are(shop: App, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    await serve(shop, source, out)
    shards, before = Shards(out, 3), files(out)
    with pytest.raises(JournalError, match="no finished record 'nobody'"):
        await shards.retry(["failed", "nobody"])
    assert files(out) == before
    await shards.retry(["failed", "odd1"])
    assert (await shards.merge()).statuses.total() == len(TEXTS) - 2
    assert (await serve(shop, source, out)).statuses.total() == len(TEXTS)
