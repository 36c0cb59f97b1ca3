"""A process that is killed while it writes: what it told is there, and nothing is there by half."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from hostler.client.sessions.parts import TextPart
from hostler.client.sessions.store import Sessions
from hostler.client.sessions.tables import MIGRATIONS
from hostler.system.store import Store
from tests.client.sessions.conftest import Told

WRITER = """
import asyncio, sys
from pathlib import Path
from hostler.client.sessions.parts import TextPart
from hostler.client.sessions.requests import Ending, NewTurn, Piece
from hostler.client.sessions.store import Sessions
from hostler.client.sessions.tables import MIGRATIONS
from hostler.system.store import Store

async def work():
    store = Store.open(Path(sys.argv[1]), MIGRATIONS)
    sessions = Sessions(store, lambda kind, data: None, started_ms=0)
    session = (await sessions.create()).id
    print(session, flush=True)
    parent = None
    while True:
        turn = NewTurn(parent=parent, parts=(TextPart(text="question"),), models=("p/a", "p/b"))
        begun = await sessions.begin_turn(session, turn)
        for reply in begun.replies:
            await sessions.keep_pieces(reply.id, (Piece(0, "so far", TextPart()),))
        print(begun.replies[0].id, flush=True)
        for reply in begun.replies:
            await sessions.finish(reply.id, Ending(state="complete", parts=(TextPart(text="whole"),)))
        parent = begun.replies[0].id

asyncio.run(work())
"""


def written_until_killed(path: Path, turns: int) -> tuple[str, list[str]]:
    """Let a process write and kill it after so many turns: the session, and the replies whose beginning it told."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        session = child.stdout.readline().strip()
        told = [child.stdout.readline().strip() for _ in range(turns)]
        child.kill()
    return session, told


@pytest.mark.slow
@pytest.mark.parametrize("turns", [1, random.randint(2, 20)], ids=["first", "any"])
async def test_a_killed_process_leaves_whole_turns(tmp_path: Path, turns: int) -> None:
    path = tmp_path / "hostler.db"
    session, told = written_until_killed(path, turns)
    store = Store.open(path, MIGRATIONS)
    try:
        sessions = Sessions(store, Told().publish, started_ms=0)
        await sessions.interrupt_running()
        opened = await sessions.get(session)
        assert set(told) <= {message.id for message in opened.messages}
        asked = [message for message in opened.messages if message.role == "user"]
        for user in asked:
            replies = [message for message in opened.messages if message.parent == user.id and message.model]
            assert [reply.model for reply in replies] == ["p/a", "p/b"]
        assert {message.state for message in opened.messages} <= {"complete", "interrupted"}
        whole = [m for m in opened.messages if m.role == "assistant" and m.state == "complete"]
        assert {m.parts for m in whole} <= {(TextPart(text="whole"),)}
        assert len(whole) >= 2 * (turns - 1), "a turn is told when the one before it has ended"
        assert not opened.session.running
        assert len(await sessions.search("whole", limit=200)) == min(len(whole), 200)
        await store.write(lambda c: c.execute("INSERT INTO message_search (message_search) VALUES ('integrity-check')"))
    finally:
        store.close()
