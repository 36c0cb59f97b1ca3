"""Models in other machines' memory: seen, loaded, kept warm, unloaded, by each kind's own calls."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hostler.errors import RequestError, UpstreamError
from hostler.providers.provider import Provider
from hostler.registry.catalogue import Catalogue
from hostler.registry.http_asker import HttpAsker
from hostler.workbench.event_schema import validate
from hostler.workbench.machine_work import MachineWork
from hostler.workbench.views import MachineMemory, ResidentModel
from tests.registry import loading_servers
from tests.registry.cases import document, machine, settings, source
from tests.registry.loading_servers import GIB, Loading
from tests.registry.servers import serving
from tests.waiting import wait_until

KINDS = {"ollama": "qwen3:8b", "llama-swap": "org/m", "lmstudio": "google/gemma", "llama.cpp": "org/big"}


@dataclass
class Stage:
    """A machine, and who works with it."""

    work: MachineWork
    provider: Provider
    machine: Loading
    catalogue: Catalogue
    told: list[MachineMemory] = field(default_factory=list[MachineMemory])
    doubted: list[str] = field(default_factory=list[str])

    async def seen(self) -> MachineMemory:
        (found,) = await self.work.look()
        return found

    async def load(self, model: str) -> ResidentModel:
        """How it stands when the order is over."""
        self.work.load(self.provider, model)
        box = self.work._machines["box"]
        looks = len(self.machine.seen)
        await wait_until(lambda: not box.orders and box.looking is None and len(self.machine.seen) > looks)
        (view,) = [view for view in self.told[-1].models if view.model == f"box/{model}"]
        return view

    def orders(self, path: str) -> list[bytes]:
        return [seen.body for seen in self.machine.seen if seen.target.startswith(path)]


@asynccontextmanager
async def stage(kind: str, folder: Path) -> AsyncIterator[Stage]:
    async with serving(loading_servers.make(kind)) as box:
        assert isinstance(box, Loading)
        at = source(document(machine("box", kind, box.url)), settings(folder))
        catalogue, told = Catalogue(), list[MachineMemory]()

        def publish(name: str, data: Mapping[str, object]) -> None:
            validate(name, data)
            memory = data["machine"]
            assert isinstance(memory, MachineMemory)
            told.append(memory)

        doubted: list[str] = []
        work = MachineWork(
            at,
            publish,
            catalogue=catalogue,
            asker=HttpAsker(timeout_s=5.0),
            patient=HttpAsker(timeout_s=20.0),
            doubt=doubted.append,
        )
        try:
            yield Stage(work, at.directory.providers["box"], box, catalogue, told, doubted)
        finally:
            await work.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_model_is_loaded_seen_and_unloaded(kind: str, tmp_path: Path) -> None:
    model = KINDS[kind]
    async with stage(kind, tmp_path) as on:
        assert (await on.seen()).models == () and (await on.seen()).loads
        view = await on.load(model)
        assert (view.model, view.state, view.error) == (f"box/{model}", "loaded", None)
        assert next(told.models[0].state for told in on.told if told.models) == "loading", "told at once"
        assert await on.work.unload(on.provider, model)
        assert on.machine.loaded == {} and on.told[-1].models == ()
        assert not await on.work.unload(on.provider, model), "it was not there"


async def test_what_the_server_says_of_a_model_in_memory(tmp_path: Path) -> None:
    async with stage("ollama", tmp_path) as on:
        view = await on.load("qwen3:8b")
        assert (view.memory, view.accelerated, view.context) == (6 * GIB, 4 * GIB, 4096)
        assert view.until == 1_795_192_457_123
    async with stage("lmstudio", tmp_path) as on:
        view = await on.load("google/gemma")
        assert (view.memory, view.context, view.until) == (None, 4096, None)


async def test_what_is_warm_is_kept_warm_and_never_loaded_twice(tmp_path: Path) -> None:
    async with stage("ollama", tmp_path) as on:
        await on.load("qwen3:8b")
        await on.load("qwen3:8b")
        assert len(on.orders("/api/generate")) == 2 and on.told[-1].renews
    async with stage("lmstudio", tmp_path) as on:
        await on.load("google/gemma")
        await on.load("google/gemma")
        assert len(on.orders("/api/v1/models/load")) == 1 and not on.told[-1].renews
        on.machine.loaded["google/gemma:2"] = "google/gemma"
        assert await on.work.unload(on.provider, "google/gemma")
        assert on.machine.loaded == {}, "every copy"


@pytest.mark.parametrize("kind", ["ollama", "llama-swap", "llama.cpp"])
async def test_a_machine_that_cannot_load_it_says_so_until_it_can(kind: str, tmp_path: Path) -> None:
    model = KINDS[kind]
    async with stage(kind, tmp_path) as on:
        on.machine.broken = (model,)
        view = await on.load(model)
        assert view.state == "failed" and view.error is not None and str(on.machine.address) in view.error.message
        assert (await on.seen()).models == (view,)
        on.machine.broken = ()
        assert (await on.load(model)).error is None


async def test_the_servers_own_words_are_passed_on(tmp_path: Path) -> None:
    async with stage("ollama", tmp_path) as on:
        on.machine.broken = ("qwen3:8b",)
        error = (await on.load("qwen3:8b")).error
        assert error is not None and error.message.endswith(
            "It says: model requires more system memory (9.9 GiB) than is available (1.2 GiB)"
        )
        on.machine.broken, on.machine.loaded = (), {"qwen3:8b": "loaded"}
        on.machine.pages["/api/generate"] = 500
        on.machine.obey = lambda target, order: None  # type: ignore[method-assign]
        with pytest.raises(UpstreamError, match="answered 500 to /api/generate"):
            await on.work.unload(on.provider, "qwen3:8b")


async def test_a_load_that_takes_long_is_seen_by_all_and_can_be_called_off(tmp_path: Path) -> None:
    async with stage("ollama", tmp_path) as on:
        on.machine.hold, on.machine.held = asyncio.Event(), ("/api/generate",)
        on.work.load(on.provider, "qwen3:8b")
        on.work.load(on.provider, "qwen3:8b")
        await wait_until(lambda: len(on.orders("/api/generate")) == 1)
        (view,) = (await on.seen()).models
        assert view.state == "loading"
        on.machine.held = ("/nothing",)
        assert await on.work.unload(on.provider, "qwen3:8b")
        assert on.told[-1].models == ()


async def test_a_server_in_another_mode_or_of_another_kind_loads_nothing(tmp_path: Path) -> None:
    async with stage("llama.cpp", tmp_path) as on:
        on.machine.shown = lambda: {"/v1/models": {"data": [{"id": "only"}]}}  # type: ignore[method-assign]
        assert not (await on.seen()).loads
    async with stage("vllm", tmp_path) as on:
        assert await on.work.look() == ()
        with pytest.raises(RequestError, match="vLLM has no call"):
            on.work.load(on.provider, "only")


async def test_machines_that_are_down_are_left_alone_and_others_say_why(tmp_path: Path) -> None:
    async with stage("ollama", tmp_path) as on:
        on.machine.pages["/api/ps"] = 500
        on.machine.shown = dict  # type: ignore[method-assign]
        assert "500" in (await on.seen()).problem
        assert on.doubted == ["box"], "so that it is soon shown as down, if it is"
        on.catalogue.saw_down("box", "gone", now=1.0)
        assert await on.work.look() == ()


async def test_many_tabs_ask_once(tmp_path: Path) -> None:
    async with stage("ollama", tmp_path) as on:
        await asyncio.gather(*(on.work.look() for _ in range(8)))
        assert len(on.orders("/api/ps")) == 1 and len(on.told) == 1
