"""`hostler.open()`: in this process, through the one that runs, or at an address."""

import asyncio
from pathlib import Path

import pytest

import hostler
from hostler.app import open_app
from hostler.settings import load
from hostler.system.owner import Owner, find_owner
from tests.cli.program import started

pytestmark = pytest.mark.slow


async def test_without_a_running_hostler_the_program_does_the_work(own_folders: Path) -> None:
    async with hostler.open() as client:
        owner = find_owner(own_folders / "data")
        assert owner is not None and owner.address == ""
        reply = await client.ask("here/demo", "hello")
        assert reply.text and reply.usage.known
        assert [model.id for model in await client.models()] == ["here/demo"]
    assert find_owner(own_folders / "data") is None


async def test_tools_make_a_whole_round() -> None:
    def get_weather(city: str) -> str:
        """Tell the weather in a city."""
        return f"sunny in {city}"

    question = hostler.Message("user", (hostler.Text(text="What is the weather in Paris?"),))
    async with hostler.open() as client:
        asked = await client.ask("here/demo", question, tools=[get_weather])
        (call,) = asked.tool_calls
        assert call.name == "get_weather" and "city" in call.arguments
        result = hostler.ToolResult(call_id=call.id, content=(hostler.Text(text="sunny"),))
        conversation = [question, hostler.Message("assistant", asked.parts), hostler.Message("tool", (result,))]
        told = await client.ask("here/demo", conversation, tools=[get_weather])
    assert "sunny" in told.text


async def test_with_a_running_hostler_it_is_asked(own_folders: Path) -> None:
    async with started("up", "--port", "0", "--json") as program:
        facts = await program.object()
        async with hostler.open() as client, hostler.open(address=facts["address"], key="any") as other:
            for each in (client, other):
                assert (await each.ask("here/demo", "hello")).text
                assert [model.id for model in await each.models()] == ["here/demo"]
        owner = find_owner(own_folders / "data")
        assert owner is not None and owner.pid == program.process.pid


async def test_an_owner_that_does_not_listen_is_named(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hostler.app.OPENING_S", 0.1)
    owner = Owner.acquire(own_folders / "data")
    try:
        with pytest.raises(hostler.HostlerError, match="does not listen"):
            async with hostler.open():
                pass
    finally:
        owner.release()


async def test_an_owner_that_begins_to_listen_is_waited_for(own_folders: Path) -> None:
    owner = Owner.acquire(own_folders / "data")
    try:
        asyncio.get_running_loop().call_later(0.1, owner.announce, "http://127.0.0.1:1")
        async with hostler.open() as client:
            with pytest.raises(hostler.HostlerError):
                await client.models()
    finally:
        owner.release()


async def test_an_app_that_is_closed_at_once_leaves_nothing_unawaited() -> None:
    async with open_app(load()):
        pass
