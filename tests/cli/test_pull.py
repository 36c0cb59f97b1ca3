"""`hostler pull` from a hub on this machine."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.program import ran, started
from tests.engines.hub_server import REPO, HubServer, serving
from tests.engines.models import Hollow, hollow

FILE = "model-Q4_K_M.gguf"
pytestmark = pytest.mark.slow


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HubServer]:
    """A hub with one model."""
    data = hollow(tmp_path, Hollow()).read_bytes() + bytes(200_000)
    async with serving({FILE: data}) as server:
        yield server


async def test_a_model_is_fetched_and_entered(hub: HubServer, own_folders: Path) -> None:
    ended = await ran("pull", REPO, "--hub", hub.address)
    assert ended.status == 0, ended.err
    assert ended.out == "here/model-q4_k_m\n"
    assert "is whole and checked" in ended.err and "100 % of" in ended.err
    assert "hostler chat here/model-q4_k_m" in ended.err
    file = json.loads((own_folders / "config" / "hostler" / "llama-providers.json").read_text())
    (entry,) = file["providers"]
    assert (file["defaultProvider"], entry["id"], entry["kind"]) == ("here", "here", "engine")
    (model,) = entry["models"]
    assert model["id"] == "model-q4_k_m"
    assert (own_folders / "data" / model["recipe"]["path"]).read_bytes() == hub.files[FILE]
    assert (own_folders / "data").stat().st_mode & 0o777 == 0o700, "as whoever comes first makes it"
    assert "here/model-q4_k_m" in (await ran("models")).out


async def test_again_it_is_there_already_and_json_is_for_programs(hub: HubServer) -> None:
    await ran("pull", REPO, "--hub", hub.address)
    ended = await ran("pull", f"{REPO}:Q4_K_M", "--hub", hub.address, "--name", "mine", "--json")
    assert ended.status == 0, ended.err
    assert (ended.json["model"], ended.json["size"]) == ("here/mine", len(hub.files[FILE]))
    assert len(hub.transfers()) == 1


async def test_what_the_hub_does_not_have(hub: HubServer) -> None:
    ended = await ran("pull", f"{REPO}:Q8_0", "--hub", hub.address)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("hostler: ") and "Q8_0" in ended.err


async def test_a_name_that_is_none(hub: HubServer) -> None:
    ended = await ran("pull", "nonsense", "--hub", hub.address)
    assert (ended.status, ended.out) == (1, "")
    assert "Write ORG/NAME or ORG/NAME:QUANT" in ended.err


async def test_ctrl_c_leaves_a_part_that_the_next_one_goes_on_with(hub: HubServer, own_folders: Path) -> None:
    hub.cuts, hub.hang = [100_000], True
    folder = own_folders / "data" / "models"
    async with started("pull", REPO, "--hub", hub.address) as program:
        async with asyncio.timeout(20):
            while not any(part.stat().st_size for part in folder.rglob("*.part")):
                await asyncio.to_thread(folder.exists)
        program.interrupt()
        ended = await program.ended()
    assert (ended.status, ended.out) == (130, "")
    assert "The same command goes on where this one stopped." in ended.err
    hub.hang = False
    assert (await ran("pull", REPO, "--hub", hub.address)).status == 0
    assert "range" in hub.transfers()[-1].headers
