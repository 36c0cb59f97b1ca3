"""A call under way: begins at once, ends once, and gives everything back whatever happens in whichever turn."""

import asyncio
import gc
from collections.abc import Callable

import pytest

from hostler.errors import (
    EngineCrashed,
    EngineFailed,
    HostlerError,
    ProviderNotReady,
    QueueFull,
    StorageError,
    UpstreamBroken,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from hostler.routing.health import FAILURES
from hostler.routing.lanes import LocalLanes
from tests.routing.stage import ASK, Bug, Stage, engine, turns, vendor

NOTHING = (0, 0, 0)
STEPS = ("attempt", "begin", "acquire_nowait", "take_nowait", "message", "send")
"""Those of a call to a vendor that has a kept connection, up to the request; all within `start`."""


def is_cancelled(stage: Stage) -> bool:
    """Whether the call ended once, as cancelled, with one line in the ledger and nothing left out."""
    (reason,) = stage.ends
    assert stage.outcomes == [(stage.outlet.attempts[-1].number, "cancelled", True)]
    assert (stage.ledger.ends[-1].status, stage.ledger.ends[-1].error) == (499, "cancelled")
    assert stage.outlet.errors == [], "nobody is there to hear of it"
    return isinstance(reason, asyncio.CancelledError) and stage.held == NOTHING and stage.running.ended


# how it begins


async def test_it_begins_in_the_callers_turn_and_ends_in_the_answers() -> None:
    stage = Stage()
    stage.entrance.kept = 1
    stage.begin(vendor())
    assert stage.line.sent == [ASK] and stage.held == (1, 0, 1)
    assert stage.ends == [] and stage.ledger.begun == [("call", 1)]
    stage.line.answer()
    assert stage.ends == [None] and stage.held == NOTHING and stage.outcomes == [(1, "ok", True)]


async def test_so_does_a_call_to_an_engine_that_is_ready() -> None:
    stage = Stage()
    stage.entrance.kept = 1
    stage.begin(engine())
    assert stage.line.sent == [ASK] and stage.held == (1, 1, 1)
    stage.line.answer()
    assert stage.ends == [None] and stage.held == NOTHING and stage.outcomes == [(1, "ok", True)]
    assert (stage.slots.given_back, stage.engines.given_back) == (1, 1)


async def test_what_is_not_there_at_once_is_waited_for_in_its_order() -> None:
    stage = Stage()
    stage.slots.free = stage.engines.free = False
    stage.begin(engine())
    await turns(1)
    assert (stage.slots.waiting, stage.engines.waiting, stage.entrance.desk.waiting) == (1, 0, 0)
    stage.slots.grant()
    await turns(3)
    assert (stage.engines.waiting, stage.entrance.desk.waiting) == (1, 0)
    stage.engines.grant()
    await turns(2)
    line = await stage.connected()
    assert line.sent == [ASK] and stage.held == (1, 1, 1)
    line.answer()
    assert stage.ends == [None] and stage.held == NOTHING


async def test_the_ill_come_last() -> None:
    stage = Stage()
    stage.entrance.kept = 1
    running = stage.prepare(vendor("a"), vendor("b"))
    loop = asyncio.get_running_loop()
    for _ in range(FAILURES):
        stage.health.note_failure("a", loop.time())
    running.start()
    assert stage.outlet.attempts[0].candidate.provider.id == "b"
    stage.running.cancel()


# how it ends


@pytest.mark.parametrize("target", ["vendor", "engine"])
@pytest.mark.parametrize("ending", ["good", "failed", "cancelled", "bug"])
async def test_it_ends_once_whatever_comes_after(ending: str, target: str) -> None:
    stage = Stage("good end" if ending == "bug" else "")
    stage.entrance.kept = 1
    stage.cancels_at_end = True
    running = stage.begin(vendor() if target == "vendor" else engine())
    endings: dict[str, Callable[[], None]] = {
        "good": stage.line.answer,
        "failed": lambda: stage.line.answer(400),
        "cancelled": running.cancel,
        "bug": stage.line.answer,
    }
    endings[ending]()
    assert len(stage.ends) == 1 and running.ended
    lines = len(stage.ledger.ends)
    running.cancel()
    running.cancel()
    stage.outlet.attempts[0].end(None)
    stage.line.fail()
    await turns(3)
    assert len(stage.ends) == 1 and len(stage.ledger.ends) == lines == 1
    attempt = stage.outlet.attempts[0]
    assert all(thing is not attempt for thing in gc.get_referents(running)), "a circle would wait for the collector"
    assert stage.held == NOTHING and stage.slots.given_back == 1


async def test_a_cancel_by_who_hears_of_the_failure_ends_it_once() -> None:
    stage = Stage()
    stage.entrance.kept = 1
    stage.cancels_at_fail = True
    stage.begin(engine())
    stage.line.answer(400)
    assert len(stage.ends) == 1 and stage.held == NOTHING


@pytest.mark.parametrize("ending", ["good", "failed", "cancelled"])
async def test_a_bug_in_the_owners_own_end_does_not_bring_another(ending: str) -> None:
    stage = Stage("on_end")
    stage.entrance.kept = 1
    stage.begin(engine())
    if ending == "cancelled":
        with pytest.raises(Bug):
            stage.running.cancel()
    else:
        stage.line.answer(200 if ending == "good" else 400)
    assert len(stage.ends) == 1 and stage.held == NOTHING and len(stage.ledger.ends) == 1


async def test_a_call_that_never_began_ends_without_a_line() -> None:
    stage = Stage()
    stage.prepare().cancel()
    assert isinstance(stage.ends[0], asyncio.CancelledError) and len(stage.ends) == 1
    assert stage.ledger.begun == [] and stage.ledger.ends == []


@pytest.mark.parametrize("step", STEPS)
async def test_a_bug_before_the_request_is_sent_reaches_the_owner(step: str) -> None:
    stage = Stage(step)
    stage.entrance.kept = 1
    stage.begin()
    (reason,) = stage.ends
    assert isinstance(reason, Bug) and stage.held[:2] == (0, 0)
    assert all(line.state != "open" for line in stage.entrance.lines)
    if step in ("attempt", "begin"):
        assert stage.ledger.ends == [], "no end without its beginning"
    else:
        assert stage.outcomes == [(1, "error", True)]


@pytest.mark.parametrize("step", ["hold_nowait", "hold", "acquire", "connect"])
async def test_so_does_one_in_what_it_waits_for(step: str) -> None:
    stage = Stage(step)
    stage.slots.free = step != "acquire"
    stage.engines.free = step not in ("hold", "hold_nowait")
    stage.begin(engine())
    await turns(3)
    assert isinstance(stage.ends[0], Bug) and len(stage.ends) == 1
    assert stage.held == NOTHING and stage.outcomes == [(1, "error", True)]


LINE = "line"


@pytest.mark.parametrize("step", ["release", "release engine", "fail", LINE])
async def test_and_one_at_the_end_of_the_call(step: str) -> None:
    stage = Stage()
    stage.entrance.kept = 1
    stage.begin(engine())
    stage.flaw.at = step
    stage.line.answer(400)
    (reason,) = stage.ends
    assert isinstance(reason, Bug) and stage.running.ended
    assert stage.held == NOTHING


async def test_a_bug_in_the_second_attempts_making_ends_the_request_in_the_ledger() -> None:
    stage = Stage()
    stage.entrance.kept = 1
    stage.begin(vendor("a"), vendor("b"))
    stage.flaw.at = "attempt"
    stage.line.fail()
    await turns(1)
    assert not stage.ends, "it was a kept connection: once more"
    stage.entrance.desk.refuse(UpstreamUnreachable("nobody is there"))
    await turns(2)
    assert isinstance(stage.ends[0], Bug) and len(stage.ends) == 1
    assert stage.outcomes == [(1, "error", False), (1, "error", True)], "the second replaces the first"


async def test_a_bug_in_reading_the_reply_is_an_error_for_the_client() -> None:
    stage = Stage("good end")
    stage.entrance.kept = 1
    stage.begin()
    stage.line.answer()
    assert stage.ends == [None] and [error.code for error in stage.outlet.errors] == ["internal_error"]
    assert stage.held == NOTHING and stage.outcomes == [(1, "error", True)]


# cancelling


async def test_a_cancel_in_the_queue_leaves_it() -> None:
    lanes = LocalLanes(bound=10)
    first, second = Stage(lanes=lanes), Stage(lanes=lanes)
    for stage in (first, second):
        stage.entrance.kept = 1
        stage.begin(engine(slots=1))
    await turns(1)
    (lane,) = lanes.statistics()
    assert (lane.in_flight, lane.waiting) == (1, 1)
    second.running.cancel()
    assert is_cancelled(second)
    await turns(2)
    (lane,) = lanes.statistics()
    assert (lane.in_flight, lane.waiting) == (1, 0)
    first.line.answer()
    assert lanes.statistics()[0].in_flight == 0 and first.ends == [None]


@pytest.mark.parametrize("turn", range(6))
@pytest.mark.parametrize("thing", ["slot", "engine", "connection"])
async def test_what_arrives_in_the_very_turn_of_the_cancel_is_given_back(thing: str, turn: int) -> None:
    """Turn 0: it was given, but its task does not know; 1: the task is done, but the call does not know; 2: it does."""
    stage = Stage()
    stage.slots.free, stage.engines.free = thing != "slot", thing != "engine"
    stage.begin(engine())
    await turns(1)
    desk = {"slot": stage.slots, "engine": stage.engines, "connection": stage.entrance.desk}[thing]
    assert desk.grant() and desk.held == 1
    await turns(turn)
    has_gone_on = stage.entrance.lines and stage.line.sent if thing == "connection" else stage.held[2] or turn > 1
    assert bool(has_gone_on) == (turn > 1)
    stage.running.cancel()
    assert len(stage.ends) == 1
    await turns(3)
    assert is_cancelled(stage)
    assert desk.given_back == 1, "once"


@pytest.mark.parametrize("thing", ["slot", "engine", "connection"])
async def test_what_fails_in_the_turn_of_the_cancel_fails_nobody(thing: str) -> None:
    for turn in range(4):
        stage = Stage()
        stage.slots.free, stage.engines.free = thing != "slot", thing != "engine"
        stage.begin(engine())
        await turns(1)
        desk = {"slot": stage.slots, "engine": stage.engines, "connection": stage.entrance.desk}[thing]
        desk.refuse(UpstreamBroken("no"))
        await turns(min(turn, 1))
        stage.running.cancel()
        await turns(3)
        assert is_cancelled(stage)


@pytest.mark.parametrize("bytes_came", [False, True])
async def test_a_cancel_during_the_exchange_aborts_it(*, bytes_came: bool) -> None:
    stage = Stage()
    running = stage.begin(engine())
    line = await stage.connected()
    if bytes_came:
        line.head()
        line.body()
    running.cancel()
    assert line.state == "aborted" and is_cancelled(stage)
    assert (stage.slots.given_back, stage.engines.given_back) == (1, 1)
    running.cancel()
    await turns(2)
    assert is_cancelled(stage) and (stage.slots.given_back, stage.engines.given_back) == (1, 1)


async def test_a_cancel_with_a_full_disk_still_gives_everything_back() -> None:
    stage = Stage()
    stage.entrance.kept = 1
    stage.begin(engine())
    stage.flaw.at = "full"
    stage.running.cancel()
    assert isinstance(stage.ends[0], asyncio.CancelledError) and stage.held == NOTHING


async def test_a_task_that_is_cancelled_by_the_loops_end_cancels_the_call() -> None:
    stage = Stage()
    stage.slots.free = False
    stage.begin()
    await turns(1)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await turns(2)
    assert is_cancelled(stage)


# the next way


@pytest.mark.parametrize(
    "error",
    [UpstreamTimeout("slow"), UpstreamBroken("gone"), UpstreamRefused("busy", status=503)],
    ids=lambda error: type(error).__name__,
)
async def test_after_a_failure_before_a_byte_comes_the_next_way(error: UpstreamTimeout) -> None:
    stage = Stage()
    stage.begin(vendor("a"), vendor("b"))
    (await stage.connected()).fail(error)
    assert stage.slots.given_back == 1 and stage.slots.held == 1, "the one slot is given back, the other one taken"
    assert (error.provider, stage.outcomes) == ("a", [(1, "error", False)])
    line = await stage.connected()
    assert [attempt.candidate.provider.id for attempt in stage.outlet.attempts] == ["a", "b"]
    line.answer()
    assert stage.ends == [None] and stage.outlet.errors == [] and stage.held == NOTHING
    assert stage.outcomes == [(1, "error", False), (2, "ok", True)] and stage.ledger.begun == [("call", 1), ("call", 2)]


async def test_the_last_way_fails_the_call() -> None:
    stage = Stage()
    stage.begin(vendor("a"), vendor("b"))
    (await stage.connected()).fail()
    (await stage.connected()).fail(last := UpstreamTimeout("slow"))
    assert stage.outlet.errors == [last] and stage.ends == [None] and stage.held == NOTHING
    assert stage.outcomes == [(1, "error", False), (2, "error", True)]


async def test_after_forwarded_bytes_there_is_no_other_way() -> None:
    stage = Stage()
    stage.begin(vendor("a"), vendor("b"))
    line = await stage.connected()
    line.head()
    line.body()
    line.fail(broken := UpstreamBroken("gone"))
    assert stage.outlet.errors == [broken] and stage.ends == [None]
    assert stage.outcomes == [(1, "error", True)] and stage.held == NOTHING


async def test_a_request_that_is_wrong_is_wrong_everywhere() -> None:
    stage = Stage()
    stage.begin(vendor("a"), vendor("b"))
    (await stage.connected()).answer(400)
    assert [error.status for error in stage.outlet.errors] == [400] and len(stage.outlet.attempts) == 1


async def test_what_cannot_be_sent_is_not_sent() -> None:
    stage = Stage()
    stage.outlet.refusal = HostlerError("this cannot be said")
    stage.begin(engine(), vendor())
    assert stage.outlet.errors == [stage.outlet.refusal] and stage.held == NOTHING and stage.ends == [None]


@pytest.mark.parametrize("thing", ["slot", "engine", "connection"])
async def test_what_does_not_come_leads_to_the_next_way(thing: str) -> None:
    stage = Stage()
    stage.slots.free, stage.engines.free = thing != "slot", thing != "engine"
    stage.begin(engine(), vendor("b"))
    await turns(1)
    stage.slots.free = True
    if thing == "slot":
        stage.slots.refuse(QueueFull("full"))
    elif thing == "engine":
        stage.engines.refuse(EngineFailed("no memory"))
    else:
        stage.entrance.desk.refuse(UpstreamUnreachable("nobody"))
    await turns(2)
    assert stage.held == (1, 0, 0)
    (await stage.connected()).answer()
    assert stage.ends == [None] and stage.outcomes == [(1, "error", False), (2, "ok", True)]


async def test_a_provider_that_is_not_ready_is_passed_over() -> None:
    stage = Stage()
    stage.entrance.kept = 1
    off = vendor("off")
    object.__setattr__(off.provider, "enabled", False)  # frozen
    stage.begin(off, vendor("b"))
    assert [attempt.candidate.provider.id for attempt in stage.outlet.attempts] == ["off", "b"]
    assert stage.ledger.ends[0].error == ProviderNotReady.code
    stage.line.answer()
    assert stage.ends == [None] and stage.held == NOTHING


# the disk


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_a_full_disk_fails_the_call_before_it_takes_anything(number: int) -> None:
    stage = Stage()
    stage.ledger.full = number
    stage.begin(vendor("a"), vendor("b"), vendor("c"))
    for _ in range(number - 1):
        (await stage.connected()).fail()
    assert isinstance(stage.outlet.errors[0], StorageError) and len(stage.outlet.errors) == 1
    assert stage.ends == [None] and stage.held == NOTHING and len(stage.outlet.attempts) == number
    assert [attempt for _, attempt in stage.ledger.begun] == list(range(1, number))
    failed = [(attempt, "error", False) for attempt in range(1, number)]
    over = [(number - 1, "error", True)] if number > 1 else []
    assert stage.outcomes == failed + over, "no end without its beginning, and no request without its end"
    assert [end.error for end in stage.ledger.ends[number - 1 :]] == [StorageError.code] * (number > 1)


async def test_a_bug_in_beginning_the_next_attempt_ends_the_request_with_the_one_before() -> None:
    stage = Stage()
    stage.begin(vendor("a"), vendor("b"))
    line = await stage.connected()
    stage.flaw.at = "begin"
    line.fail()
    (reason,) = stage.ends
    assert isinstance(reason, Bug) and stage.held == NOTHING
    assert stage.outcomes == [(1, "error", False), (1, "error", True)]


# the wait


async def test_lane_and_engine_count_as_waited_and_the_rest_does_not() -> None:
    stage = Stage()
    stage.slots.free = stage.engines.free = False
    stage.begin(engine())
    await turns(1)
    assert stage.waited == 0.0
    assert stage.slots.grant()
    await turns(3)
    in_lane = stage.waited
    assert stage.engines.grant()
    await turns(2)
    in_all = stage.waited
    assert 0.0 < in_lane < in_all
    (await stage.connected()).answer()
    (end,) = stage.ledger.ends
    assert stage.waited == in_all and end.waited == int(in_all * 1e6) and end.duration is not None
    assert end.waited <= end.duration


async def test_who_need_not_wait_has_not_waited() -> None:
    stage = Stage()
    stage.begin(engine())
    (await stage.connected()).answer()
    assert stage.ledger.ends[0].waited == 0


@pytest.mark.parametrize("thing", ["slot", "engine"])
@pytest.mark.parametrize("how", ["cancelled", "failed"])
async def test_a_wait_that_came_to_nothing_counts_too(thing: str, how: str) -> None:
    stage = Stage()
    stage.slots.free, stage.engines.free = thing != "slot", thing != "engine"
    stage.begin(engine())
    await turns(1)
    if how == "cancelled":
        stage.running.cancel()
    else:
        (stage.slots if thing == "slot" else stage.engines).refuse(QueueFull("full"))
        await turns(2)
    assert stage.waited > 0.0 and stage.ledger.ends[0].waited == int(stage.waited * 1e6) > 0


# once more


async def test_a_kept_connection_that_breaks_before_the_answer_is_tried_once_more() -> None:
    stage = Stage()
    stage.entrance.kept = 2
    stage.begin()
    stage.line.fail()
    assert stage.held == (1, 0, 0) and stage.ends == [] and stage.ledger.ends == []
    line = await stage.connected()
    assert not line.reused and line.sent == [ASK], "on a fresh one, though another is kept"
    line.answer()
    assert stage.ends == [None] and stage.outcomes == [(1, "ok", True)] and stage.ledger.begun == [("call", 1)]
    assert stage.held == NOTHING


async def test_but_only_once() -> None:
    stage = Stage()
    stage.entrance.kept = 1
    stage.begin()
    stage.line.fail()
    (await stage.connected()).fail(again := UpstreamBroken("again"))
    assert stage.outlet.errors == [again] and stage.ends == [None] and stage.held == NOTHING


async def test_and_not_when_an_answer_began_or_another_thing_failed() -> None:
    for error in (UpstreamBroken("gone"), UpstreamTimeout("slow")):
        stage = Stage()
        stage.entrance.kept = 1
        stage.begin()
        if isinstance(error, UpstreamBroken):
            stage.line.head()
        stage.line.fail(error)
        assert stage.outlet.errors == [error] and stage.ends == [None] and stage.held == NOTHING


@pytest.mark.parametrize("turn", range(5))
async def test_a_cancel_while_the_fresh_connection_is_made(turn: int) -> None:
    stage = Stage()
    stage.entrance.kept = 1
    stage.begin(engine())
    stage.line.fail()
    await turns(1)
    if turn:
        assert stage.entrance.desk.grant()
        await turns(turn - 1)
    stage.running.cancel()
    await turns(3)
    assert is_cancelled(stage)


# an engine's death


@pytest.mark.parametrize("died", [False, True])
async def test_an_engines_death_says_more_than_a_broken_reply(*, died: bool) -> None:
    stage = Stage()
    stage.begin(engine())
    (await stage.connected()).fail(broken := UpstreamBroken("gone"))
    await turns(1)
    assert stage.engines.held == 0 and stage.slots.held == 1, "it can be restarted, for the next in the lane"
    assert stage.entrance.closings == 1 and stage.outlet.errors == [] and stage.ends == []
    crash = EngineCrashed("it died")
    stage.engines.verdicts[0].set_result(crash if died else None)
    await turns(2)
    assert stage.outlet.errors == [crash if died else broken]
    assert stage.ends == [None] and stage.held == NOTHING and stage.engines.given_back == 1
    assert stage.ledger.ends[0].error == (crash if died else broken).code


async def test_an_engine_that_refuses_is_alive() -> None:
    stage = Stage()
    stage.begin(engine())
    (await stage.connected()).answer(500)
    assert [type(error) for error in stage.outlet.errors] == [UpstreamRefused]
    assert stage.engines.verdicts == [] and stage.entrance.closings == 0 and stage.held == NOTHING


@pytest.mark.parametrize("turn", range(4))
async def test_a_cancel_while_it_is_asked_whether_the_engine_died(turn: int) -> None:
    stage = Stage()
    stage.begin(engine())
    (await stage.connected()).fail()
    await turns(1)
    if turn:
        stage.engines.verdicts[0].set_result(EngineCrashed("it died"))
        await turns(turn - 1)
    if stage.ends:
        assert stage.outlet.errors and turn == 3
    stage.running.cancel()
    await turns(2)
    assert (stage.held == NOTHING and stage.engines.given_back == 1) if turn == 3 else is_cancelled(stage)
    assert len(stage.ends) == len(stage.ledger.ends) == 1


async def test_a_bug_in_asking_for_it_reaches_the_owner() -> None:
    stage = Stage("wait_failure")
    stage.begin(engine())
    (await stage.connected()).fail()
    await turns(3)
    assert isinstance(stage.ends[0], Bug) and len(stage.ends) == 1 and stage.held == NOTHING
