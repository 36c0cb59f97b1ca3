"""Discovery: asks every provider's machine, in the background, which models it has and whether it is up.

Knows: when to ask again, how long to leave a machine alone that is down, whom to tell. Does not know: what servers'
answers look like (providers.model_lists), engines of our own (the directory lists those).
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from hostler.errors import StorageError, UpstreamError, UpstreamRefused
from hostler.providers.model_lists import survey
from hostler.providers.provider import Provider
from hostler.registry.catalogue import Catalogue
from hostler.registry.directory import Directory, DirectorySource
from hostler.registry.http_asker import HttpAsker
from hostler.registry.questions import Asker, converse, target_of

_log: Final = logging.getLogger(__name__)

NO_LIST: Final = frozenset({404, 405, 501})
"""Statuses of servers that are up but list nothing."""

Publish = Callable[[str, dict[str, object]], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Seconds between looks: at machines that are up, at hosted vendors, and at machines that are down (doubling from
    the first to the last). `jitter` is the share by which each is spread; `tick_s` how often the directory is compared,
    `concurrency` how many machines are asked at once.
    """

    local_s: float = 60.0
    hosted_s: float = 3600.0
    down_first_s: float = 5.0
    down_last_s: float = 120.0
    jitter: float = 0.2
    tick_s: float = 1.0
    concurrency: int = 4


@dataclass(slots=True)
class _Plan:
    """When one provider is looked at next (monotonic seconds), and how often in a row it was down."""

    provider: Provider
    due: float
    failures: int = 0


@dataclass(frozen=True, slots=True)
class DiscoveryStatistics:
    """Looks since start, how many found a machine down, and how many providers are watched."""

    looks: int
    failures: int
    watched: int


class Discovery:
    """Keeps the catalogue fresh while `run` runs; `refresh` looks once. Belongs to the loop's thread.

    `publish(kind, data)` hears of `machine.up`, `machine.down` and `models.changed`. `environment` names proxies.
    """

    def __init__(
        self,
        source: DirectorySource,
        catalogue: Catalogue,
        *,
        publish: Publish | None = None,
        asker: Asker | None = None,
        timings: Timings | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._source = source
        self._catalogue = catalogue
        self._publish: Publish = publish or (lambda kind, data: None)
        self._asker = asker or HttpAsker(environment)
        self._timings = timings or Timings()
        self._room = asyncio.Semaphore(self._timings.concurrency)
        self._wake = asyncio.Event()
        self._first_round = asyncio.Event()
        self._plans: dict[str, _Plan] = {}
        self._saved = catalogue.version
        self._looks = self._failures = 0

    async def run(self) -> None:
        """Look at every machine when it is due, until cancelled. Machines that are slow do not hold up the others."""
        try:
            async with asyncio.TaskGroup() as looks:
                while True:
                    now = time.monotonic()
                    self._follow_directory(now)
                    due = [plan for plan in self._plans.values() if plan.due <= now]
                    for plan in due:
                        # not again before it is done: each look sets the next
                        plan.due = float("inf")
                        looks.create_task(self._look_and_plan(plan))
                    if not due and not self._looking():
                        await self._round_is_over()
                    await self._wait_due(now)
        finally:
            await self.close()

    async def refresh(self, provider_ids: Iterable[str] | None = None) -> None:
        """Look at these providers (all that can be asked) once, now, and remember what was found."""
        wanted = None if provider_ids is None else set(provider_ids)
        async with asyncio.TaskGroup() as looks:
            for provider in _askable(self._source.directory):
                if wanted is None or provider.id in wanted:
                    looks.create_task(self._look(provider))
        await self._save()

    async def wait_first_round(self) -> None:
        """Until every machine was looked at once; bound it with a timeout of your own."""
        await self._first_round.wait()

    def look_soon(self, provider_id: str) -> None:
        """Look at one provider at the next opportunity, for example because a call to it just failed."""
        plan = self._plans.get(provider_id)
        if plan is not None and plan.due != float("inf"):
            plan.due = 0.0
            self._wake.set()

    async def close(self) -> None:
        """Close the connections."""
        await self._asker.close()

    def statistics(self) -> DiscoveryStatistics:
        """Counts since start."""
        return DiscoveryStatistics(self._looks, self._failures, len(self._plans))

    def _follow_directory(self, now: float) -> None:
        """Watch what the newest directory names; a provider that changed is looked at at once."""
        wanted = {provider.id: provider for provider in _askable(self._source.directory)}
        for gone in self._plans.keys() - wanted.keys():
            del self._plans[gone]
        for provider in wanted.values():
            plan = self._plans.get(provider.id)
            if plan is None or plan.provider != provider:
                self._plans[provider.id] = _Plan(provider, now)

    def _looking(self) -> bool:
        return any(plan.due == float("inf") for plan in self._plans.values())

    async def _round_is_over(self) -> None:
        self._first_round.set()
        await self._save()

    async def _wait_due(self, now: float) -> None:
        """Until the next look, a wake-up, or the time to compare the directory again."""
        next_due = min((plan.due for plan in self._plans.values()), default=float("inf"))
        try:
            async with asyncio.timeout(min(self._timings.tick_s, max(0.0, next_due - now))):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _look_and_plan(self, plan: _Plan) -> None:
        is_up = await self._look(plan.provider)
        plan.failures = 0 if is_up else plan.failures + 1
        plan.due = time.monotonic() + self._pause(plan)
        self._wake.set()

    def _pause(self, plan: _Plan) -> float:
        timings = self._timings
        if plan.failures:
            seconds = min(timings.down_last_s, timings.down_first_s * 2.0 ** min(plan.failures - 1, 30))
        else:
            seconds = timings.local_s if _is_near(plan.provider) else timings.hosted_s
        return seconds * random.uniform(1 - timings.jitter, 1 + timings.jitter)

    async def _look(self, provider: Provider) -> bool:
        """Ask one machine and write down what it said. True when it is up."""
        async with self._room:
            self._looks += 1
            today = datetime.now(UTC).date().isoformat()
            try:
                models = await converse(self._asker, target_of(provider), dialogue=survey(provider, today))
            except UpstreamRefused as refused:
                if refused.status not in NO_LIST:
                    return self._down(provider, refused)
                # it answers, so it is up; what we knew of its models stays
                models = self._catalogue.machine(provider.id).models
            except UpstreamError as error:
                return self._down(provider, error)
        before = self._catalogue.machine(provider.id)
        if self._catalogue.saw_up(provider.id, models, now=time.time()):
            kind = "models.changed" if before.state == "up" else "machine.up"
            self._publish(kind, {"provider": provider.id, "models": [model.name for model in models]})
        return True

    def _down(self, provider: Provider, error: UpstreamError) -> bool:
        self._failures += 1
        before = self._catalogue.machine(provider.id).state
        self._catalogue.saw_down(provider.id, error.message, now=time.time())
        if before != "down":
            self._publish("machine.down", {"provider": provider.id, "reason": error.message})
        return False

    async def _save(self) -> None:
        """Keep what was found over restarts; a folder that cannot be written costs a warning, not the discovery."""
        version, machines = self._catalogue.version, self._catalogue.machines()
        if version == self._saved:
            return
        self._saved = version
        try:
            await asyncio.to_thread(self._catalogue.save, machines)
        except StorageError as error:
            _log.warning("What discovery found is not kept: %s", error.text)


def _is_near(provider: Provider) -> bool:
    """Whether asking often is cheap: a machine of the user's own, or one that is reached without TLS."""
    return provider.local or not provider.address.tls


def _askable(directory: Directory) -> list[Provider]:
    return [
        provider
        for provider in directory.providers.values()
        if provider.refusal() is None and not provider.ours and provider.listing != "none"
    ]
