"""Many sessions, many messages, long messages, deep trees: they work; how fast is a figure of the bench."""

import time
from collections.abc import Callable

import pytest

from hostler.client.sessions.parts import TextPart
from hostler.client.sessions.records import Message
from hostler.client.sessions.requests import Edit, Ending, NewSession, NewTurn, SessionQuery
from hostler.client.sessions.store import Sessions
from hostler.client.sessions.transfer import export_session, import_json, import_markdown
from hostler.client.sessions.writing import Writing
from hostler.system.clock import FakeClock
from hostler.system.store import Connection, Store
from tests.client.sessions.trees import grown

pytestmark = pytest.mark.slow
Note = Callable[[str, object], None]
PARAGRAPH = "The lamp stands where the window was, and nobody asks why. " * 20


def nothing_is_prior(id: str, updated_ms: int) -> bool:
    return False


def fill(store: Store, clock: FakeClock, *, sessions: int, messages: int = 1, deep: bool = True) -> None:
    """Rows without detours."""

    def job(connection: Connection) -> None:
        w = Writing(connection, clock, is_prior=nothing_is_prior)
        for n in range(sessions):
            w.connection.execute(
                "INSERT INTO sessions (id, title, created_ms, updated_ms, pinned, folder) VALUES (?, ?, ?, ?, ?, ?)",
                (f"s{n}", f"Session number {n} about lamps", n, n, n % 1000 == 0, f"f{n % 10}" if n % 3 == 0 else ""),
            )
            for m in range(messages):
                parent = f"s{n}m{m - 1}" if m and deep else None
                parts = (TextPart(text=f"{PARAGRAPH} word{m}"),)
                role = "user" if m % 2 == 0 else "assistant"
                w.insert(
                    Message(
                        id=f"s{n}m{m}",
                        session=f"s{n}",
                        parent=parent,
                        role=role,
                        parts=parts,
                        created=m,
                        order=0 if deep else m,
                    )
                )
            w.set_leaf(f"s{n}", f"s{n}m{messages - 1}")

    store.submit(job).result()


async def test_ten_thousand_sessions(store: Store, sessions: Sessions, clock: FakeClock, record_property: Note) -> None:
    fill(store, clock, sessions=10_000)
    took: dict[str, float] = {}

    async def timed(name: str, query: SessionQuery) -> int:
        best, found = 9.0, 0
        for _ in range(3):
            start = time.perf_counter()
            found = len((await sessions.list(query)).sessions)
            best = min(best, time.perf_counter() - start)
        took[name] = best
        return found

    assert await timed("first page", SessionQuery()) == 50
    assert await timed("500", SessionQuery(limit=500)) == 500
    assert await timed("far page", SessionQuery(before=(5000, "s5000"))) == 50
    assert await timed("folder", SessionQuery(folder="f3")) == 50
    assert await timed("text", SessionQuery(text="number 77")) == 50
    start = time.perf_counter()
    assert len(await sessions.search("lamp window")) == 50
    took["search"] = time.perf_counter() - start
    start = time.perf_counter()
    assert len(await sessions.folders()) == 10
    took["folders"] = time.perf_counter() - start
    record_property("took", {name: f"{seconds * 1000:.1f} ms" for name, seconds in took.items()})
    seen: set[str] = set()
    before, more = None, True
    while more:
        page = await sessions.list(SessionQuery(limit=500, before=before))
        seen |= {each.id for each in page.sessions}
        before, more = (page.sessions[-1].updated, page.sessions[-1].id), page.more
    assert len(seen) == 10_000


async def test_a_session_of_many_messages(
    store: Store, sessions: Sessions, clock: FakeClock, record_property: Note
) -> None:
    fill(store, clock, sessions=1, messages=5000)
    took: dict[str, float] = {}
    start = time.perf_counter()
    assert len((await sessions.get("s0")).messages) == 5000
    took["get 5,000"] = time.perf_counter() - start
    start = time.perf_counter()
    assert len(await sessions.path("s0m4999")) == 5000
    took["path"] = time.perf_counter() - start
    start = time.perf_counter()
    fork = await sessions.fork("s0", "s0m4999", mode="path")
    took["fork"] = time.perf_counter() - start
    start = time.perf_counter()
    begun = await sessions.begin_turn("s0", NewTurn(parent="s0m4999", parts=(TextPart(text="x"),), models=("p/m",)))
    took["turn"] = time.perf_counter() - start
    await sessions.finish(begun.replies[0].id, Ending(state="complete", parts=()))
    start = time.perf_counter()
    assert len(await sessions.delete_message("s0m1")) == 5001
    took["delete"] = time.perf_counter() - start
    assert len(await sessions.restore_message("s0m1")) == 5001
    for format, take in (("json", import_json), ("markdown", import_markdown)):
        file = await export_session(sessions, fork.id, format=format)  # pyright: ignore[reportArgumentType]  # a Format
        (made,) = await take(sessions, file.body)
        assert made.messages == 5000
    start = time.perf_counter()
    await sessions.delete("s0")
    await sessions.sweep(-1)
    took["sweep"] = time.perf_counter() - start
    record_property("took", {name: f"{seconds * 1000:.1f} ms" for name, seconds in took.items()})


async def test_a_message_of_5_mb(sessions: Sessions, record_property: Note) -> None:
    text = (PARAGRAPH * 5000)[: 5 << 20] + " needle at the end"
    session = await sessions.create(NewSession(title="big"))
    took: dict[str, float] = {}
    start = time.perf_counter()
    begun = await sessions.begin_turn(session.id, NewTurn(parent=None, parts=(TextPart(text=text),), models=("p/m",)))
    took["add"] = time.perf_counter() - start
    start = time.perf_counter()
    await sessions.keep_pieces(begun.replies[0].id, grown(text))
    took["flush"] = time.perf_counter() - start
    start = time.perf_counter()
    await sessions.finish(begun.replies[0].id, Ending(state="complete", parts=(TextPart(text=text),)))
    took["finish"] = time.perf_counter() - start
    start = time.perf_counter()
    assert (await sessions.get(session.id)).messages[1].parts == (TextPart(text=text),)
    took["get"] = time.perf_counter() - start
    start = time.perf_counter()
    assert len(await sessions.search("lamp")) == 2
    took["search"] = time.perf_counter() - start
    await sessions.edit(begun.replies[0].id, Edit(parts=(TextPart(text=text),)))
    for format in ("json", "markdown", "html"):
        assert len((await export_session(sessions, session.id, format=format)).body) > 5 << 20  # pyright: ignore[reportArgumentType]  # a Format
    record_property("took", {name: f"{seconds * 1000:.1f} ms" for name, seconds in took.items()})
