"""Deltas are handed on as they come, and the end is told once; a whole reply is that of one attempt."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from hostler.core.deltas import Delta, Finished, Started, TextDelta
from hostler.core.messages import Text
from hostler.core.requests import Reply
from hostler.core.wires import ANTHROPIC
from hostler.errors import UpstreamBroken
from hostler.registry.resolver import Route
from hostler.routing.answer import Answer
from hostler.routing.attempt import Attempt
from hostler.routing.call import Call, Plan
from hostler.routing.opaque import OpaqueStore
from hostler.routing.outlets import DeltaOutlet, Rendering, Take
from hostler.system.http_server import Exchange
from hostler.wire.codecs import codec_of
from tests.routing.stage import vendor

NOBODY = cast("Attempt", None)


def outlet(take: Take) -> DeltaOutlet:
    return DeltaOutlet(cast("Call", None), take, keeper=OpaqueStore())


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


class KeptAnswer(Answer):
    """An answer to nobody."""

    body = b""

    def whole(self, head: bytes, body: bytes) -> None:
        del head
        self.body = body


class Unrecorded(Attempt):
    """An attempt that no ledger hears of."""

    def settle(self) -> None:
        pass


def rendering() -> tuple[Rendering, KeptAnswer, list[Attempt]]:
    """What renders the reply to a client that wants it whole, and two attempts at it."""
    plan = Plan(Route("m", (vendor("a"), vendor("b"))), ANTHROPIC, operation="chat", stream=False)
    call = Call("id", plan, body=b'{"model":"m","messages":[],"max_tokens":9}')
    answer = KeptAnswer(cast("Exchange", None), ANTHROPIC, "id", [])
    shown = Rendering(answer, call, keeper=OpaqueStore())
    return shown, answer, [Unrecorded(call, way, number) for number, way in enumerate(plan.ways, 1)]


def test_a_whole_reply_holds_nothing_of_an_attempt_that_broke() -> None:
    shown, answer, (first, second) = rendering()
    shown.deltas([Started("1", "m"), TextDelta("Half of")], first)
    shown.deltas([Started("2", "m"), TextDelta("All of it.")], second)
    shown.deltas([Finished("stop")], second)
    shown.finish(second)
    assert codec_of(ANTHROPIC).decode_response(answer.body).text == "All of it."


def test_a_reply_that_comes_whole_is_the_one_that_goes_out() -> None:
    shown, answer, (first, second) = rendering()
    shown.deltas([Started("1", "m"), TextDelta("Half of")], first)
    shown.whole(Reply(parts=(Text(text="All of it."),), finish="stop"), second)
    shown.finish(second)
    assert codec_of(ANTHROPIC).decode_response(answer.body).text == "All of it."
