"""Turns: detached, told as they come, kept, stopped, gone on with, and never two runs of one message."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from hostler.client.sessions.parts import ImagePart, ReasoningPart, TextPart, ToolCallPart
from hostler.client.sessions.records import Message, Params, UsageRecord
from hostler.client.sessions.requests import Edit, NewTurn, SessionChange
from hostler.client.turn_history import GO_ON
from hostler.client.turns import Pace
from hostler.core.deltas import Finished, ReasoningDelta, ToolCallDelta, ToolCallEnded, ToolCallStarted, UsageDelta
from hostler.core.usage import Usage
from hostler.errors import (
    Conflict,
    Draining,
    ModelNotFound,
    NotFound,
    QueueFull,
    RequestError,
    Unsupported,
    UpstreamBroken,
)
from tests.client.turn_stage import QUICK, Stage, staged

IMAGE = ImagePart(media_type="image/png", data="iVBORw0KGgo=", name="dot.png")
STOP_S = 2.0
"""Ten times what a stop may take: on a machine that is busy with other things too."""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncGenerator[Stage]:
    """A stage."""
    async with staged(tmp_path) as opened:
        yield opened


async def test_a_turn_from_begin_to_end(stage: Stage) -> None:
    session = await stage.session()
    begun = await stage.say(session.id, "Hello")
    (reply,) = begun.replies
    assert (begun.user.state, reply.state, reply.model, reply.parts) == ("complete", "streaming", "far/a", ())
    model = await stage.model()
    assert model.asked == [("user", "Hello")]
    model.say("Hel", "lo 🐴", UsageDelta(Usage(input=3, output=2)))
    model.end()
    done = await stage.ended(reply)
    assert (done.state, done.parts, done.finish) == ("complete", (TextPart(text="Hello 🐴"),), "stop")
    assert done.usage == UsageRecord(input=3, output=2)
    assert (done.cost, done.cost_state, done.error) == (None, "unknown", None)
    assert done.ttft_ms is not None and done.duration_ms is not None and done.duration_ms >= done.ttft_ms
    assert stage.page(reply) == ["Hello 🐴"]
    assert [e.kind for e in stage.told("message.created", "message.changed")].count("message.changed") == 1
    assert (await stage.sessions.session(session.id)).title == "Hello"
    assert stage.turns.running() == ()


async def test_tokens_of_one_frame_are_one_event(tmp_path: Path) -> None:
    async with staged(tmp_path, pace=Pace(frame_s=60.0)) as stage:
        (reply,) = (await stage.say((await stage.session()).id, "Hello")).replies
        model = await stage.model()
        model.say("first")
        await stage.heard("message.delta")
        model.say(*"many more")
        model.end()
        await stage.ended(reply)
        texts = [event.data["text"] for event in stage.told("message.delta")]
        assert texts == ["first", "many more"], "the first at once, the rest with the end"


async def test_a_model_here_costs_nothing_and_the_next_turn_knows_the_last(stage: Stage) -> None:
    session = await stage.session()
    await stage.sessions.change(session.id, SessionChange(system="Be brief.", params=Params(temperature=0.5)))
    first = await stage.say(session.id, "One?", "here/m")
    model = await stage.model()
    model.say(ReasoningDelta("Hm."), "Two.")
    model.end()
    done = await stage.ended(first.replies[0])
    assert (done.cost, done.cost_state) == (0.0, "local")
    assert done.params == Params(temperature=0.5)
    assert [type(part) for part in done.parts] == [ReasoningPart, TextPart]
    await stage.say(session.id, "Three?", parent=done.id)
    model = await stage.model(1)
    assert model.asked == [("system", "Be brief."), ("user", "One?"), ("assistant", "Hm.Two."), ("user", "Three?")]
    assert model.call.request is not None and model.call.request.sampling.temperature == 0.5


async def test_a_reply_costs_its_tokens_also_over_several_goes_or_what_the_vendor_says(stage: Stage) -> None:
    session = await stage.session()
    (reply,) = (await stage.say(session.id, "Count.", "far/priced")).replies
    model = await stage.model()
    model.say("One", UsageDelta(Usage(input=10, output=5)))
    model.fail(UpstreamBroken("it broke"))
    done = await stage.ended(reply)
    assert (done.cost, done.cost_state) == (pytest.approx(0.06), "estimate")
    await stage.turns.continue_(reply.id)
    model = await stage.model(1)
    model.say(", two", UsageDelta(Usage(input=20, output=1, cost=0.5)))
    model.end()
    done = await stage.ended(reply)
    assert (done.cost, done.cost_state) == (pytest.approx(0.56), "estimate")
    (other,) = (await stage.say(session.id, "Again.", "far/priced", parent=done.id)).replies
    model = await stage.model(2)
    model.say("No", UsageDelta(Usage(input=20, output=1, cost=0.25)))
    model.end()
    done = await stage.ended(other)
    assert (done.cost, done.cost_state) == (0.25, "known")


async def test_what_one_go_cost_is_not_known_of_the_whole(stage: Stage) -> None:
    (reply,) = (await stage.say((await stage.session()).id, "Count.", "far/priced")).replies
    model = await stage.model()
    model.say("One", UsageDelta(Usage(output=5)))
    model.fail(UpstreamBroken("it broke"))
    assert (await stage.ended(reply)).cost_state == "unknown"
    await stage.turns.continue_(reply.id)
    model = await stage.model(1)
    model.say(", two", UsageDelta(Usage(input=20, output=1)))
    model.end()
    done = await stage.ended(reply)
    assert (done.cost, done.cost_state) == (None, "unknown")


async def test_eight_at_once_are_siblings(stage: Stage) -> None:
    session = await stage.session()
    begun = await stage.say(session.id, "Hello", *(f"far/m{n}" for n in range(8)))
    await stage.model(count=8)
    for number, model in enumerate(stage.models):
        assert model.call.request is not None
        model.say(model.call.request.model)
        model.end() if number else model.fail(UpstreamBroken("it broke"))
    done = [await stage.ended(reply) for reply in begun.replies]
    assert [m.state for m in done] == ["failed", *["complete"] * 7]
    assert [m.parts for m in done] == [(TextPart(text=f"far/m{n}"),) for n in range(8)]
    assert {m.parent for m in done} == {begun.user.id}


async def test_errors_keep_what_came(stage: Stage) -> None:
    session = await stage.session()
    (reply,) = (await stage.say(session.id, "Hello")).replies
    model = await stage.model()
    model.say("Hel")
    model.fail(UpstreamBroken("it broke", hint="Try again."))
    done = await stage.ended(reply)
    assert done.state == "failed" and done.error is not None and done.parts == (TextPart(text="Hel"),)
    assert (done.error.code, done.error.message, done.error.hint) == ("upstream_broken", "it broke", "Try again.")


async def test_a_bug_is_told_without_its_words(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    (reply,) = (await stage.say((await stage.session()).id, "Hello")).replies
    (await stage.model()).fail(ZeroDivisionError("secret"))
    done = await stage.ended(reply)
    assert done.state == "failed" and done.error is not None and done.error.code == "internal_error"
    assert "secret" not in done.error.message and "secret" in caplog.text


async def test_what_has_come_is_kept_meanwhile(stage: Stage) -> None:
    (reply,) = (await stage.say((await stage.session()).id, "Hello")).replies
    (await stage.model()).say("Hel", "lo")
    await stage.kept(reply, "Hello")
    (running,) = stage.turns.running()
    assert (running.state, running.parts) == ("streaming", (TextPart(text="Hello"),))
    assert stage.turns.current([reply])[0].parts == running.parts


async def test_calls_are_told_whole_at_their_begin_and_end(stage: Stage) -> None:
    (reply,) = (await stage.say((await stage.session()).id, "Hello")).replies
    model = await stage.model()
    model.say(
        "I look.", ToolCallStarted(0, "c1", "look"), ToolCallDelta(0, "{}"), ToolCallEnded(0), Finished("tool_calls")
    )
    model.end(finish=False)
    done = await stage.ended(reply)
    assert done.finish == "tool_calls" and done.parts[1] == ToolCallPart(id="c1", name="look", arguments="{}")
    assert stage.page(reply)[0] == "I look."


# ---------------------------------------------------------------- stopping, and again


async def test_stop_lets_go_of_the_upstream_and_keeps_what_came(stage: Stage) -> None:
    (reply,) = (await stage.say((await stage.session()).id, "Hello")).replies
    model = await stage.model()
    model.say("Hel")
    await stage.heard("message.delta")
    async with asyncio.timeout(STOP_S):
        stopped = await stage.turns.stop(reply.id)
    assert model.closed.is_set()
    assert (stopped.state, stopped.parts) == ("cancelled", (TextPart(text="Hel"),))
    assert await stage.stored(reply) == stopped
    with pytest.raises(Conflict, match="does not run"):
        await stage.turns.stop(reply.id)


async def test_stop_before_the_first_step(stage: Stage) -> None:
    (reply,) = (await stage.say((await stage.session()).id, "Hello")).replies
    assert (await stage.turns.stop(reply.id)).state == "cancelled"


@pytest.mark.parametrize("yields", range(12))
async def test_stop_and_go_on_never_meet(stage: Stage, yields: int) -> None:
    """However far the stop has come, going on begins after it, and the message is the new run's."""
    (reply,) = (await stage.say((await stage.session()).id, "Hello")).replies
    (await stage.model()).say("Hel")
    for _ in range(5):
        await asyncio.sleep(0)
    stopping = asyncio.create_task(stage.turns.stop(reply.id))
    for _ in range(yields):
        await asyncio.sleep(0)
    if not stopping.done() and not stage.turns.running():
        await stopping
    try:
        await stage.turns.continue_(reply.id)
    except Conflict:  # the stop had not begun to act
        await stopping
        await stage.turns.continue_(reply.id)
    assert (await stopping).state == "cancelled"
    model = await stage.model(1)
    assert [m.id for m in stage.turns.running()] == [reply.id]
    model.say("lo")
    model.end()
    done = await stage.ended(reply)
    assert (done.state, done.error) == ("complete", None)


async def test_two_that_go_on_at_once(stage: Stage) -> None:
    (reply,) = (await stage.say((await stage.session()).id, "Hello")).replies
    await stage.turns.stop(reply.id)
    results = await asyncio.gather(*[stage.turns.continue_(reply.id) for _ in range(5)], return_exceptions=True)
    assert sum(isinstance(result, Message) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 4
    assert len(stage.turns.running()) == 1


async def test_going_on_appends_to_the_same_text_and_stores_no_request(stage: Stage) -> None:
    session = await stage.session()
    (reply,) = (await stage.say(session.id, "Count")).replies
    model = await stage.model()
    model.say("One, ", UsageDelta(Usage(input=5, output=2)))
    model.fail(UpstreamBroken("it broke"))
    await stage.ended(reply)
    resumed = await stage.turns.continue_(reply.id)
    assert (resumed.id, resumed.state, resumed.parts) == (reply.id, "streaming", (TextPart(text="One, "),))
    model = await stage.model(1)
    assert model.asked == [("user", "Count"), ("assistant", "One, "), ("user", GO_ON)]
    model.say("two.", UsageDelta(Usage(input=9, output=1)))
    model.end()
    done = await stage.ended(reply)
    assert (done.state, done.parts, done.error) == ("complete", (TextPart(text="One, two."),), None)
    assert done.usage == UsageRecord(input=14, output=3)
    assert stage.page(reply) == ["One, two."]
    assert len((await stage.sessions.get(session.id)).messages) == 2
    with pytest.raises(Conflict, match="came to its end"):
        await stage.turns.continue_(reply.id)


async def test_regenerate_by_the_same_or_another_model(stage: Stage) -> None:
    session = await stage.session()
    begun = await stage.say(session.id, "Hello")
    (reply,) = begun.replies
    (same,) = await stage.turns.regenerate(reply.id)
    (other,) = await stage.turns.regenerate(reply.id, ["far/b"], params=Params(seed=1))
    assert (same.model, other.model, other.params) == ("far/a", "far/b", Params(seed=1))
    assert {same.parent, other.parent} == {begun.user.id}
    model = await stage.model(2)
    assert model.asked == [("user", "Hello")]
    assert len(stage.turns.running()) == 3, "the first goes on"
    (more,) = await stage.turns.regenerate(begun.user.id, ["far/c"])
    assert more.parent == begun.user.id


async def test_edit_and_send(stage: Stage) -> None:
    begun = await stage.say((await stage.session()).id, "Helo")
    edited = await stage.turns.edit(begun.user.id, Edit(parts=(TextPart(text="Hello"),), models=("far/b",)))
    assert (edited.message.parent, edited.message.edited, edited.replies[0].model) == (None, True, "far/b")
    assert (await stage.model(1)).asked == [("user", "Hello")]
    kept = await stage.turns.edit(begun.replies[0].id, Edit(parts=(TextPart(text="Mine"),), models=("far/b",)))
    assert (kept.message.role, kept.replies) == ("assistant", ())


# ---------------------------------------------------------------- refusals, before anything is stored


async def test_nothing_is_stored_of_what_cannot_begin(stage: Stage) -> None:
    session = await stage.session()
    with pytest.raises(ModelNotFound):
        await stage.say(session.id, "Hello", "far/a", "far/none")
    with pytest.raises(RequestError, match="takes at most 8; 9"):
        await stage.say(session.id, "Hello", *["far/a"] * 9)
    with pytest.raises(RequestError, match="nothing in this message"):
        await stage.turns.begin(session.id, NewTurn(parent=None, parts=(), models=("far/a",)))
    with pytest.raises(Unsupported, match="'far/blind' cannot see"):
        await stage.turns.begin(session.id, NewTurn(parent=None, parts=(IMAGE,), models=("far/blind",)))
    with pytest.raises(RequestError, match="no effort"):
        turn = NewTurn(parent=None, parts=(TextPart(text="x"),), models=("far/a",), params=Params(effort="loud"))
        await stage.turns.begin(session.id, turn)
    with pytest.raises(NotFound):
        await stage.say("s_00000000000000000000000000", "Hello")
    with pytest.raises(NotFound):
        await stage.say(session.id, "Hello", parent="m_00000000000000000000000000")
    assert (await stage.sessions.get(session.id)).messages == ()
    assert stage.turns.running() == () and stage.models == []


async def test_nothing_follows_a_reply_that_runs(stage: Stage) -> None:
    session = await stage.session()
    (reply,) = (await stage.say(session.id, "Hello")).replies
    with pytest.raises(Conflict, match="still running"):
        await stage.say(session.id, "And?", parent=reply.id)
    with pytest.raises(Conflict, match="is running"):
        await stage.turns.continue_(reply.id)


async def test_only_so_many_at_once(tmp_path: Path) -> None:
    async with staged(tmp_path, pace=Pace(QUICK.frame_s, QUICK.flush_s, most_running=2)) as stage:
        session = await stage.session()
        await stage.say(session.id, "Hello")
        with pytest.raises(QueueFull, match="at most 2"):
            await stage.say(session.id, "Hello", "far/a", "far/b")
        await stage.say(session.id, "Hello")


# ---------------------------------------------------------------- leaving


async def test_who_asked_may_leave_at_once(stage: Stage) -> None:
    session = await stage.session()
    asking = asyncio.create_task(stage.say(session.id, "Hello"))
    await asyncio.sleep(0)
    asking.cancel()
    model = await stage.model()
    model.say("Hello")
    model.end()
    with pytest.raises(asyncio.CancelledError):
        await asking
    (running,) = stage.turns.running()
    assert (await stage.ended(running)).state == "complete"


async def test_closing_interrupts_and_begins_nothing_more(stage: Stage) -> None:
    session = await stage.session()
    (reply,) = (await stage.say(session.id, "Hello")).replies
    (await stage.model()).say("Hel")
    await stage.heard("message.delta")
    await stage.turns.close()
    done = await stage.stored(reply)
    assert (done.state, done.parts) == ("interrupted", (TextPart(text="Hel"),))
    with pytest.raises(Draining):
        await stage.say(session.id, "Hello")


async def test_what_a_dead_process_left_is_interrupted_and_gone_on_with(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        (reply,) = (await stage.say((await stage.session()).id, "Hello")).replies
        (await stage.model()).say("Hel")
        await stage.kept(reply, "Hel")
        async with staged(tmp_path) as after:  # as if the first had died: it never gets to say more
            await after.turns.interrupt_left()
            left = await after.stored(reply)
            assert (left.state, left.parts) == ("interrupted", (TextPart(text="Hel"),))
            await after.turns.continue_(reply.id)
            model = await after.model()
            model.say("lo")
            model.end()
            assert (await after.ended(reply)).parts == (TextPart(text="Hello"),)


async def test_a_running_session_that_is_deleted(stage: Stage) -> None:
    session = await stage.session()
    (reply,) = (await stage.say(session.id, "Hello")).replies
    other = await stage.session()
    (stays,) = (await stage.say(other.id, "Hello")).replies
    await stage.turns.stop_all(session=session.id)
    await stage.sessions.delete(session.id)
    assert [m.id for m in stage.turns.running()] == [stays.id]
    await stage.turns.stop_all([stays.id, reply.id])
    assert stage.turns.running() == ()
