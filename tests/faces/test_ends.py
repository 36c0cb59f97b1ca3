"""How replies end, and what they cost, over every face and wire."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from hostler.providers.fake import FakeVendor
from tests.end_to_end.gate import Gate
from tests.faces.clients import FACES, Face, Refused, face
from tests.faces.conftest import WIRES
from tests.fakes import serving

pytestmark = pytest.mark.slow  # each goes over six wires
ENDS = {"length": "length", "stop_sequence": "stop", "content_filter": "refusal"}
"""What the script says of an end, and what a client makes of it."""
SCRIPT = {
    "models": [
        *({"id": end, "replies": [{"text": "As far as it", "finish": end}]} for end in ENDS),
        {
            "id": "usage",
            "replies": [
                {
                    "text": "Counted.",
                    "usage": {"input": 11, "cache_read": 7, "cache_write": 5, "output": 3, "reasoning": 2},
                }
            ],
        },
    ]
}
UNCOUNTED = {"ollama": {"cached", "thought"}}
"""Counts that a wire has no word for."""

faces = pytest.mark.parametrize("name", FACES)
stream = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
Case = Callable[[Face, str], Awaitable[None]]


@pytest.fixture
async def fake() -> AsyncIterator[FakeVendor]:
    async with serving(SCRIPT, strict=True) as fake:
        yield fake


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


@faces
@stream
@pytest.mark.parametrize("end", ENDS)
async def test_an_end_is_of_the_same_class(door: Gate, name: str, end: str, *, stream: bool) -> None:
    async def case(client: Face, wire: str) -> None:
        said = await client.ask(f"{wire}/{end}", [client.user("Go.")], tools=False, stream=stream)
        assert (said.text, said.finish) == ("As far as it", ENDS[end])

    await over_each_wire(door, name, case)


@faces
@stream
async def test_cached_and_thought_tokens(door: Gate, name: str, *, stream: bool) -> None:
    async def case(client: Face, wire: str) -> None:
        said = await client.ask(f"{wire}/usage", [client.user("Count.")], tools=False, stream=stream)
        unknown = UNCOUNTED.get(wire, set()) | UNCOUNTED.get(name, set())
        assert (said.cached_tokens or 0) == (0 if "cached" in unknown else 7)
        assert (said.thought_tokens or 0) == (0 if "thought" in unknown else 2)

    await over_each_wire(door, name, case)
