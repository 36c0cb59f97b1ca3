"""How replies arrive: piece by piece, cut anywhere, odd but legal; broken off, silent, or no longer wanted."""

import asyncio
from contextlib import aclosing
from typing import Final

import pytest

from hostler.core.deltas import Delta, TextDelta
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC, WIRES
from hostler.errors import UpstreamBroken, UpstreamRefused, UpstreamTimeout
from hostler.providers.fake.script import Break, Call, Chunks, Framing, Reply
from tests.contract.case import Case, Place, case, cases
from tests.contract.stage import HASTY
from tests.contract.talk import Talk, called, thoughts

SAID: Final = "Grüße, 世界, 🐴, e\u0301 and back."
WORDS: Final = "This sentence will never reach its end."
CLOCK = Tool(name="clock", description="The time of day.", parameters={"type": "object", "properties": {}})
EVERYTHING = Reply(
    reasoning="Ich überlege: 🐎.", text=SAID, calls=(Call(name="clock", arguments={"wo": "Ålesund 🐴"}),)
)
LATER = Call(name="clock", arguments={"at": "noon or later"})
SILENT_WITHIN = Break(how="silence", after_chunks=3, after_bytes=150)
IMPATIENT = {wire: Place(provider=HASTY + wire, model="gemini-3") for wire in WIRES}
GONE_S: Final = 1.0
"""A client that hangs up cancels the upstream within this."""


def framed(**fields: object) -> Reply:
    """A reply of every kind of part, in characters of every length, on the line in this way."""
    return Reply(
        reasoning=EVERYTHING.reasoning, text=SAID, calls=EVERYTHING.calls, framing=Framing(**fields)  # type: ignore[arg-type]
    )  # fmt: skip


def said(deltas: list[Delta]) -> str:
    """The text of some deltas."""
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


async def follow(talk: Talk, seen: list[Delta]) -> None:
    """Gather the reply as it comes."""
    async with asyncio.timeout(10), aclosing(talk.deltas("Hello", tools=[CLOCK])) as deltas:
        async for delta in deltas:
            seen.append(delta)  # noqa: PERF401  # what came before an error counts


async def whole_reply(talk: Talk) -> None:
    reply = await talk.ask("Hello", tools=[CLOCK])
    assert (reply.text, thoughts(reply), reply.finish) == (SAID, "Ich überlege: 🐎.", "tool_calls")
    assert called(reply) == [("clock", {"wo": "Ålesund 🐴"})]
    assert reply.usage.completion_tokens > 0


@cases(
    Case("cut-characters", ("split UTF-8",), (framed(cut_characters=True),)),
    Case("byte-by-byte", ("split UTF-8",), (framed(write_size=1),)),
    Case("three-bytes", ("split UTF-8",), (framed(write_size=3),)),
)
async def test_cut_anywhere(talk: Talk) -> None:
    await whole_reply(talk)


@cases(
    Case("line-ends", ("stream",), (framed(line_end="crlf", write_size=7),)),
    Case("bare-returns", ("stream",), (framed(line_end="cr"),)),
    Case("comments", ("stream",), (framed(comments=True, pings=3),)),
    Case("lines", ("stream",), (framed(multiline=True, fields=True),)),
    Case("gzip", ("stream",), (framed(gzip=True, write_size=5),)),
    Case("by-length", ("stream",), (framed(body="length"),)),
    Case("by-the-end", ("stream",), (framed(body="close"),)),
)
async def test_odd_but_legal(talk: Talk) -> None:
    await whole_reply(talk)


@case(Reply(text="One two three four.", hold_after=2), shows="stream")
async def test_word_by_word(talk: Talk) -> None:
    """What was said is here while the rest is not yet; a reply that is asked for whole comes whole."""
    fake, seen = talk.stage.fake, list[Delta]()
    fake.hold()
    if not talk.streamed:
        asked = asyncio.create_task(talk.ask("Hello"))
        await fake.wait_for(lambda _: bool(talk.received))
        assert talk.received[-1].outcome == "running"
        fake.release()
        assert (await asked).text == "One two three four."
        return
    async with asyncio.timeout(10), aclosing(talk.deltas("Hello")) as deltas:
        async for delta in deltas:
            seen.append(delta)
            if isinstance(delta, TextDelta) and said(seen) == "One two ":
                assert talk.received[-1].outcome == "running"
                fake.release()
    assert said(seen) == "One two three four."


@case(Reply(text="Whole, but for its last word.", framing=Framing(done=False)), shows="broken stream")
async def test_without_its_end(talk: Talk) -> None:
    """Without an end mark a reply is whole only if it said why it ended."""
    if not talk.streamed or talk.wire in ("openai-chat", ANTHROPIC):
        assert (await talk.ask("Hello")).text == "Whole, but for its last word."
    else:
        with pytest.raises(UpstreamBroken):
            await talk.ask("Hello")


@cases(
    Case("reset", ("broken stream",), (Reply(text=WORDS, broken=Break(how="reset", after_chunks=3)),)),
    Case("close", ("broken stream",), (Reply(text=WORDS, broken=Break(how="close", after_chunks=3)),)),
    Case("within-a-frame", ("broken stream",), (Reply(text=WORDS, broken=Break(how="close", after_bytes=70)),)),
    Case("before-anything", ("broken stream",), (Reply(broken=Break(how="close", before_head=True)),)),
    Case("reset-before-anything", ("broken stream",), (Reply(broken=Break(how="reset", before_head=True)),)),
    Case("within-a-call", ("broken stream",), (Reply(calls=(LATER,), broken=Break(how="close", after_chunks=1)),)),
)  # fmt: skip
async def test_broken_off(talk: Talk) -> None:
    """Never a whole answer; what had come before is given."""
    seen: list[Delta] = []
    with pytest.raises(UpstreamBroken):
        await follow(talk, seen)
    assert WORDS.startswith(said(seen)) and said(seen) != WORDS
    if talk.case.name == "close" and talk.streamed:
        assert said(seen) == "This sentence will "
    row = await talk.row()
    assert (row.outcome, row.error) == ("error", "upstream_broken")


@case(Reply(text=WORDS, broken=Break(how="error", after_chunks=3)), shows="broken stream")
async def test_an_error_within(talk: Talk) -> None:
    """The vendor's own words within a stream are a refusal; a reply in one piece has no such place."""
    if not talk.streamed:
        assert (await talk.ask("Hello")).text == WORDS
        return
    seen: list[Delta] = []
    with pytest.raises(UpstreamRefused) as told:
        await follow(talk, seen)
    assert said(seen) == "This sentence will "
    assert told.value.status >= 500 and told.value.message


@case(Reply(text=WORDS, broken=Break(how="error", after_chunks=0)), shows="broken stream")
async def test_an_error_before_any_word(talk: Talk) -> None:
    if not talk.streamed:
        assert (await talk.ask("Hello")).text == WORDS
        return
    seen: list[Delta] = []
    with pytest.raises(UpstreamRefused):
        await follow(talk, seen)
    assert said(seen) == ""


@cases(
    Case("no-answer", ("timeout",), (Reply(text=WORDS, broken=Break(how="silence", before_head=True)),), IMPATIENT),
    Case("silence-within", ("timeout",), (Reply(text=WORDS, broken=SILENT_WITHIN),), IMPATIENT),
)  # fmt: skip
async def test_silence(talk: Talk) -> None:
    """The provider's own limits count; the vendor's end is closed then."""
    seen: list[Delta] = []
    began = asyncio.get_running_loop().time()
    with pytest.raises(UpstreamTimeout) as told:
        await follow(talk, seen)
    assert asyncio.get_running_loop().time() - began < 5
    assert told.value.status == 504
    await talk.stage.fake.wait_for(lambda _: talk.received[-1].outcome == "client gone")
    row = await talk.row()
    assert (row.outcome, row.error) == ("error", "upstream_timeout")


@case(Reply(text="One two three four.", hold_after=2), shows="cancel")
async def test_no_longer_wanted(talk: Talk) -> None:
    """Who leaves the loop stops the vendor, at once; it is nobody's fault, and in the ledger."""
    talk.stage.fake.hold()
    task = asyncio.create_task(follow(talk, []))
    await talk.stage.fake.wait_for(lambda _: bool(talk.received) and talk.received[-1].chunks >= 2 * talk.streamed)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await talk.stage.fake.wait_for(lambda _: talk.received[-1].outcome == "client gone", within=GONE_S)
    row = await talk.row()
    assert (row.outcome, row.error) == ("cancelled", "cancelled")


@case(Reply(text=" ".join(["word"] * 50), hold_after=10, chunks=Chunks(size=2)), shows="cancel")
async def test_left_after_some_words(talk: Talk) -> None:
    talk.stage.fake.hold()
    async with asyncio.timeout(10), aclosing(talk.deltas("Hello")) as deltas:
        if talk.streamed:
            async for delta in deltas:
                if isinstance(delta, TextDelta):
                    break
        else:
            waiting = asyncio.ensure_future(anext(deltas))
            await talk.stage.fake.wait_for(lambda _: bool(talk.received))
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
    await talk.stage.fake.wait_for(lambda _: talk.received[-1].outcome == "client gone", within=GONE_S)
    assert (await talk.row()).outcome == "cancelled"
