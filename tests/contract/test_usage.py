"""Counts: five that do not overlap, whatever each vendor's own inclusion rule; and what is marked to be cached."""

from collections.abc import Mapping

from hostler.core.messages import Message, Text
from hostler.core.tools import Tool
from hostler.core.usage import UNKNOWN, Usage
from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.providers.fake.script import Counts, Framing, Reply
from tests.contract.case import Place, case
from tests.contract.talk import Talk, user

COUNTS = Counts(input=11, cache_read=7, cache_write=5, output=3, reasoning=2)
ALL = Usage(input=11, cache_read=7, cache_write=5, output=3, reasoning=2)
TOLD: Mapping[Wire, Usage] = {
    OPENAI_CHAT: ALL,
    OPENAI_RESPONSES: ALL,
    ANTHROPIC: ALL,
    GEMINI: Usage(input=16, cache_read=7, output=3, reasoning=2),  # it does not say what went into the cache
    OLLAMA: Usage(input=23, output=5),  # two sums are all that it says
    DASHSCOPE: ALL,
}

MARKED: Mapping[Wire, tuple[int, int]] = {ANTHROPIC: (3, 1), DASHSCOPE: (3, 0)}
"""Wires with marks: how many of three arrive, and how many of those for an hour."""


def is_told(usage: Usage, told: Usage) -> bool:
    """Whether the counts are those, where one that is not told may be none or 0."""
    return tuple(count or 0 for count in usage[:5]) == tuple(count or 0 for count in told[:5])


@case(Reply(text="Counted.", usage=COUNTS), shows="cache counts")
async def test_each_count_in_its_place(talk: Talk) -> None:
    usage = (await talk.ask("Count.")).usage
    assert is_told(usage, TOLD[talk.wire])
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (23, 5, 28)
    assert usage.cost is None


@case(
    Reply(text="Counted now.", usage=COUNTS, cost=0.25), shows="cache counts",
    at={
        OPENAI_CHAT: Place(provider="deepseek", dialect="deepseek"),
        OPENAI_RESPONSES: Place(dialect="xai"),
        DASHSCOPE: Place(dialect="dashscope-cumulative"),
        OLLAMA: Place(dialect="ollama"),
    },
)  # fmt: skip
async def test_counts_of_vendors(talk: Talk) -> None:
    """Told as hits and misses, with a price beside them, or with every piece: once is what counts."""
    usage = (await talk.ask("Count.")).usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (23, 5)
    assert usage.cache_read == TOLD[talk.wire].cache_read and usage.reasoning == TOLD[talk.wire].reasoning
    assert usage.cost == (0.25 if talk.wire == OPENAI_RESPONSES else None)


@case(Reply(text="Counted and counted.", usage=COUNTS, framing=Framing(usage="twice")), shows="cache counts")
async def test_counts_that_come_twice(talk: Talk) -> None:
    assert is_told((await talk.ask("Count.")).usage, TOLD[talk.wire])


@case(Reply(text="Counted and counted.", usage=COUNTS, framing=Framing(usage="every")), shows="cache counts")
async def test_counts_with_every_piece(talk: Talk) -> None:
    assert is_told((await talk.ask("Count.")).usage, TOLD[talk.wire])


@case(Reply(text="Who counts?", framing=Framing(usage="never")), shows="cache counts")
async def test_counts_that_are_not_told(talk: Talk) -> None:
    """Unknown is unknown, and not 0."""
    assert (await talk.ask("Count.")).usage == UNKNOWN


@case(Reply(text="Nothing.", usage=Counts(input=0, output=0)), shows="cache counts")
async def test_nothing_counted(talk: Talk) -> None:
    assert (await talk.ask("Count.")).usage.total_tokens == 0


@case(Reply(text="Kept."), shows="cache counts")
async def test_marks_for_the_cache(talk: Talk) -> None:
    """At most four reach who has marks, the last ones; the others name what they leave out."""
    parts = [Text(text=f"Part {n}.", cache="5m") for n in range(6)]
    tool = Tool(name="clock", parameters={"type": "object", "properties": {}}, cache="5m")
    history = [Message("system", (Text(text="Long.", cache="1h"),)), user(*parts)]
    assert (await talk.ask(history, tools=[tool])).text == "Kept."
    assert talk.sent.count('"cache_control"') == (4 if talk.wire in MARKED else 0)
    assert {"messages[].cache_control", "tools[].cache_control"} <= await talk.dropped()
    assert all(f"Part {n}." in talk.sent for n in range(6))


@case(Reply(text="Kept."), shows="cache counts")
async def test_marks_of_an_hour(talk: Talk) -> None:
    """They stand before those of five minutes, or nowhere."""
    history = [
        Message("system", (Text(text="Long.", cache="1h"),)),
        user(Text(text="Short.", cache="5m"), Text(text="Long again.", cache="1h")),
    ]
    assert (await talk.ask(history)).text == "Kept."
    assert (talk.sent.count('"cache_control"'), talk.sent.count('"1h"')) == MARKED.get(talk.wire, (0, 0))
    assert "messages[].cache_control" in await talk.dropped()


@case(Reply(text="Written.", usage=COUNTS), shows="cache counts")
async def test_the_ledger_has_the_same(talk: Talk) -> None:
    usage = (await talk.ask("Count.")).usage
    row = await talk.row()
    assert (row.input, row.cache_read, row.cache_write, row.output, row.reasoning) == usage[:5]
    assert (row.status, row.outcome, row.attempts, row.error) == (200, "ok", 1, None)
