"""Turns through the API: as a page makes them, with a vendor behind."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from hostler.workbench.event_schema import MessageTold
from tests.waiting import wait_until
from tests.workbench.api_stage import ApiStage, api_stage

pytestmark = pytest.mark.slow
NOBODY = "00000000000000000000000000"
STOP_S = 2.0
"""Ten times what a stop may take: on a machine that is busy with other things too."""


@pytest.fixture
async def stage() -> AsyncGenerator[ApiStage]:
    """The API."""
    async with api_stage() as opened:
        yield opened


async def test_a_turn_with_thinking(stage: ApiStage) -> None:
    session = await stage.session(system="Be brief.")
    begun = await stage.turn(session, "Well?", "far/think")
    (reply,) = begun["replies"]
    assert (reply["state"], reply["parts"], begun["user"]["parts"]) == (
        "streaming", [], [{"type": "text", "text": "Well?"}],
    )  # fmt: skip
    done = await stage.ended(session, reply["id"])
    thinking, text = done["parts"]
    assert (thinking["type"], thinking["text"], thinking["redacted"]) == ("reasoning", "Let me see.", False)
    assert isinstance(thinking["duration_ms"], int)
    assert text == {"type": "text", "text": "Yes."}
    assert done["state"] == "complete" and done["usage"]["output"] > 0 and done["finish"] == "stop"
    assert (await stage.call("GET", f"/sessions/{session}"))["session"]["title"] == "Well?"
    assert [told.message.state for told in stage.told("message.changed") if isinstance(told, MessageTold)][
        -1
    ] == "complete"


async def test_a_page_that_comes_later_joins_and_another_stops(stage: ApiStage) -> None:
    session = await stage.session()
    (reply,) = (await stage.turn(session, "Count", "far/held"))["replies"]
    await stage.seen(1)
    await wait_until(lambda: "one two " in str(stage.parts.turns.running()))
    joined = (await stage.messages(session))[reply["id"]]
    assert joined["state"] == "streaming" and joined["parts"][0]["text"] == "one two "
    assert (await stage.call("GET", "/sessions"))["sessions"][0]["running"] is True
    async with asyncio.timeout(STOP_S):
        stopped = (await stage.call("POST", f"/messages/{reply['id']}/stop"))["message"]
        await wait_until(lambda: stage.fake.connections_open == 0)  # the upstream is let go of as soon
    assert (stopped["state"], stopped["parts"]) == ("cancelled", joined["parts"])
    last = [told for told in stage.told("message.changed") if isinstance(told, MessageTold)][-1]
    assert (last.message.id, last.message.state) == (reply["id"], "cancelled")
    assert (await stage.call("POST", f"/messages/{reply['id']}/stop", status=409))["code"] == "conflict"
    resumed = (await stage.call("POST", f"/messages/{reply['id']}/continue", {}, status=202))["replies"]
    assert [m["id"] for m in resumed] == [reply["id"]]
    await stage.seen(2)
    stage.fake.release()
    done = await stage.ended(session, reply["id"])
    assert done["state"] == "complete" and done["parts"][0]["text"] == "one two one two three four"


async def test_stop_and_regenerate_again_and_again(stage: ApiStage) -> None:
    session = await stage.session()
    (reply,) = (await stage.turn(session, "Count", "far/held"))["replies"]
    first = reply["id"]
    for _ in range(10):
        stopping = asyncio.create_task(stage.call("POST", f"/messages/{reply['id']}/stop"))
        (again,) = (await stage.call("POST", f"/messages/{first}/regenerate", {}, status=202))["replies"]
        assert (await stopping)["message"]["state"] == "cancelled"
        reply = again
    messages = await stage.messages(session)
    states = [m["state"] for m in messages.values() if m["role"] == "assistant"]
    assert states == [*["cancelled"] * 10, "streaming"]


async def test_what_goes_wrong_is_told(stage: ApiStage) -> None:
    session = await stage.session()
    begun = await stage.turn(session, "Hello", "far/drop", "far/down")
    dropped, down = [await stage.ended(session, reply["id"]) for reply in begun["replies"]]
    assert dropped["state"] == down["state"] == "failed"
    assert dropped["parts"][0]["text"].startswith("one") and dropped["error"]["code"] == "upstream_broken"
    assert "Not like this." in down["error"]["message"] and down["parts"] == []
    await stage.turn(session, "And now?", "far/echo", parent=down["id"])


async def test_eight_models_side_by_side(stage: ApiStage) -> None:
    session = await stage.session()
    begun = await stage.turn(session, "Hello", *[f"far/m{n}" for n in range(8)])
    ended = [await stage.ended(session, reply["id"]) for reply in begun["replies"]]
    assert [(m["model"], m["state"], m["parts"][0]["text"]) for m in ended] == [
        (f"far/m{n}", "complete", "Hello") for n in range(8)
    ]
    assert (await stage.call("GET", f"/sessions/{session}"))["session"]["model"] == "far/m0"


async def test_model_names_with_slashes_and_quotes(stage: ApiStage) -> None:
    session = await stage.session()
    name = 'far/org/name:it\'s "8b"'
    (reply,) = (await stage.turn(session, "Hello", name))["replies"]
    done = await stage.ended(session, reply["id"])
    assert (done["model"], done["parts"][0]["text"]) == (name, "Quoted.")


async def test_five_megabytes(stage: ApiStage) -> None:
    session = await stage.session()
    text = "All work. 🐴 " * 350_000
    (reply,) = (await stage.turn(session, text, "far/think"))["replies"]
    assert (await stage.ended(session, reply["id"]))["state"] == "complete"
    assert (await stage.messages(session))[reply["parent"]]["parts"][0]["text"] == text


async def test_edit_send_delete_restore(stage: ApiStage) -> None:
    session = await stage.session()
    begun = await stage.turn(session, "Helo", "far/echo")
    user, reply = begun["user"]["id"], begun["replies"][0]["id"]
    await stage.ended(session, reply)
    words = [{"type": "text", "text": "Hello"}]
    edited = await stage.call("POST", f"/messages/{user}/edit", {"parts": words, "send": True}, status=202)
    assert edited["message"]["edited"] is True and edited["replies"][0]["model"] == "far/echo"
    assert (await stage.ended(session, edited["replies"][0]["id"]))["parts"][0]["text"] == "Hello"
    mine = await stage.call("POST", f"/messages/{reply}/edit", {"parts": words}, status=202)
    assert mine["replies"] == [] and mine["message"]["role"] == "assistant"
    gone = await stage.call("DELETE", f"/messages/{user}")
    assert set(gone["ids"]) == {user, reply, mine["message"]["id"]}
    assert set(await stage.messages(session)) == {edited["message"]["id"], edited["replies"][0]["id"]}
    back = await stage.call("POST", f"/messages/{user}/restore")
    assert {m["id"] for m in back["messages"]} == set(gone["ids"])


async def test_deleting_stops_what_runs(stage: ApiStage) -> None:
    session = await stage.session()
    begun = await stage.turn(session, "Count", "far/held")
    await stage.call("DELETE", f"/messages/{begun['user']['id']}")
    await stage.turn(session, "Count", "far/held")
    assert (await stage.call("DELETE", f"/sessions/{session}")) == {"id": session}
    await wait_until(lambda: stage.fake.connections_open == 0)
    await stage.call("GET", f"/sessions/{session}", status=404)
    await stage.call("POST", f"/sessions/{session}/restore")
    assert len(await stage.messages(session)) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "The body is no JSON"),
        (b"\xff", "The body is no JSON"),
        ({"parts": []}, "missing required field `models`"),
        ({"parts": [{"type": "text"}], "models": "far/echo"}, "models: Expected `array`, got `str`."),
        ({"parts": [{"type": "film"}], "models": ["far/echo"]}, "parts[0].type: Invalid value 'film'"),
        ({"parts": [{"type": "reasoning"}], "models": ["far/echo"]}, "parts[0]: a person's message holds"),
        ({"parts": [{"type": "image", "media_type": "image/png", "data": "?"}], "models": ["far/echo"]}, "base64"),
        ({"parts": [{"type": "image", "media_type": "text/html", "data": "AA=="}], "models": ["far/echo"]}, "one of"),
        ({"parts": [], "models": ["far/echo"], "params": {"temperature": "hot"}}, "params.temperature: Expected"),
        ({"parts": [], "models": ["far/echo"], "parnt": None}, "unknown field `parnt`"),
    ],
)
async def test_bad_bodies(stage: ApiStage, body: object, message: str) -> None:
    session = await stage.session()
    error = await stage.call("POST", f"/sessions/{session}/turns", body, status=422)
    assert message in error["message"], error
    assert await stage.messages(session) == {}


async def test_what_does_not_exist(stage: ApiStage) -> None:
    session = await stage.session()
    turn = {"parts": [{"type": "text", "text": "x"}], "models": ["far/echo"]}
    for method, path, body in (
        ("GET", f"/sessions/s_{NOBODY}", None),
        ("PATCH", f"/sessions/s_{NOBODY}", {}),
        ("DELETE", f"/sessions/s_{NOBODY}", None),
        ("POST", f"/sessions/s_{NOBODY}/turns", turn),
        ("POST", f"/sessions/{session}/turns", {**turn, "parent": f"m_{NOBODY}"}),
        ("POST", f"/messages/m_{NOBODY}/stop", None),
        ("POST", f"/messages/m_{NOBODY}/continue", {}),
        ("POST", f"/messages/m_{NOBODY}/regenerate", {}),
        ("POST", f"/messages/m_{NOBODY}/edit", {"parts": turn["parts"]}),
        ("DELETE", f"/messages/m_{NOBODY}", None),
        ("POST", f"/sessions/{session}/fork", {"message": f"m_{NOBODY}"}),
        ("DELETE", f"/pulls/p_{NOBODY}", None),
        ("PATCH", f"/prompts/t_{NOBODY}", {}),
        ("GET", "/nonsense", None),
        ("GET", "/sessions/a/b/c/..%2f", None),
    ):
        await stage.call(method, path, body, status=404)
    unknown = {**turn, "models": ["here/none"]}
    assert (await stage.call("POST", f"/sessions/{session}/turns", unknown, status=404))["code"] == "model_not_found"
    await stage.call("PUT", "/sessions", {}, status=405)
    assert await stage.messages(session) == {}


async def test_another_sessions_message_is_no_parent(stage: ApiStage) -> None:
    begun = await stage.turn(await stage.session(), "Hello", "far/echo")
    await stage.ended(begun["user"]["session"], begun["replies"][0]["id"])
    body = {"parent": begun["user"]["id"], "parts": [{"type": "text", "text": "x"}], "models": ["far/echo"]}
    await stage.call("POST", f"/sessions/{await stage.session()}/turns", body, status=404)
