"""Thinking over every face and wire: what a face can carry is there, and goes back where it must."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from hostler.providers.fake import FakeVendor
from tests.end_to_end.gate import Gate
from tests.faces.clients import FACES, Face, Refused, face
from tests.faces.conftest import WIRES
from tests.faces.granted import holds
from tests.fakes import serving

pytestmark = pytest.mark.slow  # each goes over six wires
THOUGHT = "Let me see. The question is short, so the answer may be, too."
SEALS = {
    "anthropic": re.compile(rb'"signature":\s?"([^"]+)"'),
    "gemini": re.compile(rb'"thoughtSignature":\s?"([^"]+)"'),
    "openai-responses": re.compile(rb'"encrypted_content":\s?"([^"]+)"'),
}
"""Wires whose thinking is sealed, and how a seal stands in a request."""

SCRIPT = {
    "models": [
        {"id": "think", "replies": [{"reasoning": THOUGHT, "text": "You said: ", "echo": True}]},
        {
            "id": "agent",
            "replies": [
                {"when": {"tool_result": True}, "text": "It said: ", "echo": True},
                {"reasoning": THOUGHT, "call_first_tool": True},
            ],
        },
    ]
}


@pytest.fixture
async def fake() -> AsyncIterator[FakeVendor]:
    async with serving(SCRIPT, strict=True) as fake:
        yield fake


faces = pytest.mark.parametrize("name", FACES)
stream = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
Case = Callable[[Face, str], Awaitable[None]]


async def over_each_wire(door: Gate, name: str, case: Case) -> None:
    wrong: dict[str, str] = {}
    async with face(name, door.address) as client:
        for wire in WIRES:
            try:
                async with asyncio.timeout(20):
                    await case(client, wire)
            except (AssertionError, Refused, TimeoutError) as error:
                wrong[wire] = f"{type(error).__name__}: {error}"
    assert wrong == {}


def last_of(fake: FakeVendor, wire: str) -> Any:
    """The last chat that was asked over a wire."""
    asked = [r for r in fake.requests if r.wire == wire and r.method == "POST" and not r.path.endswith("/api/show")]
    return asked[-1]


@faces
@stream
async def test_thinking_is_kept_and_goes_back_sealed(door: Gate, fake: FakeVendor, name: str, *, stream: bool) -> None:
    async def case(client: Face, wire: str) -> None:
        history = [client.user("Weather?")]
        said = await client.ask(f"{wire}/think", history, tools=False, stream=stream)
        assert said.reasoning == THOUGHT
        history += [*said.turn, client.user("And tomorrow?")]
        again = await client.ask(f"{wire}/think", history, tools=False, stream=stream)
        assert again.text == "You said: And tomorrow?"
        second = last_of(fake, wire)
        if wire in SEALS:
            (seal,) = SEALS[wire].findall(second.body)
            assert len(seal) > 8
        elif wire != "ollama":  # which takes thinking back, and whose vendor's own clients send it
            assert not holds(second.json, THOUGHT)

    await over_each_wire(door, name, case)


@faces
@stream
async def test_a_call_goes_back_with_the_thinking_before_it(
    door: Gate, fake: FakeVendor, name: str, *, stream: bool
) -> None:
    async def case(client: Face, wire: str) -> None:
        history = [client.user("Weather?")]
        said = await client.ask(f"{wire}/agent", history, tools=True, stream=stream)
        assert (said.reasoning, said.finish, len(said.calls)) == (THOUGHT, "tool_calls", 1)
        history += [*said.turn, *client.results(said, ["Sunny."])]
        again = await client.ask(f"{wire}/agent", history, tools=True, stream=stream)
        assert again.text.startswith("It said: ") and "Sunny." in again.text
        if wire in SEALS:
            assert len(SEALS[wire].findall(last_of(fake, wire).body)) == 1

    await over_each_wire(door, name, case)
