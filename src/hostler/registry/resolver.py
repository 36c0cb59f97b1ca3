"""From a model's name to endpoints: the one place that turns ids into addresses.

Knows: aliases, composite ids, the default provider, near names. Does not know: sockets, keys' values, which candidate
is best (routing).
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal

from hostler.core.capabilities import NOTHING_KNOWN, Capabilities
from hostler.core.fitting import Checks, Limits, limits_of
from hostler.core.model_id import ModelId, parse
from hostler.engines.recipe import Recipe
from hostler.errors import ConfigError, HostlerError, ModelNotFound, ProviderNotReady
from hostler.providers.provider import Provider
from hostler.registry.catalogue import Catalogue, Machine
from hostler.registry.directory import Directory, DirectorySource
from hostler.registry.matrix import Matrix
from hostler.registry.model_files import on_disk

DEFAULT: Final = "default"
"""Stands for the default provider before a slash, unless a provider has that id."""
MAX_ALIASES: Final = 8
MAX_ROUTES: Final = 4096
MAX_NEAR: Final = 5
MAX_COMPARED: Final = 300
MAX_SHOWN: Final = 200
"""Characters of an asked name that an error repeats."""

ModelState = Literal["ready", "down", "unknown"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to serve a call. `model` is the bare name that the upstream gets; `recipe` what its engine runs with.

    `facts` are what is known of the model, `limits` what requests to it must keep to, None where nothing is known.
    """

    model_id: str
    model: str
    provider: Provider
    recipe: Recipe | None = None
    facts: Capabilities = NOTHING_KNOWN
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """Candidates in order of preference, at least one; `asked` is the name as the client gave it."""

    asked: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One model of a list. `context` in tokens, None when unknown; `created` in unix seconds and `size` in bytes on its
    machine's disk, 0 when unknown.

    `state` is that of its machine: models of a machine that is down are remembered, and hidden from pickers.
    """

    id: str
    provider: str
    model: str
    state: ModelState
    capabilities: Capabilities
    owned_by: str
    created: int = 0
    size: int = 0

    @property
    def context(self) -> int | None:
        """The context window in tokens."""
        return self.capabilities.context_window.value if self.capabilities.context_window else None

    @property
    def listed(self) -> bool:
        """Whether a picker should offer it now."""
        return self.state != "down"


@dataclass(frozen=True, slots=True)
class ProviderEntry:
    """One provider of a list: the provider, its machine, how many models are known, and why it is not ready ("")."""

    provider: Provider
    machine: Machine
    models: int
    default: bool
    problem: str


@dataclass(frozen=True, slots=True)
class ResolverStatistics:
    """Counts since start; `misses` are look-ups in vain among the `routes` that are cached now."""

    misses: int
    refused: int
    routes: int
    providers: int


class Resolver:
    """Resolves names by the directory, the aliases and what the catalogue remembers. Belongs to the loop's thread."""

    def __init__(
        self,
        source: DirectorySource,
        aliases: Mapping[str, str] | None = None,
        *,
        catalogue: Catalogue | None = None,
        matrix: Matrix | None = None,
        checks: Checks = "error",
    ) -> None:
        self._source = source
        self._aliases = dict(aliases or {})
        self._catalogue = catalogue or Catalogue()
        self._matrix = matrix or Matrix(source, self._catalogue)
        self._checks: Checks = checks
        self._routes: dict[str, Route] = {}
        self._seen = source.directory
        self._version: int = self._matrix.version
        self._misses = self._refused = 0

    def resolve(self, name: str) -> Route:
        """Where calls for `name` go. A dict look-up when it was asked for before and nothing was learnt since.

        Raises ModelNotFound (with near ids), ProviderNotReady (switched off, no key: names the variable), ConfigError
        (aliases that lead in a circle).
        """
        directory, version = self._source.directory, self._matrix.version
        if directory is self._seen and version == self._version:
            route = self._routes.get(name)
            if route is not None:
                return route
        else:
            self._routes.clear()
            self._seen, self._version = directory, version
        self._misses += 1
        try:
            route = Route(name, (self._candidate(name, directory),))
        except HostlerError:
            self._refused += 1
            raise
        if len(self._routes) >= MAX_ROUTES:
            # clients that invent names must not grow memory; the names in use are back after one miss each
            self._routes.clear()
        self._routes[name] = route
        return route

    def model_id(self, name: str) -> ModelId:
        """The composite id that `name` stands for, whether or not such a model exists. Raises ConfigError."""
        return self._read(self._follow(name), self._source.directory)

    def circles(self) -> tuple[str, ...]:
        """What is wrong with aliases that lead in a circle or too far, before anybody asks for one; once per circle."""
        found: dict[frozenset[str], str] = {}
        for alias in self._aliases:
            used, end = self._path(alias)
            if end is None:
                circle = used[used.index(used[-1]) :]
                key = frozenset(circle) if len(circle) > 1 else frozenset[str]()  # of chains without end, one is enough
                found.setdefault(key, _circle(used).text)
        return tuple(found.values())

    def models(self) -> tuple[ModelEntry, ...]:
        """Every model that is known at a provider that is ready, in the directory's order; see `ModelEntry.listed`."""
        return tuple(
            self._entry(provider, model)
            for provider in self._source.directory.providers.values()
            if provider.refusal() is None
            for model in self._names(provider)
        )

    def providers(self) -> tuple[ProviderEntry, ...]:
        """Every provider, ready or not, in the directory's order."""
        directory = self._source.directory
        return tuple(
            ProviderEntry(
                provider,
                self._catalogue.machine(provider.id),
                len(self._names(provider)),
                provider.id == directory.default,
                refusal.text if (refusal := provider.refusal()) else "",
            )
            for provider in directory.providers.values()
        )

    def statistics(self) -> ResolverStatistics:
        """Counts since start."""
        providers = len(self._source.directory.providers)
        return ResolverStatistics(self._misses, self._refused, len(self._routes), providers)

    def _candidate(self, name: str, directory: Directory) -> Candidate:
        model_id = self._read(self._follow(name), directory)
        provider = directory.providers[model_id.provider]
        refusal = provider.refusal()
        if refusal is not None:
            raise self._with_matches(refusal, name)
        recipe = None
        if provider.ours:
            # engines know their models exactly; another machine's list may be incomplete, so it is asked
            recipe = directory.recipes.get(provider.id, {}).get(model_id.model)
            if recipe is None:
                raise self._not_found(name, model_id)
        elif not model_id.model:
            raise self._not_found(name, model_id)
        facts = self._matrix.capabilities(str(model_id))
        limits = limits_of(str(model_id), facts, checks=self._checks)
        return Candidate(str(model_id), model_id.model, provider, recipe, facts, limits)

    def _follow(self, name: str) -> str:
        """Apply aliases until none fits. Raises ConfigError when that never ends."""
        used, end = self._path(name)
        if end is None:
            raise _circle(used)
        return end

    def _path(self, name: str) -> tuple[list[str], str | None]:
        """The rules that apply to a name one after the other, and where they end; None: in a circle, or too far away.

        A rule that fits its own target ends there: `gpt-*` may mean `gpt-oss`.
        """
        used: list[str] = []
        while (rule := self._rule(name)) is not None and (not used or rule != used[-1]):
            repeated = rule in used
            used.append(rule)
            if repeated or len(used) > MAX_ALIASES:
                return used, None
            name = self._aliases[rule]
        return used, name

    def _rule(self, name: str) -> str | None:
        if name in self._aliases:
            return name
        return next((rule for rule in self._aliases if fnmatchcase(name, rule)), None)

    def _read(self, name: str, directory: Directory) -> ModelId:
        left, slash, right = name.partition("/")
        if left == DEFAULT and slash and right and DEFAULT not in directory.providers:
            return ModelId(directory.default, right)
        return parse(name, known=directory.providers, default=directory.default)

    def _names(self, provider: Provider) -> tuple[str, ...]:
        if provider.ours:
            return tuple(self._source.directory.recipes.get(provider.id, {}))
        return tuple(model.name for model in self._catalogue.machine(provider.id).models)

    def _entry(self, provider: Provider, model: str) -> ModelEntry:
        machine = self._catalogue.machine(provider.id)
        known = self._catalogue.model(provider.id, model)
        recipe = self._source.directory.recipes.get(provider.id, {}).get(model)
        created, size = on_disk(recipe) if recipe is not None else (known.created, known.size) if known else (0, 0)
        state: ModelState = "ready" if provider.ours or machine.state == "up" else machine.state
        return ModelEntry(
            id=f"{provider.id}/{model}",
            provider=provider.id,
            model=model,
            state=state,
            capabilities=self._matrix.capabilities(f"{provider.id}/{model}"),
            owned_by=provider.id,
            created=created,
            size=size,
        )

    def _matching(self, name: str) -> list[str]:
        """Ids whose model part is exactly `name`, under any provider that is ready."""
        return [
            f"{provider.id}/{name}"
            for provider in self._source.directory.providers.values()
            if provider.refusal() is None and self._has(provider, name)
        ]

    def _has(self, provider: Provider, model: str) -> bool:
        if provider.ours:
            return model in self._source.directory.recipes.get(provider.id, {})
        return self._catalogue.model(provider.id, model) is not None

    def _with_matches(self, refusal: ProviderNotReady, name: str) -> ProviderNotReady:
        matching = self._matching(name)
        if matching:
            also = f"Other providers have a model of that whole name: {', '.join(matching[:MAX_NEAR])}."
            return ProviderNotReady(refusal.message, hint=f"{refusal.hint} {also}" if refusal.hint else also)
        return refusal

    def _not_found(self, asked: str, model_id: ModelId) -> ModelNotFound:
        shown = asked if len(asked) <= MAX_SHOWN else asked[:MAX_SHOWN] + "..."
        known = self._names(self._source.directory.providers[model_id.provider])
        matching = self._matching(model_id.model)[:MAX_NEAR]
        near = [i for i in self._near(model_id.model[:MAX_SHOWN]) if i not in matching][:MAX_NEAR]
        hints: list[str] = []
        if matching:
            hints.append(f"Models of that name: {', '.join(matching)}.")
        if near:
            hints.append(f"Near ids: {', '.join(near)}.")
        if not hints:
            ids = [f"{model_id.provider}/{name}" for name in known[:MAX_NEAR]] + ["..."] * (len(known) > MAX_NEAR)
            hints.append(f"Known there: {', '.join(ids) or 'none'}.")
        message = f"There is no model '{shown}' at provider '{model_id.provider}'."
        return ModelNotFound(message, hint=" ".join(hints))

    def _near(self, model: str) -> list[str]:
        """Ids whose model part comes near, the nearest first; of a bounded number, since comparing takes its time."""
        ids: dict[str, list[str]] = {}
        for provider in self._source.directory.providers.values():
            if provider.refusal() is None:
                for name in self._names(provider)[: MAX_COMPARED - len(ids)]:
                    ids.setdefault(name, []).append(f"{provider.id}/{name}")
        return [i for name in difflib.get_close_matches(model, ids, MAX_NEAR) for i in ids[name]]


def _circle(rules: list[str]) -> ConfigError:
    return ConfigError(
        f"The aliases {' -> '.join(rules)} lead in a circle or too far.", hint="Mend [aliases] in settings.toml."
    )
