"""Any order of turns, edits, deletions, restores, forks and switches leaves whole trees, and the index in step."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hostler.client.sessions.parts import TextPart
from hostler.client.sessions.records import ForkMode
from hostler.client.sessions.requests import Edit, Ending, NewTurn, SessionChange
from hostler.client.sessions.store import Sessions
from hostler.client.sessions.tables import MIGRATIONS
from hostler.client.sessions.tree import Node, Tree
from hostler.errors import Conflict
from hostler.system.clock import FakeClock
from hostler.system.store import Store
from tests.client.sessions.conftest import Told
from tests.client.sessions.trees import grown

T = TypeVar("T")
picks = st.integers(0, 10**6)


class Trees(RuleBasedStateMachine):
    """One session that is worked on, and its forks."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.open(Path(self.folder.name) / "hostler.db", MIGRATIONS)
        self.clock = FakeClock()
        self.loop = asyncio.new_event_loop()
        self.sessions = Sessions(self.store, Told().publish, started_ms=0, clock=self.clock)
        self.ids = [self.run(self.sessions.create()).id]
        self.deleted: list[str] = []
        self.said = 0

    def teardown(self) -> None:
        self.store.close()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.folder.cleanup()

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.loop.run_until_complete(work)

    def messages(self, pick: int) -> tuple[str, list[str]]:
        session = self.ids[pick % len(self.ids)]
        return session, [message.id for message in self.run(self.sessions.get(session)).messages]

    def text(self) -> tuple[TextPart, ...]:
        self.said += 1
        return (TextPart(text=f"word{self.said}"),)

    @rule(pick=picks, models=st.integers(0, 3), root=st.booleans())
    def turn(self, pick: int, models: int, *, root: bool) -> None:
        session, messages = self.messages(pick)
        parent = messages[pick % len(messages)] if messages and not root else None
        new = NewTurn(parent=parent, parts=self.text(), models=("p/m",) * models)
        for reply in self.run(self.sessions.begin_turn(session, new)).replies:
            self.run(self.sessions.keep_pieces(reply.id, grown("so far")))
            self.run(self.sessions.finish(reply.id, Ending(state="complete", parts=self.text(), finish="length")))

    @rule(pick=picks)
    def edit(self, pick: int) -> None:
        _, messages = self.messages(pick)
        if messages:
            self.run(self.sessions.edit(messages[pick % len(messages)], Edit(parts=self.text())))

    @rule(pick=picks)
    def delete(self, pick: int) -> None:
        _, messages = self.messages(pick)
        if messages:
            self.deleted += self.run(self.sessions.delete_message(messages[pick % len(messages)]))

    @precondition(lambda self: self.deleted)
    @rule(pick=picks)
    def restore(self, pick: int) -> None:
        id = self.deleted[pick % len(self.deleted)]
        try:
            restored = self.run(self.sessions.restore_message(id))
        except Conflict:
            return
        back = {message.id for message in restored}
        self.deleted = [each for each in self.deleted if each not in back]

    @rule(pick=picks)
    def switch(self, pick: int) -> None:
        session, messages = self.messages(pick)
        if messages:
            to = messages[pick % len(messages)]
            leaf = self.run(self.sessions.change(session, SessionChange(leaf=to))).leaf
            assert to in [message.id for message in self.run(self.sessions.path(str(leaf)))]

    @precondition(lambda self: len(self.ids) < 4)
    @rule(pick=picks, mode=st.sampled_from(["path", "branches", "tail"]))
    def fork(self, pick: int, mode: ForkMode) -> None:
        session, messages = self.messages(pick)
        if messages:
            self.ids.append(self.run(self.sessions.fork(session, messages[pick % len(messages)], mode=mode)).id)

    @rule(pick=picks)
    def resume(self, pick: int) -> None:
        _, messages = self.messages(pick)
        replies = [id for id in messages if self.run(self.sessions.message(id)).finish == "length"]
        if replies:
            self.run(self.sessions.resume(replies[pick % len(replies)]))
            self.run(self.sessions.interrupt_running())

    @invariant()
    def the_trees_are_whole(self) -> None:
        if not hasattr(self, "ids"):
            return
        for session in self.ids:
            opened = self.run(self.sessions.get(session))
            tree = Tree(Node(m.id, m.parent, m.order) for m in opened.messages)
            seen: set[str | None] = {None}
            for message in opened.messages:
                assert message.parent in seen, "parents come first"
                seen.add(message.id)
            places = [(message.parent, message.order) for message in opened.messages]
            assert len(set(places)) == len(places)
            assert opened.session.messages == len(opened.messages)
            leaf = opened.session.leaf
            assert (leaf is None) == (not opened.messages)
            assert leaf is None or (leaf in tree and not tree.children(leaf))

    @invariant()
    def every_word_is_found_where_it_is(self) -> None:
        if not getattr(self, "said", 0):
            return
        word = f"word{self.said}"
        there = {
            message.id
            for session in self.ids
            for message in self.run(self.sessions.get(session)).messages
            if message.parts == (TextPart(text=word),)
        }
        assert {hit.message for hit in self.run(self.sessions.search(f'"{word}"')) if hit.message} == there


TestTrees = pytest.mark.slow(Trees.TestCase)
TestTrees.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
