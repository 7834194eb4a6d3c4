"""One customer's many messages do not hold up another one's."""

from __future__ import annotations

import asyncio

from pipeline.chat.fair_slots import FairSlots


async def served(number: int, *asked: str) -> list[str]:
    """The order in which so many slots are given to those who asked, all at once; each is held for a moment."""
    slots, order = FairSlots(number), []

    async def one(owner: str) -> None:
        async with slots.slot(owner):
            order.append(owner)
            for _ in range(3):
                await asyncio.sleep(0)

    await asyncio.gather(*(one(owner) for owner in asked))
    return order


async def test_whoever_has_the_fewest_under_way_is_next() -> None:
    order = await served(4, *["many"] * 20, "one", "two")
    assert order[:4] == ["many"] * 4
    assert {"one", "two"} <= set(order[4:6])
    assert len(order) == 22


async def test_with_a_single_slot_owners_take_turns() -> None:
    assert await served(1, *["a"] * 4, *["b"] * 2) == ["a", "b", "a", "b", "a", "a"]


async def test_one_alone_may_have_them_all_and_is_served_in_order() -> None:
    slots, order = FairSlots(3), []

    async def one(number: int) -> None:
        async with slots.slot("a"):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*map(one, range(9)))
    assert order == list(range(9))


async def test_whoever_leaves_takes_no_slot_with_them() -> None:
    slots, held = FairSlots(1), asyncio.Event()

    async def one(owner: str) -> None:
        async with slots.slot(owner):
            await held.wait()

    first, second, third = (asyncio.create_task(one(owner)) for owner in ("a", "b", "b"))
    await asyncio.sleep(0)
    second.cancel()
    first.cancel()  # hands its slot to `third`, which leaves in the same moment
    await asyncio.sleep(0)
    third.cancel()
    await asyncio.gather(first, second, third, return_exceptions=True)
    held.set()
    async with asyncio.timeout(30):
        await one("c")
