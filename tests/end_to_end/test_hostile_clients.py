"""Clients that mean harm, or are merely odd: each is answered, and costs no more than its own call."""

from pathlib import Path

import pytest

from tests.end_to_end.faces import error_of
from tests.end_to_end.gate import CHAT, Setup, chat, gate, get, provider
from tests.end_to_end.machine import machine

CONTROL = "/hostler/api/control/"
ENDLESS = "9" * 5000
"""More digits than Python reads as a number."""


async def test_a_senseless_sequence_number_is_answered(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        client = await door.client()
        key = f"Authorization: Bearer {door.app.token}".encode()
        reply = await client.ask(get(f"{CONTROL}events?since={ENDLESS}", key))
        assert reply.status == 400


@pytest.mark.parametrize("limit", [ENDLESS, "0", "-1", "1001", "", "x"])
async def test_a_senseless_limit_is_a_clients_mistake(limit: str, tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        reply = await door.ask(f"/v1/models?limit={limit}", headers={"anthropic-version": "2023-06-01"})
        # an empty one is none
        assert reply.status == (400 if limit else 200)


async def test_a_key_is_not_looked_for_in_ten_thousand_fields(tmp_path: Path) -> None:
    """Taking them apart would keep the loop, before it is known who asks."""
    setup = Setup(gateway={"keys": ("sk-one",)})
    async with machine() as a, gate(tmp_path, provider("a", a), setup=setup) as door:
        reply = await door.ask(f"{CHAT}?alt=sse&key=sk-one", chat("a/m"))
        assert reply.status == 200
        reply = await door.ask(f"{CHAT}?{'a=b&' * 10_000}key=sk-one", chat("a/m"))
        assert reply.status == 401
        error_of(CHAT, reply)
