"""The judge of all events sees what is told, over restarts, and can say no."""

import json
from typing import Any

import pytest

from tests.waiting import wait_until
from tests.web.conftest import Start
from tests.web.judge import Judge, Schemas
from tests.workbench.events import Frame, Reader
from tools.openapi import openapi

DELTA = {"session": "s", "message": "m", "part": 0, "type": "text", "at": 3, "text": "a"}


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas(json.loads(openapi()))


def event(seq: int = 1, kind: str = "message.delta", **changed: object) -> dict[str, Any]:
    return {"seq": seq, "at": 1, "kind": kind, "data": {**DELTA, **changed}}


def test_a_good_event_has_no_complaints(schemas: Schemas) -> None:
    assert schemas.of_event(event()) == []


@pytest.mark.parametrize(
    "bad",
    [event(kind="message.lost"), event(part="0"), event(type="thought"), event(more=1), event(text=None),
     {**event(), "at": "now"}, {**event(), "data": {}}, event(kind="session.deleted")],
)  # fmt: skip
def test_a_bad_one_has(schemas: Schemas, bad: dict[str, Any]) -> None:
    assert schemas.of_event(bad)


def test_snapshots_and_gaps_have_schemas_too(schemas: Schemas) -> None:
    assert schemas.of_frame(Frame("gap", 2, {"first": 1, "last": 2})) == []
    assert schemas.of_frame(Frame("gap", 2, {"first": 1}))
    assert schemas.of_frame(Frame("snapshot", 2, {"seq": 2, "state": {"version": "1"}}))


def test_numbers_that_come_again_are_found(schemas: Schemas) -> None:
    judge = Judge()
    for seq in (1, 2):
        judge._take(Frame("events", seq, [event(seq)]), schemas)
    assert (judge.complaints, judge.kinds["message.delta"]) == ([], 2)
    judge._take(Frame("events", 2, [event(2)]), schemas)
    assert "event 2 came after 2" in judge.complaints


async def test_it_hears_what_happens_and_follows_over_a_kill(start: Start) -> None:
    """Numbers go up over kill -9; what came before is not told again, and a snapshot says how things stand."""
    server = await start()
    judge = server.judge
    assert judge is not None
    for ended, end in enumerate((server.kill, server.stop, server.kill), 1):
        await wait_until(lambda: judge.snapshots == ended)  # noqa: B023  # waited for within the turn
        await server.api("/sessions", {"title": f"number {ended}"})
        await wait_until(lambda: judge.kinds["session.created"] == ended)  # noqa: B023
        before = judge.last
        await end()
        await server.start()
        fresh = await Reader.open(
            server.now.port, since=before, host="localhost", extra=f"Authorization: Bearer {server.token}\r\n"
        )
        gap, snapshot = await fresh.next(), await fresh.next()
        assert gap is not None and snapshot is not None
        assert (gap.name, snapshot.name) == ("gap", "snapshot")
        assert snapshot.id > before
        await fresh.close()
    await wait_until(lambda: judge.snapshots == 4)
    assert judge.complaints == []
