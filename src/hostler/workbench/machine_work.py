"""Models in the memory of other machines: which ones, and loading and unloading them by their servers' own calls.

Knows: which orders are under way and how they ended, when to ask again. Does not know: the calls (providers.loading),
engines of ours, HTTP.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from hostler.errors import HostlerError, RequestError, UpstreamError, UpstreamRefused, UpstreamTimeout
from hostler.providers.kinds import KINDS
from hostler.providers.loading import Loader, Order, Resident, loader_of
from hostler.providers.provider import Provider
from hostler.registry.catalogue import Catalogue
from hostler.registry.directory import DirectorySource
from hostler.registry.questions import Asker, converse, target_of
from hostler.workbench.views import MachineMemory, Problem, ResidentModel

LOAD_S: Final = 900.0
"""Seconds that a machine may take to load a model; a big one from a slow disk takes minutes."""
FRESH_S: Final = 2.0
"""Seconds for which an answer is good enough for whoever asks next."""
FOLLOW_S: Final = 0.5
"""Seconds between two looks at a model that its machine loads in the background."""
SAID: Final = 300
"""Characters of a server's own words that are shown."""

Publish = Callable[[str, Mapping[str, object]], object]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Machine:
    """One machine as it was last seen, and what was asked of it."""

    seen: MachineMemory | None = None
    asked: float = float("-inf")
    looking: asyncio.Task[MachineMemory] | None = None
    orders: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, asyncio.Task[None]])
    """Models that are being loaded."""
    failures: dict[str, Problem] = field(default_factory=dict[str, Problem])


class MachineWork:
    """Belongs to one event loop; `close` ends what it does. `asker` carries questions, `patient` those that may last,
    and `doubt` hears the id of a provider whose machine did not answer, so that it is looked at before its time.

    Every change is told as `machine.memory`.
    """

    def __init__(
        self,
        source: DirectorySource,
        publish: Publish,
        *,
        catalogue: Catalogue,
        asker: Asker,
        patient: Asker,
        doubt: Callable[[str], object],
    ) -> None:
        self._source = source
        self._catalogue = catalogue
        self._publish = publish
        self._asker = asker
        self._patient = patient
        self._doubt = doubt
        self._machines: dict[str, _Machine] = {}

    async def look(self) -> tuple[MachineMemory, ...]:
        """Every machine that could tell and is not known to be down; asked now unless it was moments ago."""
        providers = [provider for provider in self._source.directory.providers.values() if self._may_tell(provider)]
        for gone in self._machines.keys() - {provider.id for provider in providers}:
            if not self._machines[gone].orders:
                del self._machines[gone]
        return tuple(await asyncio.gather(*(self._look(provider) for provider in providers)))

    def load(self, provider: Provider, model: str) -> None:
        """Have a model loaded, or kept warm if it is; events tell how it goes. Raises RequestError."""
        loader = _loader(provider)
        machine = self._machine(provider)
        if model in machine.orders:
            return
        machine.failures.pop(model, None)
        task = asyncio.get_running_loop().create_task(self._load(provider, loader, model=model))
        machine.orders[model] = task
        self._tell(provider)

    async def unload(self, provider: Provider, model: str) -> bool:
        """Have a model unloaded, also while it loads; whether it was there. Raises RequestError, UpstreamError."""
        loader = _loader(provider)
        machine = self._machine(provider)
        machine.failures.pop(model, None)
        order = machine.orders.get(model)
        if order is not None:
            order.cancel()
            await asyncio.wait((order,))
        before = await self._look(provider, now=True)
        there = any(resident.model == f"{provider.id}/{model}" for resident in before.models)
        if there:
            await self._order(provider, loader.unload(provider, model))
            await self._look(provider, now=True)
        return there or order is not None

    async def close(self) -> None:
        """Let go of everything; what a machine has begun to load it goes on with by itself."""
        machines = list(self._machines.values())
        orders = [task for machine in machines for task in machine.orders.values()]
        looks = [machine.looking for machine in machines if machine.looking is not None]
        for task in (*orders, *looks):
            task.cancel()
        await asyncio.gather(*orders, return_exceptions=True)
        await asyncio.gather(*looks, return_exceptions=True)
        await self._asker.close()
        await self._patient.close()

    def _may_tell(self, provider: Provider) -> bool:
        if provider.refusal() is not None or loader_of(provider) is None:
            return False
        return self._catalogue.machine(provider.id).state != "down"

    def _machine(self, provider: Provider) -> _Machine:
        return self._machines.setdefault(provider.id, _Machine())

    async def _load(self, provider: Provider, loader: Loader, *, model: str) -> None:
        """Task: give the order and see it through."""
        machine = self._machine(provider)
        try:
            async with asyncio.timeout(LOAD_S):
                await self._order(provider, loader.load(provider, model))
                await self._follow(provider, model)
        except TimeoutError:
            late = UpstreamTimeout(f"{provider.address} did not load '{model}' within {LOAD_S:g} s.")
            machine.failures[model] = _problem(late)
        except HostlerError as error:
            _log.info("%s/%s was not loaded: %s", provider.id, model, error.message)
            machine.failures[model] = _problem(error)
        finally:
            machine.orders.pop(model, None)
        await self._look(provider, now=True)

    async def _follow(self, provider: Provider, model: str) -> None:
        """Until a model that loads in the background is there. Raises UpstreamError when it is not."""
        while True:
            seen = await self._ask(provider)
            stage = next((resident.stage for resident in seen or () if resident.name == model), None)
            if stage == "loaded":
                return
            if stage is None:
                gave_up = f"{provider.address} began to load '{model}' and gave up."
                raise UpstreamError(gave_up, hint="Its log says why.")
            await asyncio.sleep(FOLLOW_S)

    async def _look(self, provider: Provider, *, now: bool = False) -> MachineMemory:
        machine, loop = self._machine(provider), asyncio.get_running_loop()
        if not now and machine.seen is not None and loop.time() - machine.asked < FRESH_S:
            return machine.seen
        if machine.looking is None or now:
            machine.looking = loop.create_task(self._see(provider))
        return await asyncio.shield(machine.looking)

    async def _see(self, provider: Provider) -> MachineMemory:
        """Task: ask once, remember, tell."""
        machine = self._machine(provider)
        loader = _loader(provider)
        try:
            residents, problem = await self._ask(provider), ""
        except UpstreamError as error:
            residents, problem = (), error.message
            self._doubt(provider.id)
        models = tuple(_view(provider, resident) for resident in residents or ())
        found = MachineMemory(provider.id, residents is not None, loader.renews, models, problem)
        if machine.looking is not asyncio.current_task():
            return found  # somebody has asked again since, and will know better
        machine.looking = None
        machine.asked = asyncio.get_running_loop().time()
        old, machine.seen = machine.seen, found
        machine.seen = self._with_orders(provider)
        if machine.seen != old:
            self._publish("machine.memory", {"machine": machine.seen})
        return machine.seen

    def _tell(self, provider: Provider) -> None:
        """Say at once what was ordered."""
        machine = self._machine(provider)
        machine.seen = self._with_orders(provider)
        self._publish("machine.memory", {"machine": machine.seen})

    def _with_orders(self, provider: Provider) -> MachineMemory:
        """What was seen, and on top of it what is under way here and what went wrong."""
        machine = self._machine(provider)
        seen = machine.seen or MachineMemory(provider.id, loads=True, renews=_loader(provider).renews)
        loaded = {view.model: view for view in seen.models if view.state != "failed"}
        for model in machine.orders:
            id = f"{provider.id}/{model}"
            if id not in loaded:
                loaded[id] = ResidentModel(id, "loading")
        for model, problem in machine.failures.items():
            id = f"{provider.id}/{model}"
            if id not in loaded:
                loaded[id] = ResidentModel(id, "failed", error=problem)
        return msgspec.structs.replace(seen, models=tuple(loaded.values()))

    async def _ask(self, provider: Provider) -> tuple[Resident, ...] | None:
        loader = _loader(provider)
        return await converse(self._asker, target_of(provider), dialogue=loader.residents(provider))

    async def _order(self, provider: Provider, dialogue: Order) -> None:
        try:
            await converse(self._patient, target_of(provider), dialogue=dialogue)
        except UpstreamRefused as refused:
            said = _words(refused.body)
            raise UpstreamError(f"{refused.message} It says: {said}" if said else refused.message) from None


def _loader(provider: Provider) -> Loader:
    loader = loader_of(provider)
    if loader is None:
        label = KINDS[provider.kind].label
        raise RequestError(
            f"Models of '{provider.id}' are not loaded from here: {label} has no call for it.",
            hint="Its server loads them at its start, or when they are asked for.",
        )
    return loader


def _view(provider: Provider, resident: Resident) -> ResidentModel:
    return ResidentModel(
        model=f"{provider.id}/{resident.name}",
        state=resident.stage,
        memory=resident.memory,
        accelerated=resident.accelerated,
        context=resident.context,
        until=resident.until,
    )


def _problem(error: HostlerError) -> Problem:
    return Problem(error.code, error.message, error.hint or "")


def _words(body: bytes) -> str:
    """What an error's body says: `error` as a text, or its `message`; a plain text as it stands."""
    try:
        page = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        text = body.decode("utf-8", errors="replace")
        return " ".join(text.split())[:SAID] if "<" not in text else ""
    match page:
        case {"error": str(text)} | {"error": {"message": str(text)}} | {"message": str(text)}:
            return text[:SAID]
        case _:
            return ""
