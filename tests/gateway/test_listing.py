"""Model lists page by page, as the anthropic wire publishes them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.gate import Gate, gate, provider
from tests.end_to_end.machine import Machine, machine

VERSION = {"anthropic-version": "2023-06-01"}
NAMES = tuple(f"m{number:02}" for number in range(45))


async def page(door: Gate, query: str) -> Any:
    reply = await door.ask(f"/v1/models{query}", headers=VERSION)
    assert reply.status == 200, reply
    return json.loads(reply.body)


@pytest.mark.parametrize("limit", [1, 7, 20, 45, 1000])
async def test_pages_forward_hold_every_model_once(limit: int, tmp_path: Path) -> None:
    async with machine(Machine(NAMES)) as a, gate(tmp_path, provider("a", a)) as door:
        await door.app.discovery.refresh()
        ids: list[str] = []
        query, more = f"?limit={limit}", True
        while more:
            seen = await page(door, query)
            assert len(seen["data"]) <= limit
            assert seen["first_id"] == seen["data"][0]["id"] and seen["last_id"] == seen["data"][-1]["id"]
            ids += [card["id"] for card in seen["data"]]
            query, more = f"?limit={limit}&after_id={seen['last_id']}", seen["has_more"]
        assert [each for each in ids if each.startswith("a/")] == [f"a/{name}" for name in NAMES]
        assert len(set(ids)) == len(ids)


async def test_a_page_backwards_ends_before_its_id(tmp_path: Path) -> None:
    async with machine(Machine(NAMES)) as a, gate(tmp_path, provider("a", a)) as door:
        await door.app.discovery.refresh()
        seen = await page(door, "?limit=3&before_id=a/m10")
        assert [card["id"] for card in seen["data"]] == ["a/m07", "a/m08", "a/m09"]
        assert (await page(door, "?limit=3&before_id=a/m01"))["data"][-1]["id"] == "a/m00"
        assert len((await page(door, "?after_id=nobody"))["data"]) == 20


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "", "%C2%B2", "1e2"])
async def test_a_limit_that_is_none_is_refused(limit: str, tmp_path: Path) -> None:
    async with gate(tmp_path) as door:
        reply = await door.ask(f"/v1/models?limit={limit}", headers=VERSION)
        if limit == "":
            assert reply.status in (200, 400)
            return
        assert reply.status == 400
        assert json.loads(reply.body)["error"]["type"] == "invalid_request_error"


async def test_a_name_of_any_length_is_not_remembered(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        before = door.app.resolver.statistics().routes
        reply = await door.ask(f"/v1/models/a/{'x' * 30_000}")
        assert 400 <= reply.status < 500 and len(reply.body) < 2000
        assert door.app.resolver.statistics().routes == before
