"""What is known of providers and models: from the hostler that runs, else from the files that it would read.

Knows: the two sources and their common records. Does not know: how either came to know.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from hostler.client.http import GatewayDoor
from hostler.core.capabilities import as_json
from hostler.core.capabilities import facts as known_facts
from hostler.core.model_id import ModelId
from hostler.errors import HostlerError, ModelNotFound
from hostler.providers.kinds import HERE
from hostler.registry.catalogue import Catalogue
from hostler.registry.directory import DEMO
from hostler.registry.discovery import Discovery
from hostler.registry.matrix import KIND, Matrix
from hostler.registry.model_files import ModelFiles
from hostler.registry.overrides import OverridesFile
from hostler.registry.providers_file import ProvidersFile
from hostler.registry.resolver import ModelEntry, ProviderEntry, Resolver
from hostler.settings import Settings
from hostler.system.owner import find_owner, make_private, token

CONTROL = "/hostler/api/control/"
LOOK_S = 5.0
"""Seconds that machines get to say what they have, when no hostler runs that knows it."""

FactRow = dict[str, object]


class ModelRow(msgspec.Struct, frozen=True):
    """One model; `state` is its machine's, `context` in tokens, `capabilities` name -> value, source and date."""

    id: str
    provider: str
    model: str
    state: str
    context: int | None = None
    capabilities: dict[str, FactRow] = {}


class ProviderRow(msgspec.Struct, frozen=True):
    """One provider; `reason` is why it is not ready or down, `since` unix seconds of its state. `key` is where its key
    is from (a variable, [vendor_keys], keyring, headers; empty: none), `note` what to know before using it."""

    id: str
    label: str
    kind: str
    wire: str
    default: bool
    state: str
    since: float
    reason: str
    ready: bool
    models: int
    tags: list[str] = []
    key: str = ""
    note: str = ""


class _Models(msgspec.Struct):
    models: list[ModelRow]


class _Providers(msgspec.Struct):
    providers: list[ProviderRow]


@dataclass(frozen=True, slots=True)
class Local:
    """The parts that read the files, in this process."""

    file: ProvidersFile
    catalogue: Catalogue
    files: ModelFiles
    overrides: OverridesFile
    matrix: Matrix
    resolver: Resolver
    remembered: bool
    """Whether what is found is kept for later."""


def running(settings: Settings) -> GatewayDoor | None:
    """The control API of the hostler that has this data folder and listens; None without."""
    owner = find_owner(settings.data_dir)
    if owner is None or not owner.address:
        return None
    return GatewayDoor(owner.control or owner.address, token(settings.data_dir))


def local(settings: Settings, *, remembered: bool = True) -> Local:
    """Read the files; `remembered`: with what was found earlier, and keeping what will be. Nothing is asked yet."""
    file = ProvidersFile(settings)
    file.read_keyring()
    catalogue = Catalogue(settings.data_dir if remembered else None)
    files = ModelFiles()
    overrides = OverridesFile(settings.overrides_file)
    matrix = Matrix(file, catalogue, files=files, overrides=overrides)
    resolver = Resolver(file, settings.aliases, catalogue=catalogue, matrix=matrix)
    return Local(file, catalogue, files, overrides, matrix, resolver, remembered=remembered)


def look(here: Local, settings: Settings, *, only: Iterable[str] | None = None) -> None:
    """Ask the machines (`only` these) which models they have; those that are too slow stay as they are known."""

    async def ask() -> None:
        discovery = Discovery(here.file, here.catalogue, environment=settings.environment)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await discovery.refresh(only)
        finally:
            await discovery.close()

    if here.remembered:
        make_private(settings.data_dir)
    asyncio.run(ask())


def models(settings: Settings, *, refresh: bool = False) -> list[ModelRow]:
    """Every model that is known, also those of machines that are down."""
    door = running(settings)
    if door is not None:
        if refresh:
            door.ask("POST", f"{CONTROL}refresh")
        return msgspec.convert(door.ask("GET", f"{CONTROL}models"), _Models).models
    here = local(settings)
    here.files.read(here.file.directory)
    look(here, settings)
    return [_model(entry) for entry in here.resolver.models()]


def unlisted(here: Local, model_id: ModelId) -> ModelRow | None:
    """A model that no machine has listed to us, if more is known of it than whose it would be."""
    facts = here.matrix.capabilities(str(model_id))
    if all(fact.uncertain or fact.source == KIND for fact in known_facts(facts).values()):
        return None
    context = facts.context_window.value if facts.context_window else None
    rows: dict[str, FactRow] = {name: dict(fact) for name, fact in as_json(facts).items()}
    return ModelRow(str(model_id), model_id.provider, model_id.model, "unknown", context, rows)


def providers(settings: Settings) -> list[ProviderRow]:
    """Every provider, ready or not."""
    door = running(settings)
    if door is not None:
        return msgspec.convert(door.ask("GET", f"{CONTROL}providers"), _Providers).providers
    here = local(settings)
    look(here, settings)
    return [provider_row(entry) for entry in here.resolver.providers()]


def default_model(settings: Settings) -> str:
    """What bare talk goes to: the default provider's first model, else the demo. Raises ModelNotFound."""
    here = local(settings)
    default = here.file.directory.default
    if running(settings) is not None:
        rows = models(settings)
    else:
        if not any(entry.provider == default for entry in here.resolver.models()):
            look(here, settings, only=[default])
        rows = [_model(entry) for entry in here.resolver.models()]
    known = [row.id for row in rows if row.state != "down"]
    own = [name for name in known if name.startswith(f"{default}/")]
    demo = f"{HERE}/{DEMO}"
    for name in (*own[:1], *(n for n in known if n == demo), *known[:1]):
        return name
    raise ModelNotFound("There is no model to talk to.", hint="`hostler doctor` says what could be added.")


def names_a_model(settings: Settings, word: str) -> bool:
    """Whether one word of a command line means a model: it has a slash, or it is a known bare name or an alias."""
    if not word or any(character.isspace() for character in word):
        return False
    if "/" in word.strip("/"):
        return True
    with contextlib.suppress(HostlerError):
        here = local(settings).resolver
        composite = str(here.model_id(word))
        return word in settings.aliases or any(composite == entry.id for entry in here.models())
    return False


def provider_row(entry: ProviderEntry) -> ProviderRow:
    """A provider of this process as a row."""
    provider, machine = entry.provider, entry.machine
    return ProviderRow(
        id=provider.id,
        label=provider.label,
        kind=provider.kind,
        wire=provider.wire,
        default=entry.default,
        state=machine.state,
        since=machine.since,
        reason=entry.problem or machine.reason,
        ready=not entry.problem,
        models=entry.models,
        tags=list(provider.tags),
        key=provider.key_from,
        note=provider.note,
    )


def _model(entry: ModelEntry) -> ModelRow:
    facts: dict[str, FactRow] = {name: dict(fact) for name, fact in as_json(entry.capabilities).items()}
    return ModelRow(entry.id, entry.provider, entry.model, entry.state, entry.context, facts)
