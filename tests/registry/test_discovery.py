"""Discovery against real small servers: what each kind says, machines that go and come, limits."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hostler.core.capabilities import Capabilities, answer
from hostler.errors import UpstreamError
from hostler.providers.model_lists import Ask
from hostler.registry.catalogue import FILE, Catalogue
from hostler.registry.discovery import Discovery, Timings
from hostler.registry.http_asker import HttpAsker
from hostler.registry.matrix import Matrix
from hostler.registry.questions import Target
from hostler.registry.resolver import Resolver
from hostler.system.address import Address
from tests.registry.cases import Fixed, document, machine, settings, source
from tests.registry.servers import (
    Machine,
    anthropic_pages,
    llama_cpp,
    llama_swap,
    lm_studio,
    models,
    ollama,
    serving,
    vllm,
)

HERE = Path("/nowhere")
QUICK = Timings(local_s=0.01, hosted_s=0.01, down_first_s=0.005, down_last_s=0.01, tick_s=0.01)


def at(served: Machine, kind: str, **more: object) -> Fixed:
    return source(document(machine("box", kind, served.url, **more)), settings(HERE, environment={"KEY": "k"}))


async def discovered(served: Machine, kind: str, **more: object) -> dict[str, Capabilities]:
    """What the matrix knows of each model after one look."""
    async with serving(served):
        here, catalogue = at(served, kind, **more), Catalogue()
        await Discovery(here, catalogue).refresh()
        found = catalogue.machine("box")
        assert found.state == "up", found.reason
        matrix = Matrix(here, catalogue)
        return {model.name: matrix.capabilities(f"box/{model.name}") for model in found.models}


def value(fact: object) -> object:
    return getattr(fact, "value", None)


@asynccontextmanager
async def running(discovery: Discovery) -> AsyncIterator[None]:
    task = asyncio.create_task(discovery.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Told:
    """Hears what discovery publishes, and lets a test wait for it."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self._queue: asyncio.Queue[tuple[str, dict[str, object]]] = asyncio.Queue()

    def __call__(self, kind: str, data: dict[str, object]) -> None:
        self.kinds.append(kind)
        self._queue.put_nowait((kind, data))

    async def wait_for(self, kind: str) -> dict[str, object]:
        async with asyncio.timeout(20):
            while True:
                got, data = await self._queue.get()
                if got == kind:
                    return data


async def test_llama_cpp_says_window_modalities_and_tools() -> None:
    served = llama_cpp(context=8192, vision=True)
    facts = (await discovered(served, "llama.cpp"))["qwen3"]
    assert facts.context_window is not None
    assert facts.context_window.value == 8192
    assert facts.context_window.source == "GET /props"
    assert facts.context_window.as_of
    assert not facts.context_window.uncertain, "the window that is served is no contradiction to the trained one"
    assert (answer(facts.vision), answer(facts.audio), answer(facts.video)) == ("yes", "no", "no")
    assert answer(facts.tool_calling) == "yes"
    assert answer(facts.local) == "yes"
    assert answer(facts.reasoning) == "unknown"


async def test_a_llama_cpp_router_is_not_asked_for_properties() -> None:
    served = llama_cpp()
    served.pages["/v1/models"] = models("a", "b", owner="llamacpp")
    assert list(await discovered(served, "llama.cpp")) == ["a", "b"]
    assert [seen.target for seen in served.seen] == ["/v1/models"]


async def test_llama_swap_lists_models_without_loading_any() -> None:
    served = llama_swap("org/a", "b")
    assert list(await discovered(served, "llama-swap")) == ["org/a", "b"]
    assert [seen.target for seen in served.seen] == ["/v1/models"]


async def test_ollama_says_capabilities_and_windows() -> None:
    facts = await discovered(ollama(), "ollama")
    assert list(facts) == ["qwen3:8b", "tiny:latest", "embed:latest"]
    qwen, tiny, embed = facts.values()
    assert (answer(qwen.tool_calling), answer(qwen.reasoning), answer(qwen.vision)) == ("yes", "yes", "no")
    assert qwen.context_window is not None
    assert (qwen.context_window.value, qwen.context_window.uncertain) == (40960, True)
    assert tiny.context_window is not None
    assert (tiny.context_window.value, tiny.context_window.uncertain) == (2048, False)
    assert (answer(embed.streaming), answer(embed.tool_calling)) == ("no", "no")


@pytest.mark.parametrize("old", [False, True])
async def test_lm_studio_says_what_is_loaded(old: bool) -> None:
    gemma, nomic = (await discovered(lm_studio(old=old), "lmstudio")).values()
    assert value(gemma.context_window) == 4096
    assert (answer(gemma.vision), answer(gemma.tool_calling)) == ("yes", "yes")
    assert (value(nomic.context_window), answer(nomic.streaming)) == (2048, "no")


async def test_sizes_on_disk_are_kept_over_a_restart(tmp_path: Path) -> None:
    for kind, box, name, size in (
        ("ollama", ollama(), "tiny:latest", 5_000),
        ("lmstudio", lm_studio(), "google/gemma", 7_000),
    ):
        async with serving(box):
            here, catalogue = source(document(machine("box", kind, box.url)), settings(tmp_path)), Catalogue(tmp_path)
            discovery = Discovery(here, catalogue)
            await discovery.refresh()
            await discovery.close()
        again = Catalogue(tmp_path).model("box", name)
        assert again is not None and again.size == size
        assert next(entry.size for entry in Resolver(here, catalogue=catalogue).models() if entry.model == name) == size


async def test_vllm_says_its_window() -> None:
    facts = await discovered(vllm(), "vllm")
    assert value(facts["org/big"].context_window) == 32768


async def test_cards_say_limits_and_abilities_over_all_pages() -> None:
    served = anthropic_pages()
    facts = await discovered(served, "anthropic", apiKeyEnv="KEY")
    assert list(facts) == ["claude-a", "claude-b"]
    first = facts["claude-a"]
    assert (value(first.context_window), value(first.max_output)) == (1000000, 64000)
    assert (answer(first.vision), answer(first.reasoning), answer(first.structured_output)) == ("yes", "yes", "no")
    assert (answer(first.web_search), answer(first.code_execution)) == ("yes", "no")
    assert answer(facts["claude-b"].vision) == "unknown"
    assert all(seen.headers["x-api-key"] == "k" for seen in served.seen)
    assert all(seen.headers["anthropic-version"] for seen in served.seen)


async def test_the_key_and_the_prefix_are_used() -> None:
    served = Machine({"/proxy/v1/models": models("m")})
    async with serving(served):
        here = source(
            document(machine("box", url=f"{served.url}/proxy/v1/", apiKeyEnv="KEY", headers={"X-Team": "blue"})),
            settings(HERE, environment={"KEY": "k"}),
        )
        catalogue = Catalogue()
        await Discovery(here, catalogue).refresh()
    assert [model.name for model in catalogue.machine("box").models] == ["m"]
    assert (served.seen[0].headers["authorization"], served.seen[0].headers["x-team"]) == ("Bearer k", "blue")


async def test_a_server_without_a_list_is_up() -> None:
    served = Machine({})
    async with serving(served):
        catalogue = Catalogue()
        await Discovery(at(served, "openai-compatible"), catalogue).refresh()
    assert catalogue.machine("box").state == "up"


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (401, "API key"),
        (503, "loading"),
        (500, "answered 500"),
        (b"<html>", "JSON"),
        (b'{"data": 5, ', "JSON"),
        (b"[" * 50_000, "JSON"),
        (b"x" * (9 << 20), "MiB"),
    ],
)
async def test_a_bad_answer_is_a_machine_that_is_down_with_the_reason(page: object, reason: str) -> None:
    served = Machine({"/v1/models": page})
    async with serving(served):
        catalogue = Catalogue()
        await Discovery(at(served, "openai-compatible"), catalogue).refresh()
    found = catalogue.machine("box")
    assert found.state == "down"
    assert reason in found.reason
    assert found.since > 0


async def test_a_closed_port_is_down_and_says_so() -> None:
    async with serving(Machine({})) as gone:
        pass
    catalogue = Catalogue()
    await Discovery(at(gone, "vllm"), catalogue).refresh()
    assert "No connection to 127.0.0.1" in catalogue.machine("box").reason


async def test_a_redirect_is_not_followed() -> None:
    served = Machine({"/v1/models": 307})
    async with serving(served):
        catalogue = Catalogue()
        await Discovery(at(served, "vllm", apiKeyEnv="KEY"), catalogue).refresh()
    assert "307" in catalogue.machine("box").reason
    assert len(served.seen) == 1


async def test_a_machine_that_keeps_silent_is_given_up() -> None:
    served = Machine({"/v1/models": models("m")}, hold=asyncio.Event())
    async with serving(served):
        asker = HttpAsker(timeout_s=0.05)
        with pytest.raises(UpstreamError, match=r"did not answer within 0\.05 s"):
            await asker.ask(Target(served.address), Ask("/v1/models"))
        await asker.close()


async def test_a_machine_that_goes_down_is_hidden_but_remembered_and_comes_back(tmp_path: Path) -> None:
    served = llama_cpp()
    async with serving(served):
        port = served.address.port
        here = at(served, "llama.cpp")
        catalogue, told = Catalogue(tmp_path), Told()
        resolver = Resolver(here, catalogue=catalogue)
        discovery = Discovery(here, catalogue, publish=told, timings=QUICK)
        assert [entry.id for entry in resolver.models() if entry.listed] == ["here/demo"]
        loop = running(discovery)
        await loop.__aenter__()
        await told.wait_for("machine.up")
        assert [entry.id for entry in resolver.models() if entry.listed] == ["box/qwen3", "here/demo"]
    try:
        assert (await told.wait_for("machine.down"))["provider"] == "box"
        entries = {entry.id: entry for entry in resolver.models()}
        assert entries["box/qwen3"].state == "down"
        assert not entries["box/qwen3"].listed
        assert entries["box/qwen3"].context == 8192
        async with serving(served, port):
            await told.wait_for("machine.up")
            assert next(entry for entry in resolver.models() if entry.id == "box/qwen3").listed
    finally:
        await loop.__aexit__(None, None, None)


async def test_what_was_found_survives_a_restart(tmp_path: Path) -> None:
    served = llama_cpp()
    async with serving(served):
        here = at(served, "llama.cpp")
        first = Catalogue(tmp_path)
        await Discovery(here, first).refresh()
    again = Catalogue(tmp_path)
    assert again.machine("box") == first.machine("box")
    await Discovery(here, again).refresh()
    assert (again.machine("box").state, len(again.machine("box").models)) == ("down", 1)
    assert Catalogue(tmp_path).machine("box").state == "down"


async def test_a_new_machine_in_the_file_is_looked_at_without_a_restart() -> None:
    async with serving(llama_cpp("one")) as one, serving(vllm()) as two:
        here, catalogue, told = at(one, "llama.cpp"), Catalogue(), Told()
        async with running(Discovery(here, catalogue, publish=told, timings=QUICK)):
            assert (await told.wait_for("machine.up"))["provider"] == "box"
            here.directory = source(document(machine("new", "vllm", two.url)), settings(HERE)).directory
            assert (await told.wait_for("machine.up"))["models"] == ["org/big"]


async def test_a_model_that_comes_or_goes_is_told() -> None:
    async with serving(llama_swap("a")) as served:
        told, catalogue = Told(), Catalogue()
        async with running(Discovery(at(served, "llama-swap"), catalogue, publish=told, timings=QUICK)):
            await told.wait_for("machine.up")
            served.pages["/v1/models"] = models("a", "b")
            assert (await told.wait_for("models.changed"))["models"] == ["a", "b"]


async def test_the_start_is_not_held_up_by_a_silent_machine() -> None:
    served = Machine({"/v1/models": models("m")}, hold=asyncio.Event())
    async with serving(served):
        discovery = Discovery(at(served, "vllm"), Catalogue(), timings=QUICK)
        async with running(discovery), asyncio.timeout(20):
            await served.asked.wait()
            assert not discovery._first_round.is_set()
            assert served.hold is not None
            served.hold.set()
            await discovery.wait_first_round()


async def test_nobody_is_asked_where_nobody_may_be() -> None:
    data = document(machine("off", enabled=False), machine("d", "dashscope"), machine("k", apiKeyEnv="MISSING"))
    discovery = Discovery(source(data, settings(HERE)), Catalogue())
    await discovery.refresh()
    assert discovery.statistics().looks == 0


async def test_look_soon_brings_the_next_look_forward() -> None:
    async with serving(vllm()) as served:
        discovery = Discovery(at(served, "vllm"), Catalogue(), timings=Timings(local_s=3600))
        async with running(discovery), asyncio.timeout(20):
            await discovery.wait_first_round()
            served.asked.clear()
            discovery.look_soon("box")
            discovery.look_soon("nobody")
            await served.asked.wait()
    assert discovery.statistics().looks == 2


async def test_a_folder_that_cannot_be_written_costs_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).mkdir()
    async with serving(vllm()) as served:
        with caplog.at_level(logging.WARNING):
            await Discovery(at(served, "vllm"), catalogue := Catalogue(tmp_path)).refresh()
    assert catalogue.machine("box").state == "up"
    assert "not kept" in caplog.text


async def test_a_compressed_answer_is_refused_in_words() -> None:
    async with serving(Machine({"/v1/models": models("m")}, "x\r\ncontent-encoding: gzip")) as served:
        catalogue = Catalogue()
        await Discovery(at(served, "vllm"), catalogue).refresh()
    assert "compressed" in catalogue.machine("box").reason


async def test_hosts_that_do_not_exist_are_down() -> None:
    asker = HttpAsker()
    with pytest.raises(UpstreamError):
        await asker.ask(Target(Address("127.0.0.1", 1)), Ask("/v1/models"))
    await asker.close()
