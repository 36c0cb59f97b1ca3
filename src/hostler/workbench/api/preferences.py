"""Endpoints of preferences. Knows that they are JSON by key; does not know what a key means."""

from typing import Any  # edge: preferences are any JSON

from hostler.workbench.api import shapes
from hostler.workbench.api.endpoint import Endpoint
from hostler.workbench.parts import WorkbenchParts


class PreferencesApi:
    """Answers for preferences."""

    def __init__(self, parts: WorkbenchParts) -> None:
        self._preferences = parts.preferences

    def endpoints(self) -> list[Endpoint]:
        """All of them."""
        return [
            Endpoint("GET", "/preferences", self.get_preferences),
            Endpoint("PATCH", "/preferences", self.change_preferences),
        ]

    async def get_preferences(self) -> shapes.Preferences:
        """Every preference."""
        return shapes.Preferences(preferences=await self._preferences.get_all())

    async def change_preferences(self, body: dict[str, Any]) -> shapes.Preferences:
        """Set preferences; null takes one away."""
        return shapes.Preferences(preferences=await self._preferences.change(body))
