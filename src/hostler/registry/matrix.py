"""The capability matrix: what is known about each model id, from layers of facts.

Knows: the layers and their order. Does not know: how facts are found (discovery), what they are used for.
"""

from collections.abc import Mapping
from typing import Final, Protocol

from hostler.core.capabilities import Capabilities, Fact, make, merge
from hostler.engines.recipe import DEMO_MODEL, Recipe
from hostler.providers.model_data import ModelData
from hostler.providers.provider import Provider
from hostler.providers.vendors import CHECKED
from hostler.registry.catalogue import Catalogue
from hostler.registry.directory import Directory, DirectorySource
from hostler.registry.model_files import ModelFiles
from hostler.registry.overrides import Overrides

BUILT_IN: Final = "built-in"
KIND: Final = "provider kind"
RECIPE: Final = "recipe"

_DEMO: Final = make(
    {
        "tool_calling": True,
        "streaming": True,
        "vision": False,
        "audio": False,
        "video": False,
        "reasoning": False,
        "notes": "A demo that proves the plumbing and knows nothing.",
    },
    source=BUILT_IN,
    as_of="2026-11-20",
)


class OverridesSource(Protocol):
    """Whoever holds what the user says; `version` grows with every change."""

    @property
    def version(self) -> int: ...
    def facts(self, model_id: str) -> Capabilities: ...


class FixedOverrides:
    """What the user says, once and for all."""

    version = 0

    def __init__(self, models: Mapping[str, Capabilities] | None = None) -> None:
        self.facts = Overrides(models or {}).facts


class Matrix:
    """Capabilities by model id. Layers, weakest first: provider and kind, the snapshot, built-in facts, the model's
    file, the recipe, what the server said, the user's overrides."""

    def __init__(
        self,
        source: DirectorySource,
        catalogue: Catalogue,
        *,
        files: ModelFiles | None = None,
        overrides: OverridesSource | None = None,
        data: ModelData | None = None,
    ) -> None:
        self._source = source
        self._catalogue = catalogue
        self._overrides: OverridesSource = overrides or FixedOverrides()
        self._files = files or ModelFiles()
        self._data = data or ModelData()
        self._merged: dict[str, Capabilities] = {}
        self._state: tuple[Directory, int] = (source.directory, self.version)

    @property
    def version(self) -> int:
        """Grows with everything that is learnt, beside the directory."""
        return self._catalogue.version + self._files.version + self._overrides.version

    def capabilities(self, model_id: str) -> Capabilities:
        """What is known about a composite id. An unknown model has its provider's facts and no more."""
        state = (self._source.directory, self.version)
        if state[0] is not self._state[0] or state[1] != self._state[1]:
            self._merged.clear()
            self._state = state
        known = self._merged.get(model_id)
        if known is None:
            known = merge(self._layers(model_id))
            if self._is_known(model_id):
                # only models that exist are kept, so that invented names do not grow memory
                self._merged[model_id] = known
        return known

    def _split(self, model_id: str) -> tuple[Provider | None, str]:
        provider_id, _, model = model_id.partition("/")
        return self._source.directory.providers.get(provider_id), model

    def _is_known(self, model_id: str) -> bool:
        provider, model = self._split(model_id)
        if provider is None:
            return False
        return model in self._recipes(provider) or self._catalogue.model(provider.id, model) is not None

    def _recipes(self, provider: Provider) -> Mapping[str, Recipe]:
        return self._source.directory.recipes.get(provider.id, {})

    def _layers(self, model_id: str) -> list[Capabilities]:
        provider, model = self._split(model_id)
        layers: list[Capabilities] = []
        if provider is not None:
            layers += [_of_provider(provider, model), self._data.facts(provider, model)]
            recipe = self._recipes(provider).get(model)
            if recipe is not None:
                layers += [_DEMO] if recipe.path == str(DEMO_MODEL) else []
                layers += [self._files.facts(recipe), _of_recipe(recipe)]
            known = self._catalogue.model(provider.id, model)
            layers += [known.facts] if known else []
        layers.append(self._overrides.facts(model_id))
        return layers


def _of_provider(provider: Provider, model: str) -> Capabilities:
    return Capabilities(
        vendor=Fact(provider.label, KIND, CHECKED),
        model=Fact(model, KIND, CHECKED),
        local=Fact(True, KIND, CHECKED) if provider.local else None,
    )


def _of_recipe(recipe: Recipe) -> Capabilities:
    """What a recipe says for sure: the window of one slot, and that an embedding server writes no text."""
    window = recipe.context // recipe.slots if recipe.context else None
    no = False if recipe.embedding else None
    return make({"context_window": window, "tool_calling": no, "streaming": no, "reasoning": no}, source=RECIPE)
