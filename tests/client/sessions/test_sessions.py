"""Sessions through their public door: what is stored, what is told, what is refused."""

from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from hostler.client.sessions.parts import DocumentPart, ImagePart, OriginRecord, ReasoningPart, TextPart
from hostler.client.sessions.records import ErrorRecord, ForkMode, Params, Session, UsageRecord
from hostler.client.sessions.requests import (
    Begun,
    Edit,
    Ending,
    NewSession,
    NewTurn,
    SessionChange,
    SessionQuery,
)
from hostler.client.sessions.store import Sessions
from hostler.client.sessions.tables import MIGRATIONS
from hostler.errors import Conflict, NotFound, RequestError
from hostler.system.clock import FakeClock
from hostler.system.store import Store
from tests.client.sessions.conftest import Told
from tests.client.sessions.trees import grown

WEEK_S = 7 * 24 * 3600
DONE = Ending(state="complete", parts=(TextPart(text="fine"),), finish="stop")


def text(*said: str) -> tuple[TextPart, ...]:
    return tuple(TextPart(text=each) for each in said)


async def turn(sessions: Sessions, session: Session, said: str = "hello", *, parent: str | None = None) -> Begun:
    """A turn that is over."""
    begun = await sessions.begin_turn(session.id, NewTurn(parent=parent, parts=text(said), models=("here/demo",)))
    await sessions.finish(begun.replies[0].id, DONE)
    return begun


async def test_a_turn_is_stored_told_and_ended(sessions: Sessions, told: Told, clock: FakeClock) -> None:
    session = await sessions.create(NewSession(system="be brief", params=Params(temperature=0.5, seed=7)))
    assert (session.title, session.leaf, session.messages, session.prior) == ("", None, 0, False)
    new = NewTurn(
        parent=None, parts=text("Why is the sky\nblue?"), models=("here/a b/c", 'here/"x"'), params=Params(seed=8)
    )
    begun = await sessions.begin_turn(session.id, new)
    assert [reply.order for reply in begun.replies] == [0, 1]
    assert [reply.model for reply in begun.replies] == ["here/a b/c", 'here/"x"']
    assert begun.replies[0].params == Params(temperature=0.5, seed=8)
    assert told.take() == ["session.created"] + ["message.created"] * 3 + ["session.changed"]

    opened = await sessions.get(session.id)
    assert (opened.session.title, opened.session.running, opened.session.messages) == ("Why is the sky", True, 3)
    assert opened.session.leaf == begun.replies[0].id
    assert opened.messages == (begun.user, *begun.replies)

    assert await sessions.keep_pieces(begun.replies[0].id, grown("Beca"))
    assert (await sessions.message(begun.replies[0].id)).parts == text("Beca")
    clock.advance(2)
    opaque = ReasoningPart(
        text="hm", duration_ms=12, opaque=b"\x00sig", origin=OriginRecord(provider="p", wire="anthropic", model="m")
    )
    usage = UsageRecord(input=3, output=5)
    ending = Ending(state="complete", parts=(opaque, *text("Because.")), usage=usage, cost=0.25, cost_state="known")
    done = await sessions.finish(begun.replies[0].id, ending)
    assert done is not None
    assert done.parts[0] == opaque
    assert (done.usage, done.cost, done.cost_state) == (usage, 0.25, "known")
    assert told.take() == ["message.changed", "session.changed"]
    shown = (await sessions.get(session.id)).messages[1]
    assert shown.parts == (ReasoningPart(text="hm", duration_ms=12), *text("Because."))
    assert [m.id for m in await sessions.path(done.id)] == [begun.user.id, done.id]
    assert (await sessions.path(done.id))[1].parts[0] == opaque
    assert not await sessions.keep_pieces(done.id, grown("late"))
    late = await sessions.finish(done.id, msgspec.structs.replace(ending, state="failed"))
    assert late == done


async def test_events_hold_plain_json_and_no_opaque_state(sessions: Sessions, told: Told) -> None:
    session = await sessions.create()
    begun = await turn(sessions, session)
    reply = (await sessions.regenerate(begun.replies[0].id))[0]
    secret = TextPart(text="x", opaque=b"SECRET", origin=OriginRecord(provider="p", wire="gemini", model="m"))
    await sessions.finish(reply.id, Ending(state="complete", parts=(secret,)))
    for kind, data in told:
        written = msgspec.json.encode(data)
        assert b"opaque" not in written
        assert b"origin" not in written
        if kind.startswith("message."):
            assert told.message(data).session == session.id


async def test_what_a_browser_sends_cannot_carry_opaque_state(sessions: Sessions) -> None:
    session = await sessions.create()
    forged = TextPart(text="x", opaque=b"forged", origin=OriginRecord(provider="p", wire="anthropic", model="m"))
    begun = await sessions.begin_turn(session.id, NewTurn(parent=None, parts=(forged,)))
    assert (await sessions.message(begun.user.id)).parts == text("x")


async def test_regenerate_continue_and_edit(sessions: Sessions, told: Told) -> None:
    session = await sessions.create()
    begun = await turn(sessions, session)
    first = begun.replies[0]
    with pytest.raises(Conflict, match="came to its end"):
        await sessions.resume(first.id)
    (second,) = await sessions.regenerate(first.id, models=("other/m",))
    assert (second.parent, second.order, second.state) == (begun.user.id, 1, "streaming")
    assert (await sessions.session(session.id)).model == "here/demo"  # the other one was asked for this answer alone
    with pytest.raises(Conflict, match="still running"):
        await sessions.resume(second.id)
    with pytest.raises(Conflict, match="still running"):
        await sessions.begin_turn(session.id, NewTurn(parent=second.id, parts=text("too early")))
    error = ErrorRecord(code="upstream_broken", message="cut", hint="again")
    failed = await sessions.finish(second.id, Ending(state="failed", parts=text("half"), error=error))
    assert failed is not None
    assert failed.error == error
    told.clear()
    resumed = await sessions.resume(second.id)
    assert (resumed.state, resumed.error, resumed.parts) == ("streaming", None, text("half"))
    assert told.take() == ["message.changed", "session.changed"]
    await sessions.finish(second.id, Ending(state="complete", parts=text("whole"), finish="length"))
    assert (await sessions.resume(second.id)).state == "streaming"
    await sessions.finish(second.id, DONE)

    edited = await sessions.edit(begun.user.id, Edit(parts=text("hi"), models=("here/demo", "other/m")))
    assert (edited.message.edited, edited.message.order, edited.message.parent) == (True, 1, None)
    assert [reply.parent for reply in edited.replies] == [edited.message.id] * 2
    assert (await sessions.session(session.id)).leaf == edited.replies[0].id
    other = await sessions.edit(first.id, Edit(parts=text("my words"), models=("ignored/m",)))
    assert (other.message.role, other.message.order, other.replies) == ("assistant", 2, ())
    assert (await sessions.session(session.id)).leaf == other.message.id
    with pytest.raises(RequestError, match="at most 8"):
        await sessions.regenerate(first.id, models=("m",) * 9)


async def test_a_switch_goes_where_the_person_was_last(sessions: Sessions) -> None:
    session = await sessions.create()
    begun = await turn(sessions, session)
    old = await turn(sessions, session, "more", parent=begun.replies[0].id)
    newer = await turn(sessions, session, "else", parent=begun.replies[0].id)
    other = await turn(sessions, session, "another beginning")
    assert (await sessions.session(session.id)).leaf == other.replies[0].id
    changed = await sessions.change(session.id, SessionChange(leaf=begun.user.id))
    assert changed.leaf == newer.replies[0].id
    assert (await sessions.change(session.id, SessionChange(leaf=old.user.id))).leaf == old.replies[0].id
    await sessions.change(session.id, SessionChange(leaf=other.user.id))
    assert (await sessions.change(session.id, SessionChange(leaf=begun.user.id))).leaf == old.replies[0].id
    with pytest.raises(NotFound):
        await sessions.change(session.id, SessionChange(leaf="m_none"))


async def test_delete_and_restore_a_subtree(sessions: Sessions, told: Told) -> None:
    session = await sessions.create()
    begun = await turn(sessions, session)
    more = await turn(sessions, session, "more", parent=begun.replies[0].id)
    told.clear()
    assert await sessions.delete_message(more.replies[0].id) == (more.replies[0].id,)
    assert (await sessions.session(session.id)).leaf == more.user.id
    assert await sessions.delete_message(begun.user.id) == (begun.user.id, begun.replies[0].id, more.user.id)
    assert told.take() == ["message.deleted", "session.changed"] * 2
    empty = await sessions.get(session.id)
    assert (empty.messages, empty.session.leaf, empty.session.messages) == ((), None, 0)
    with pytest.raises(NotFound):
        await sessions.message(more.user.id)
    with pytest.raises(Conflict, match="deleted too"):
        await sessions.restore_message(more.replies[0].id)
    restored = await sessions.restore_message(more.user.id)
    assert [m.id for m in restored] == [begun.user.id, begun.replies[0].id, more.user.id]
    assert told.take() == ["message.restored", "session.changed"]
    assert (await sessions.session(session.id)).leaf == more.user.id
    assert [m.id for m in await sessions.restore_message(more.replies[0].id)] == [more.replies[0].id]
    assert await sessions.restore_message(more.replies[0].id) == ()
    with pytest.raises(NotFound):
        await sessions.restore_message("m_none")
    running = await sessions.regenerate(begun.replies[0].id)
    with pytest.raises(Conflict, match="still running"):
        await sessions.delete_message(begun.user.id)
    await sessions.finish(running[0].id, DONE)
    await sessions.delete_message(begun.user.id)


async def test_what_is_deleted_while_it_runs_ends_in_silence(sessions: Sessions, told: Told) -> None:
    session = await sessions.create()
    begun = await sessions.begin_turn(session.id, NewTurn(parent=None, parts=text("x"), models=("here/demo",)))
    await sessions.delete(session.id)
    told.clear()
    assert await sessions.keep_pieces(begun.replies[0].id, grown("a"))
    assert await sessions.finish(begun.replies[0].id, DONE) is None
    assert told.take() == []
    restored = await sessions.restore(session.id)
    assert not restored.running
    assert told.take() == ["session.created"]
    assert (await sessions.get(session.id)).messages[1].parts == text("fine")


async def test_sessions_are_listed_pinned_first_then_newest(sessions: Sessions, clock: FakeClock) -> None:
    made: list[Session] = []
    for n in range(7):
        clock.advance(1)
        made.append(await sessions.create(NewSession(title=f"Nr. {n} ünter", folder="a/b 'c'" if n % 2 else "")))
    await sessions.change(made[1].id, SessionChange(pinned=True))
    await sessions.change(made[4].id, SessionChange(pinned=True))
    seen: list[str] = []
    before, more = None, True
    while more:
        page = await sessions.list(SessionQuery(limit=2, before=before))
        seen += [each.id for each in page.sessions]
        before, more = (page.sessions[-1].updated, page.sessions[-1].id), page.more
    assert seen == [made[n].id for n in (4, 1, 6, 5, 3, 2, 0)]
    inside = await sessions.list(SessionQuery(folder="a/b 'c'"))
    assert [each.id for each in inside.sessions] == [made[n].id for n in (1, 5, 3)]
    for asked in ("unter 4", "NR. 4", "r. 4 ü", "Nr.%4", '4"'):
        found = [each.id for each in (await sessions.list(SessionQuery(text=asked))).sessions]
        assert found == [made[4].id], asked
    assert [(f.name, f.sessions) for f in await sessions.folders()] == [("a/b 'c'", 3)]
    await sessions.delete(made[4].id)
    assert len((await sessions.list()).sessions) == 6
    with pytest.raises(NotFound):
        await sessions.get(made[4].id)


async def test_an_older_session_is_prior_until_it_is_gone_on_with(
    store: Store, sessions: Sessions, told: Told, clock: FakeClock
) -> None:
    session, other = await sessions.create(), await sessions.create()
    clock.advance(10)
    later = Sessions(store, told.publish, started_ms=clock.time_ns() // 1_000_000, clock=clock)
    await later.interrupt_running()
    assert [each.prior for each in (await later.list()).sessions] == [True, True]
    assert (await later.change(session.id, SessionChange(title="named"))).prior
    assert not (await later.change(session.id, SessionChange(prior=False))).prior
    await turn(later, other)
    assert [each.prior for each in (await later.list()).sessions] == [False, False]


async def test_changes_are_checked(sessions: Sessions) -> None:
    session = await sessions.create(NewSession(title="  two\n lines\x00 "))
    assert session.title == "two lines"
    changed = await sessions.change(
        session.id, SessionChange(model="p/a/b", system="s", params=Params(stop=("x",)), folder="f")
    )
    assert (changed.model, changed.system, changed.params.stop, changed.title) == ("p/a/b", "s", ("x",), "two lines")
    with pytest.raises(RequestError, match="at most 200"):
        await sessions.change(session.id, SessionChange(title="x" * 201))
    with pytest.raises(NotFound):
        await sessions.change("s_none", SessionChange(title="x"))
    assert msgspec.json.decode(b"{}", type=SessionChange).title is UNSET


@pytest.mark.parametrize(
    ("mode", "kept"), [("path", ["q1", "fine", "q2"]), ("branches", ["q1", "fine", "q2", "fine", "q3", "fine"])]
)
async def test_a_fork_takes_its_part_along(sessions: Sessions, told: Told, mode: ForkMode, kept: list[str]) -> None:
    session = await sessions.create(NewSession(model="p/m", system="s", folder="f", params=Params(seed=1)))
    begun = await turn(sessions, session, "q1")
    second = await turn(sessions, session, "q2", parent=begun.replies[0].id)
    await turn(sessions, session, "q3", parent=begun.replies[0].id)
    await turn(sessions, session, "elsewhere")
    told.clear()
    fork = await sessions.fork(session.id, second.user.id, mode=mode)
    assert told.take() == ["session.created"]
    assert fork.forked_from is not None
    assert (fork.forked_from.session, fork.forked_from.message) == (session.id, second.user.id)
    assert (fork.title, fork.system, fork.params, fork.folder) == ("q1", "s", Params(seed=1), "f")
    copies = await sessions.get(fork.id)
    assert [m.parts[0].text for m in copies.messages if isinstance(m.parts[0], TextPart)] == kept
    assert copies.session.messages == len(kept)
    path = await sessions.path(str(fork.leaf))
    assert [m.parts for m in path][:3] == [text("q1"), text("fine"), text("q2")]
    assert (await sessions.get(session.id)).session.messages == 8


async def test_a_tail_fork_begins_with_its_message(sessions: Sessions) -> None:
    session = await sessions.create()
    begun = await turn(sessions, session, "q1")
    running = await sessions.begin_turn(
        session.id, NewTurn(parent=begun.replies[0].id, parts=text("q2"), models=("p/m",))
    )
    await sessions.keep_pieces(running.replies[0].id, grown("so far"))
    fork = await sessions.fork(session.id, begun.replies[0].id, mode="tail")
    copies = (await sessions.get(fork.id)).messages
    assert [(m.role, m.parent is None, m.state) for m in copies] == [
        ("assistant", True, "complete"),
        ("user", False, "complete"),
        ("assistant", False, "interrupted"),
    ]
    assert fork.leaf == copies[2].id
    with pytest.raises(RequestError, match="Nothing stands before"):
        await sessions.regenerate(copies[0].id)
    with pytest.raises(NotFound):
        await sessions.fork(session.id, "m_none", mode="path")


async def test_a_restart_interrupts_what_ran(store: Store, sessions: Sessions, told: Told, tmp_path: Path) -> None:
    session = await sessions.create()
    begun = await sessions.begin_turn(session.id, NewTurn(parent=None, parts=text("x"), models=("a/b", "c/d")))
    await sessions.keep_pieces(begun.replies[1].id, grown("needle so far"))
    store.close()
    again = Store.open(tmp_path / "hostler.db", MIGRATIONS)
    try:
        later = Sessions(again, told.publish, started_ms=0)
        told.clear()
        assert await later.interrupt_running() == tuple(reply.id for reply in begun.replies)
        assert told.take() == ["message.changed", "message.changed", "session.changed"]
        assert [m.state for m in (await later.get(session.id)).messages] == ["complete", "interrupted", "interrupted"]
        assert [hit.message for hit in await later.search("needle")] == [begun.replies[1].id]
        assert await later.interrupt_running() == ()
    finally:
        again.close()


async def test_the_sweep_takes_what_was_deleted_a_week_ago(sessions: Sessions, store: Store, clock: FakeClock) -> None:
    session, gone = await sessions.create(), await sessions.create(NewSession(title="needle"))
    begun = await turn(sessions, session)
    more = await turn(sessions, session, "needle", parent=begun.replies[0].id)
    lost = await turn(sessions, gone, "needle")
    for n in range(30):
        await turn(sessions, gone, f"n {n}", parent=lost.replies[0].id)
    clock.advance(100)
    await sessions.delete_message(more.replies[0].id)
    clock.set_wall(clock.time_ns() - 50 * 10**9)  # put back in between
    await sessions.delete_message(more.user.id)
    await sessions.delete(gone.id)
    await sessions.sweep()
    assert len(await sessions.restore_message(more.user.id)) == 1
    await sessions.delete_message(more.user.id)
    clock.advance(WEEK_S + 20)
    await sessions.sweep()
    with pytest.raises(NotFound):
        await sessions.restore(gone.id)
    assert store.query("SELECT count(*) FROM messages") == [(4,)]  # the clock that went back keeps them a while longer
    clock.advance(60)
    await sessions.sweep()
    assert store.query("SELECT count(*) FROM messages") == [(2,)]
    assert await sessions.search("needle") == ()
    for table in ("message_search", "title_search"):
        await store.write(lambda c, t=table: c.execute(f"INSERT INTO {t} ({t}) VALUES ('integrity-check')"))


async def test_a_job_that_fails_leaves_and_tells_nothing(store: Store, sessions: Sessions, told: Told) -> None:
    session = await sessions.create()
    told.clear()
    with pytest.raises(RequestError):
        await sessions.begin_turn(session.id, NewTurn(parent=None, parts=text("x"), models=("m",) * 9))
    # the person's message is stored, then the second reply finds its place taken
    await store.write(
        lambda c: c.execute(
            "CREATE TRIGGER full AFTER INSERT ON messages WHEN new.model = 'p/2' BEGIN SELECT raise(ABORT, 'no'); END"
        )
    )
    with pytest.raises(Exception, match="no"):
        await sessions.begin_turn(session.id, NewTurn(parent=None, parts=text("x"), models=("p/1", "p/2")))
    assert told.take() == []
    opened = await sessions.get(session.id)
    assert (opened.messages, opened.session) == ((), session)


async def test_images_and_documents_are_kept(sessions: Sessions) -> None:
    session = await sessions.create()
    parts = (ImagePart(media_type="image/png", data="aGk=", name='a/b".png'), DocumentPart(name="'log'", text="needle"))
    begun = await sessions.begin_turn(session.id, NewTurn(parent=None, parts=parts))
    assert (await sessions.get(session.id)).messages[0].parts == parts
    assert [hit.message for hit in await sessions.search("needle")] == [None, begun.user.id]
    assert (await sessions.session(session.id)).title == "needle"
