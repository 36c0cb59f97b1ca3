"""Endpoints of models and providers: what can be asked, how its machine is, and what the providers file says.

Knows: which parts know what. Does not know: how machines are asked (discovery), how sizes are found.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, cast

from hostler.engines.prepare import prepare
from hostler.engines.recipe import Recipe
from hostler.errors import NotFound, UpstreamTimeout
from hostler.providers.provider import Provider
from hostler.registry.resolver import ModelEntry
from hostler.workbench.api import shapes
from hostler.workbench.api.endpoint import Endpoint
from hostler.workbench.model_sizes import UNKNOWN, ModelSizes
from hostler.workbench.parts import WorkbenchParts
from hostler.workbench.views import EngineState, ModelView, engine_state, model_view, provider_view

REFRESH_S: Final = 30.0
FAVORITES: Final = "favorite_models"


class ModelsApi:
    """Answers for models and providers."""

    def __init__(self, parts: WorkbenchParts) -> None:
        self._parts = parts
        folder = parts.settings.data_dir
        self._sizes = ModelSizes(partial(prepare, folder=folder), folder)
        self._looking = asyncio.Lock()

    def endpoints(self) -> list[Endpoint]:
        """All of them."""
        return [
            Endpoint("GET", "/models", self.list_models, large=True),
            Endpoint("GET", "/providers", self.list_providers),
            Endpoint("POST", "/providers/refresh", self.refresh_providers),
        ]

    async def list_models(self) -> shapes.Models:
        """Every model that is known, those of machines that are away too (`state`)."""
        parts = self._parts
        entries, directory = parts.resolver.models(), parts.providers.directory
        now_ms = time.time_ns() // 1_000_000
        engines = {status.model_id: engine_state(status, now_ms=now_ms) for status in parts.supervisor.statistics()}
        recipes = {
            f"{p}/{model}": recipe for p, models in directory.recipes.items() for model, recipe in models.items()
        }
        async with self._looking:
            views = await asyncio.to_thread(
                self._views, entries, recipes, engines=engines, providers=directory.providers
            )
        preferences = cast("Mapping[str, object]", await parts.preferences.get_all())
        favorites = preferences.get(FAVORITES)
        return shapes.Models(
            default=_default(entries, directory.default),
            favorites=tuple(str(id) for id in cast("list[object]", favorites)) if isinstance(favorites, list) else (),
            models=views,
        )

    async def list_providers(self) -> shapes.Providers:
        """The providers file, and every provider with its machine."""
        status = self._parts.providers.status
        return shapes.Providers(
            path=str(status.path),
            exists=status.exists,
            error=status.error,
            warnings=tuple(map(str, status.warnings)),
            default=status.directory.default,
            providers=tuple(provider_view(entry) for entry in self._parts.resolver.providers()),
        )

    async def refresh_providers(self, provider: str = "") -> shapes.Providers:
        """Read the file and ask every machine now, or the one of `provider`."""
        self._parts.providers.load()
        if provider and provider not in self._parts.providers.directory.providers:
            raise NotFound(f"There is no provider '{provider[:80]}'.")
        try:
            async with asyncio.timeout(REFRESH_S):
                await self._parts.discovery.refresh([provider] if provider else None)
        except TimeoutError:
            raise UpstreamTimeout(f"Not all machines answered within {REFRESH_S:g} s.") from None
        return await self.list_providers()

    def _views(
        self,
        entries: Sequence[ModelEntry],
        recipes: Mapping[str, Recipe],
        *,
        engines: Mapping[str, EngineState],
        providers: Mapping[str, Provider],
    ) -> tuple[ModelView, ...]:
        """In a thread: it reads files, and there may be thousands."""
        known = self._sizes.of(recipes)
        views: list[ModelView] = []
        for entry in entries:
            sizes = known.get(entry.id, UNKNOWN)
            views.append(model_view(entry, providers=providers, engine=engines.get(entry.id), sizes=sizes))
        return tuple(views)


def _default(entries: Sequence[ModelEntry], provider: str) -> str:
    """The first model of the default provider that can be asked now; else the first of any."""
    ready = [entry for entry in entries if entry.listed]
    return next((entry.id for entry in ready if entry.provider == provider), ready[0].id if ready else "")
