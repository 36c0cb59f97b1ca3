"""Deltas reach their reader at once when they begin and end, and in handfuls between."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from hostler.core.deltas import Delta, TextDelta
from hostler.errors import UpstreamBroken
from hostler.routing.attempt import Attempt
from hostler.routing.call import Call
from hostler.routing.opaque import OpaqueStore
from hostler.routing.outlets import DeltaOutlet
from tests.routing.stage import turns

NOBODY = cast("Attempt", None)


def outlet() -> DeltaOutlet:
    return DeltaOutlet(cast("Call", None), OpaqueStore())


def words(*texts: str) -> list[Delta]:
    return [TextDelta(text) for text in texts]


async def read(source: DeltaOutlet) -> list[Sequence[Delta] | None]:
    """Every batch up to the end."""
    batches: list[Sequence[Delta] | None] = []
    while (batch := await source.next_batch()) is not None:
        batches.append(batch)
    return batches


async def test_the_first_and_the_last_come_at_once_and_others_together() -> None:
    source = outlet()
    reading = asyncio.create_task(read(source))
    await turns(2)
    for text in "abcdef":
        source.deltas(words(text), NOBODY)
        await turns(3)
    source.fail(UpstreamBroken("it broke"))  # what has come is read before
    with pytest.raises(UpstreamBroken):
        await reading


async def test_a_reader_that_is_late_gets_all_there_is() -> None:
    source = outlet()
    source.deltas(words("a"), NOBODY)
    source.deltas(words("b", "c"), NOBODY)
    assert await source.next_batch() == words("a", "b", "c")
    waiting = asyncio.create_task(source.next_batch())
    await turns(2)
    source.deltas(words("d"), NOBODY)
    source.deltas(words("e"), NOBODY)
    assert not waiting.done(), "the last reading was just now"
    assert await waiting == words("d", "e")


async def test_only_the_first_end_counts() -> None:
    source = outlet()
    source.on_end(None, asyncio.CancelledError())
    source.on_end(None, UpstreamBroken("later"))
    with pytest.raises(Exception, match="was cancelled"):
        await source.next_batch()
