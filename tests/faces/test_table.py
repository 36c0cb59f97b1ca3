"""Every face over every wire: the official SDKs get the same from each, and hold a second turn over it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.end_to_end.gate import Gate
from tests.faces.clients import FACES, Face, Refused, face
from tests.faces.conftest import WIRES

stream = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
faces = pytest.mark.parametrize("name", FACES)
Case = Callable[[Face, str], Awaitable[None]]


async def over_each_wire(door: Gate, name: str, case: Case) -> None:
    """One case over all wires: one gateway serves them, and all that fail are told."""
    wrong: dict[str, str] = {}
    async with face(name, door.address) as client:
        for wire in WIRES:
            try:
                async with asyncio.timeout(20):
                    await case(client, wire)
            except (AssertionError, Refused, TimeoutError) as error:
                wrong[wire] = f"{type(error).__name__}: {error}"
    assert not wrong


@faces
@stream
async def test_text_over_three_turns(door: Gate, name: str, *, stream: bool) -> None:
    async def case(client: Face, wire: str) -> None:
        history = []
        for text in ("Good morning!", "Grüße, 世界, 🐴", "Third."):
            history.append(client.user(text))
            said = await client.ask(f"{wire}/echo", history, tools=False, stream=stream)
            assert (said.text, said.finish, said.calls) == (text, "stop", [])
            assert said.prompt_tokens and said.completion_tokens
            history += said.turn

    await over_each_wire(door, name, case)


@faces
@stream
async def test_a_call_and_its_result(door: Gate, name: str, *, stream: bool) -> None:
    async def case(client: Face, wire: str) -> None:
        history = [client.user("What is the weather?")]
        said = await client.ask(f"{wire}/tools", history, tools=True, stream=stream)
        assert said.finish == "tool_calls"
        (call,) = said.calls
        assert call.name == "weather" and isinstance(call.arguments["city"], str)
        history += [*said.turn, *client.results(said, ["Sunny."])]
        said = await client.ask(f"{wire}/tools", history, tools=True, stream=stream)
        assert said.finish == "stop" and said.text.startswith("The tool said: ") and "Sunny." in said.text

    await over_each_wire(door, name, case)


@faces
@stream
async def test_counts_agree(door: Gate, name: str, *, stream: bool) -> None:
    async def case(client: Face, wire: str) -> None:
        said = await client.ask(f"{wire}/usage", [client.user("Count.")], tools=False, stream=stream)
        assert said.text == "Counted."
        assert said.completion_tokens == 5
        assert said.prompt_tokens in (18, 23), "23 where the wire counts what went into the cache"

    await over_each_wire(door, name, case)


@faces
@stream
async def test_thinking_is_never_text(door: Gate, name: str, *, stream: bool) -> None:
    async def case(client: Face, wire: str) -> None:
        history = [client.user("Why?")]
        for _ in range(2):
            said = await client.ask(f"{wire}/think", history, tools=False, stream=stream)
            assert (said.text, said.finish) == ("You said: Why?", "stop")
            assert said.reasoning in ("", "Let me see. The question is short, so the answer may be, too.")
            history += [*said.turn, client.user("Why?")]

    await over_each_wire(door, name, case)


@faces
@stream
async def test_an_error_is_one_for_the_client(door: Gate, name: str, *, stream: bool) -> None:
    async def case(client: Face, wire: str) -> None:
        for status in (400, 401, 402, 403, 404, 413, 429, 500, 503, 529):
            with pytest.raises(Refused) as caught:
                await client.ask(f"{wire}/fail-{status}", [client.user("x")], tools=False, stream=stream)
            told = caught.value
            assert told.status >= 500 if status >= 500 else told.status == status, (status, told)

    await over_each_wire(door, name, case)


@faces
async def test_a_broken_stream_is_never_a_whole_answer(door: Gate, name: str) -> None:
    async def case(client: Face, wire: str) -> None:
        for model in ("drop", "cut", "error"):
            with pytest.raises(Refused):
                said = await client.ask(f"{wire}/{model}", [client.user("x")], tools=False, stream=True)
                raise AssertionError((model, said))

    await over_each_wire(door, name, case)


@faces
@stream
async def test_a_refusal_is_told(door: Gate, name: str, *, stream: bool) -> None:
    async def case(client: Face, wire: str) -> None:
        said = await client.ask(f"{wire}/refuse", [client.user("x")], tools=False, stream=stream)
        assert said.text == "I cannot help with this." or said.finish == "refusal"

    await over_each_wire(door, name, case)
