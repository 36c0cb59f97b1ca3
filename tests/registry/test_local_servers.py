"""Servers that already run here are told apart by what they say, and offered as entries."""

import json
from pathlib import Path

import pytest

from hostler.providers.fingerprints import USUAL_PORTS
from hostler.registry.file_format import check
from hostler.registry.local_servers import probe_local_servers
from tests.registry.cases import document, machine, settings, source
from tests.registry.servers import Machine, llama_cpp, llama_swap, lm_studio, models, ollama, serving, vllm

SERVERS = {
    "llama.cpp": llama_cpp,
    "llama-swap": lambda: llama_swap("a"),
    "ollama": ollama,
    "lmstudio": lm_studio,
    "vllm": vllm,
    "sglang": lambda: Machine(
        {"/v1/models": models("m"), "/get_model_info": {"model_path": "m", "tokenizer_path": "m"}}
    ),
    "localai": lambda: Machine({"/v1/models": models("m"), "/system": {"backends": [], "loaded_models": []}}),
    "tabbyapi": lambda: Machine({"/v1/models": models("m", owner="tabbyAPI")}),
    "mlx": lambda: Machine({"/v1/models": models("m")}, "BaseHTTP/0.6 Python/3.12.1"),
    "openai-compatible": lambda: Machine({"/v1/models": models("m")}),
}


@pytest.mark.parametrize("kind", SERVERS)
async def test_each_kind_is_recognised_on_any_port(kind: str) -> None:
    async with serving(SERVERS[kind]()) as served:
        (found,) = await probe_local_servers(ports=[served.address.port])
    assert found.kind == kind
    assert found.entry["baseUrl"] == served.url
    assert found.known_as is None
    assert check(json.dumps({"providers": [found.entry]}).encode()).errors == ()


async def test_the_old_list_of_lm_studio_is_recognised() -> None:
    async with serving(lm_studio(old=True)) as served:
        (found,) = await probe_local_servers(ports=[served.address.port])
    assert found.kind == "lmstudio"


@pytest.mark.parametrize("pages", [{}, {"/v1/models": b"<html>"}, {"/": b"hello"}, {"/v1/models": []}])
async def test_other_servers_are_not_taken_for_model_servers(pages: dict[str, object]) -> None:
    async with serving(Machine(pages)) as served:
        assert await probe_local_servers(ports=[served.address.port]) == ()


async def test_closed_ports_cost_nothing() -> None:
    async with serving(Machine({})) as gone:
        pass
    assert await probe_local_servers(ports=[gone.address.port]) == ()


async def test_ids_are_free_and_known_servers_are_marked() -> None:
    async with serving(vllm()) as one, serving(vllm()) as two:
        here = source(document(machine("vllm", url=f"http://localhost:{two.address.port}")), settings(Path("/nowhere")))
        first, second = await probe_local_servers(here.directory, ports=[one.address.port, two.address.port])
    assert (first.entry["id"], first.known_as) == ("vllm-2", None)
    assert (second.entry["id"], second.known_as) == ("vllm", "vllm")


def test_the_usual_ports_are_those_of_the_kinds() -> None:
    assert {11434, 8080, 1234, 8000, 10240, 5000, 30000} <= set(USUAL_PORTS)
