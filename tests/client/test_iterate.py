"""Deltas reach their reader at once when they begin and end, and in handfuls between."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import pytest

from hostler.client.iterate import Gathered, iterate
from hostler.core.deltas import Delta, TextDelta
from hostler.errors import UpstreamBroken
from hostler.routing.outlets import Take
from tests.routing.stage import turns


def words(*texts: str) -> list[Delta]:
    return [TextDelta(text) for text in texts]


async def test_what_comes_is_read_before_the_error() -> None:
    async def feed(take: Take) -> None:
        take(words("a"))
        await turns(3)
        for text in "bcd":
            take(words(text))
        raise UpstreamBroken("it broke")

    read: list[Delta] = []
    with pytest.raises(UpstreamBroken, match="it broke"):
        async for delta in iterate(feed):
            read += [delta]
    assert read == words("a", "b", "c", "d")


async def test_leaving_cancels_and_waits_for_it() -> None:
    told: list[str] = []

    async def feed(take: Take) -> None:
        take(words("a"))
        try:
            await asyncio.Event().wait()
        finally:
            told.append("cancelled")

    async with aclosing(iterate(feed)) as deltas:
        async for _ in deltas:
            break
    assert told == ["cancelled"]


async def test_a_reader_that_is_late_gets_all_there_is() -> None:
    source = Gathered()
    source.add(words("a"))
    source.add(words("b", "c"))
    assert await source.next_batch() == words("a", "b", "c")
    waiting: asyncio.Task[Sequence[Delta]] = asyncio.create_task(source.next_batch())
    await turns(2)
    source.add(words("d"))
    source.add(words("e"))
    assert not waiting.done(), "the last reading was just now"
    assert await waiting == words("d", "e")


async def test_nothing_is_no_end() -> None:
    source = Gathered()
    waiting: asyncio.Task[Sequence[Delta]] = asyncio.create_task(source.next_batch())
    await turns(2)
    source.add([])
    await turns(2)
    assert not waiting.done()
    source.end()
    assert await waiting == []
