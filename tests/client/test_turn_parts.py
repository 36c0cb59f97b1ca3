"""A running reply's parts: the same as core's fold makes of the deltas, and news that add up to them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.client.sessions.parts import (
    OriginRecord,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    from_core,
    public,
)
from hostler.client.sessions.records import UsageRecord
from hostler.client.sessions.requests import Piece
from hostler.client.turn_parts import News, ReplyParts, total, utf16_units
from hostler.core.deltas import (
    Delta,
    Failed,
    Finished,
    PartEnded,
    ReasoningDelta,
    ReasoningSealed,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageDelta,
    fold,
)
from hostler.core.messages import Origin
from hostler.core.usage import Usage
from hostler.errors import UpstreamBroken
from hostler.system.clock import FakeClock

ORIGIN = OriginRecord(provider="vendor", wire="openai-chat", model="m")


def parts_of(*deltas: Delta, before: tuple[TextPart | ReasoningPart | ToolCallPart, ...] = ()) -> ReplyParts:
    parts = ReplyParts(ORIGIN, FakeClock(), before=before)
    for delta in deltas:
        parts.add(delta)
    return parts


def test_text_grows_one_part_and_news_say_where() -> None:
    parts = parts_of(Started("1", "m"), TextDelta(""), TextDelta("Hel"), TextDelta("lo"))
    assert parts.take_news() == [News(0, "text", 0, "Hello")]
    assert parts.take_news() == []
    parts.add(TextDelta(" 🐴"))
    parts.add(TextDelta("!"))
    assert public(parts.parts()) == (TextPart(text="Hello 🐴!"),)
    assert parts.take_news() == [News(0, "text", 5, " 🐴!")]
    parts.add(TextDelta("."))
    assert parts.take_news() == [News(0, "text", 9, ".")], "a horse is two code units in a browser"
    assert not parts.changed


def test_thinking_has_its_duration_once_it_is_over() -> None:
    clock = FakeClock()
    parts = ReplyParts(ORIGIN, clock)
    parts.add(ReasoningDelta("Let me see."))
    clock.advance(1.5)
    assert public(parts.parts()) == (ReasoningPart(text="Let me see."),)
    assert not parts.changed
    parts.add(TextDelta("Yes."))
    assert parts.changed
    assert public(parts.parts()) == (ReasoningPart(text="Let me see.", duration_ms=1500), TextPart(text="Yes."))
    assert parts.take_news() == [News(0, "reasoning", 0, "Let me see."), News(1, "text", 0, "Yes.")]
    assert parts.first_at == 1000.0


def test_a_sealed_block_keeps_its_bytes_and_origin() -> None:
    (part,) = parts_of(ReasoningDelta("Hm."), ReasoningSealed(b'{"x":1}')).parts()
    assert part == ReasoningPart(text="Hm.", duration_ms=0, opaque=b'{"x":1}', origin=ORIGIN)
    (hidden,) = parts_of(ReasoningSealed(b"{}", redacted=True)).parts()
    assert hidden == ReasoningPart(redacted=True, duration_ms=0, opaque=b"{}", origin=ORIGIN)


def test_calls_are_told_as_a_whole() -> None:
    parts = parts_of(TextDelta("a"), ToolCallStarted(0, "c", "f"), ToolCallDelta(0, "{"), ToolCallDelta(0, "}"))
    assert parts.changed
    parts.changed = False
    assert public(parts.parts())[1] == ToolCallPart(id="c", name="f", arguments="{}")
    parts.add(ToolCallEnded(0))
    assert parts.changed


def test_what_was_left_is_gone_on_with() -> None:
    before = (ReasoningPart(text="Hm.", duration_ms=3), TextPart(text="One 🐴", opaque=b"sealed"))
    parts = parts_of(TextDelta(" two"), before=before)
    assert parts.take_news() == [News(1, "text", 6, " two")]
    assert public(parts.parts()) == (before[0], TextPart(text="One 🐴 two"))
    assert parts.parts()[1] == TextPart(text="One 🐴 two", origin=ORIGIN), "what was sealed has changed"


def test_new_thinking_comes_behind_but_its_text_goes_where_the_text_was() -> None:
    parts = parts_of(ReasoningDelta("Where was I?"), TextDelta(" two"), before=(TextPart(text="One"),))
    assert public(parts.parts()) == (TextPart(text="One two"), ReasoningPart(text="Where was I?", duration_ms=0))


def test_usage_finish_and_failure() -> None:
    parts = parts_of(UsageDelta(Usage(input=3)), UsageDelta(Usage(output=2)), Finished("length"))
    assert (parts.usage, parts.finish) == (Usage(input=3, output=2), "length")
    with pytest.raises(UpstreamBroken):
        parts.add(Failed(UpstreamBroken("it broke")))
    assert total([Usage(input=1), Usage(input=2, output=3)]) == UsageRecord(input=3, output=3)


def test_what_is_to_be_kept_is_only_what_came_since() -> None:
    parts = parts_of(ReasoningDelta("Hm."), TextDelta("One"), ToolCallStarted(0, "c", "f"), ToolCallDelta(0, "{"))
    parts.take_news()
    assert parts.take_unkept() == [
        Piece(0, "Hm.", ReasoningPart(duration_ms=0, origin=ORIGIN)),
        Piece(1, "One", TextPart(origin=ORIGIN)),
        Piece(2, "{", ToolCallPart(id="c", name="f", origin=ORIGIN)),
    ]
    assert parts.take_unkept() == []
    parts.add(ToolCallDelta(0, "}"))
    assert parts.take_unkept() == [Piece(2, "}")]
    parts.add(TextDelta("two"))
    assert parts.take_unkept() == [Piece(3, "two", TextPart(origin=ORIGIN))]
    parts.add(TextDelta(" three"))
    assert parts.take_unkept() == [Piece(3, " three")], "also what nobody was told yet"
    assert parts.take_news() == [News(3, "text", 0, "two three")]


LEFT = (TextPart(text="left "), ReasoningPart(text="hm", opaque=b"raw"), RefusalPart(text="no"))
TEXTS = st.text(max_size=5)
DELTAS = st.one_of(
    TEXTS.map(TextDelta),
    TEXTS.map(ReasoningDelta),
    TEXTS.map(RefusalDelta),
    st.just(PartEnded()),
    st.just(PartEnded(b"raw")),
    st.just(ReasoningSealed(b"raw")),
    st.just(None),
)


@pytest.mark.slow
@given(st.lists(DELTAS, max_size=30), st.sets(st.integers(0, 30)), st.sampled_from([(), LEFT]))
def test_what_was_kept_from_time_to_time_is_the_whole(
    deltas: list[Delta | None], kept: set[int], before: tuple[Part, ...]
) -> None:
    """None: a frame is told; `kept`: after which of them it is kept; `before`: an earlier run left it."""
    parts = ReplyParts(ORIGIN, FakeClock(), before=before)
    records: dict[int, Part] = {}
    texts: dict[int, str] = {}

    def keep() -> None:
        for piece in parts.take_unkept():
            if piece.record is not None:
                records[piece.part] = piece.record
            texts[piece.part] = texts.get(piece.part, "") + piece.text

    for number, delta in enumerate(deltas):
        if delta is None:
            parts.take_news()
        else:
            parts.add(delta)
        if number in kept:
            keep()
    parts.close()
    keep()
    whole = [
        msgspec.structs.replace(record, text=texts[part]) if texts[part] else record
        for part, record in sorted(records.items())
    ]
    assert tuple(whole) == parts.parts()


@pytest.mark.slow
@given(st.lists(DELTAS, max_size=30), st.text(max_size=5))
def test_parts_are_what_core_folds_and_news_add_up(deltas: list[Delta | None], left: str) -> None:
    """None: somebody looks."""
    parts = ReplyParts(ORIGIN, FakeClock())
    said = [delta for delta in deltas if delta is not None and getattr(delta, "text", "x")]
    told: dict[int, str] = {}
    for delta in [*deltas, TextDelta(left), None]:
        if delta is not None:
            parts.add(delta)
            continue
        parts.parts()
        for news in parts.take_news():
            assert news.at == utf16_units(told.get(news.part, "")) and news.text
            told[news.part] = told.get(news.part, "") + news.text
    parts.close()
    expected = fold(said + [TextDelta(left)] * bool(left), Origin("vendor", "openai-chat", "m"))
    assert without_duration(parts) == from_core(expected.parts)
    for index, part in enumerate(parts.parts()):
        if isinstance(part, TextPart | ReasoningPart):
            assert told.get(index, "") == part.text


def without_duration(parts: ReplyParts) -> tuple[object, ...]:
    return tuple(
        ReasoningPart(text=p.text, redacted=p.redacted, origin=p.origin, opaque=p.opaque)
        if isinstance(p, ReasoningPart)
        else p
        for p in parts.parts()
    )
