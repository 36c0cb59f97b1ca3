"""What running replies have become is kept piece by piece, and is whole whoever reads it."""

import pytest

from hostler.client.sessions.parts import (
    DocumentPart,
    OriginRecord,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    public,
)
from hostler.client.sessions.records import Message
from hostler.client.sessions.requests import Ending, NewTurn, Piece
from hostler.client.sessions.store import Sessions
from hostler.client.sessions.tokens import MARK, parted
from hostler.system.store import Store
from tests.client.sessions.conftest import Told
from tests.client.sessions.trees import grown

ORIGIN = OriginRecord(provider="p", wire="anthropic", model="m")
NASTY = 'a "quoted" \\ line\nand\x00 \x1f é 日本語 🐴 \u2028'
LONG = 'Grüße – „long“, 日本語。 \\ "x"\n' * 20_000


async def running(sessions: Sessions) -> Message:
    session = await sessions.create()
    turn = NewTurn(parent=None, parts=(TextPart(text="go"),), models=("p/m",))
    return (await sessions.begin_turn(session.id, turn)).replies[0]


def rows(store: Store) -> list[int]:
    """The characters of each piece that is kept."""
    return [len(str(text)) for (text,) in store.query("SELECT text FROM reply_pieces ORDER BY part, number")]


async def test_pieces_of_all_kinds_make_the_parts(sessions: Sessions) -> None:
    reply = await running(sessions)
    assert (await sessions.message(reply.id)).parts == ()
    whole = DocumentPart(name="x", text="whole as it came")
    first = (
        Piece(0, "Hm", ReasoningPart(origin=ORIGIN)),
        Piece(1, "On", TextPart(origin=ORIGIN)),
        Piece(2, "", whole),
        Piece(3, "{", ToolCallPart(id="c", name="f", custom=True, origin=ORIGIN)),
    )
    assert await sessions.keep_pieces(reply.id, first)
    sealed = ReasoningPart(duration_ms=7, origin=ORIGIN, opaque=b"\x00sig")
    assert await sessions.keep_pieces(reply.id, (Piece(0, ".", sealed), Piece(1, NASTY), Piece(3, "}")))
    assert await sessions.keep_pieces(reply.id, (Piece(1, " end"), Piece(11, "no", RefusalPart())))
    parts: tuple[Part, ...] = (
        ReasoningPart(text="Hm.", duration_ms=7, origin=ORIGIN, opaque=b"\x00sig"),
        TextPart(text=f"On{NASTY} end", origin=ORIGIN),
        whole,
        ToolCallPart(id="c", name="f", arguments="{}", custom=True, origin=ORIGIN),
        RefusalPart(text="no"),
    )
    assert (await sessions.message(reply.id)).parts == parts
    assert (await sessions.get(reply.session)).messages[1].parts == public(parts)
    fork = await sessions.fork(reply.session, reply.id, mode="path")
    assert (await sessions.path(str(fork.leaf)))[1].parts == parts


async def test_each_time_writes_what_came_and_the_end_takes_the_pieces_away(sessions: Sessions, store: Store) -> None:
    reply = await running(sessions)
    await sessions.keep_pieces(reply.id, grown("a" * 1000))
    await sessions.keep_pieces(reply.id, (Piece(0, "b"),))
    await sessions.keep_pieces(reply.id, (Piece(0, "c" * 10),))
    assert rows(store) == [1000, 1, 10]
    whole = (TextPart(text="another"),)
    await sessions.finish(reply.id, Ending(state="complete", parts=whole, finish="length"))
    assert (await sessions.message(reply.id)).parts == whole
    assert rows(store) == []
    resumed = await sessions.resume(reply.id)
    assert resumed.parts == whole
    await sessions.keep_pieces(reply.id, grown("another one"))
    assert (await sessions.message(reply.id)).parts == (TextPart(text="another one"),)
    assert await sessions.interrupt_running() == (reply.id,)
    assert (await sessions.message(reply.id)).parts == (TextPart(text="another one"),)
    assert rows(store) == []
    assert [hit.message for hit in await sessions.search("another one")] == [reply.id]


@pytest.mark.slow
async def test_a_long_reply_is_told_kept_and_read_whole(sessions: Sessions, store: Store, told: Told) -> None:
    reply = await running(sessions)
    await sessions.keep_pieces(reply.id, grown(LONG))
    assert max(rows(store)) < len(LONG) / 3, "no row is long to write"
    assert (await sessions.message(reply.id)).parts == (TextPart(text=LONG),)
    parts = (
        ReasoningPart(text=LONG, origin=ORIGIN, opaque=b"s" * 300_000),
        ToolCallPart(id="c", name="f", arguments=LONG, custom=True),
        ToolResultPart(call_id="c", name="f", text=LONG),
        TextPart(text=LONG),
    )
    await sessions.finish(reply.id, Ending(state="complete", parts=parts))
    assert (await sessions.message(reply.id)).parts == parts
    assert (await sessions.get(reply.session)).messages[1].parts == public(parts)
    (changed,) = [data for kind, data in told if kind == "message.changed"]
    assert Told.message(changed).parts == public(parts)


@pytest.mark.parametrize(
    "unit", ["日本語のテキスト。", "cafe\u0301 im Bau ", "한국어 ", "\u1112\u1161\u11ab ", "か\u3099"]
)
def test_a_long_text_is_parted_as_its_pieces_are(unit: str) -> None:
    count = 20_000 // len(unit)
    assert parted(unit * count).replace(MARK * 2, MARK) == (parted(unit) * count).replace(MARK * 2, MARK)
