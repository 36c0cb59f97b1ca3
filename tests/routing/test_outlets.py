"""Deltas are handed on as they come, and the end is told once."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from hostler.core.deltas import Delta, TextDelta
from hostler.errors import UpstreamBroken
from hostler.routing.attempt import Attempt
from hostler.routing.call import Call
from hostler.routing.opaque import OpaqueStore
from hostler.routing.outlets import DeltaOutlet, Take

NOBODY = cast("Attempt", None)


def outlet(take: Take) -> DeltaOutlet:
    return DeltaOutlet(cast("Call", None), take, OpaqueStore())


async def test_a_batch_is_handed_on_at_once() -> None:
    taken: list[Sequence[Delta]] = []
    source = outlet(taken.append)
    batch = [TextDelta("a"), TextDelta("b")]
    source.deltas(batch, NOBODY)
    assert taken == [batch]
    assert source.forwarded
    assert not source.over.done()


async def test_only_the_first_end_counts() -> None:
    source = outlet(lambda batch: None)
    source.on_end(None, asyncio.CancelledError())
    source.on_end(None, UpstreamBroken("later"))
    with pytest.raises(Exception, match="was cancelled"):
        await source.over


async def test_the_end_of_a_call_that_had_its_own_tells_nothing_more() -> None:
    source = outlet(lambda batch: None)
    source.fail(UpstreamBroken("it broke"))
    source.on_end(None, None)
    with pytest.raises(UpstreamBroken, match="it broke"):
        await source.over
