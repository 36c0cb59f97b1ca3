"""The directory: every provider there is right now, and the models whose engines we start.

Knows: how file entries, vendors' rows, the built-in provider and old single-URL set-ups become providers. Does not
know: files, reloads, what other machines' models are called.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

from hostler.engines.recipe import Recipe, demo_recipe, with_paths_from
from hostler.errors import ConfigError
from hostler.providers.kinds import ENGINE, HERE, KINDS, LEGACY_KIND, row_of
from hostler.providers.provider import (
    HEADERS,
    Access,
    Credentials,
    Endpoint,
    Header,
    KeyFound,
    Provider,
    Timeouts,
    from_vendor,
    moved,
    read_base_url,
    wire_defaults,
)
from hostler.providers.vendors import VENDORS, AuthStyle
from hostler.registry.file_format import Document, ProviderEntry, TimeoutsEntry, read_recipe
from hostler.settings import Settings
from hostler.system.address import Address

DEMO: Final = "demo"
LEGACY_ID: Final = "local"
"""Id of the provider made from LLAMA_BASE_URL."""
NOWHERE: Final = Address("127.0.0.1", 0)
"""Address of providers whose servers we start: their ports are ephemeral."""

Source = Literal["file", "legacy", "built-in"]

_ENGINES_OFF: Final = "Engines are switched off on this machine (--no-engine, or [engine] enabled in settings.toml)."
_AUTH_HEADERS: Final = frozenset({b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key"})


@dataclass(frozen=True, slots=True)
class KeyringKeys:
    """By provider id the keys in the system's keyring, None where one was not read; `trouble`: why they cannot be."""

    keys: Mapping[str, str | None] = field(default_factory=dict[str, str | None], repr=False)
    trouble: str = ""


NO_KEYRING: Final = KeyringKeys()


@dataclass(frozen=True, slots=True)
class Directory:
    """All providers by id: the file's in its order, then the built-in one, then the vendors that no entry replaces.

    `recipes` holds, by provider id, what each engine model is started with. `default` is the provider of bare names.
    """

    providers: Mapping[str, Provider]
    recipes: Mapping[str, Mapping[str, Recipe]]
    default: str
    source: Source = "built-in"


class DirectorySource(Protocol):
    """Whoever holds the newest directory; a new object after each change."""

    @property
    def directory(self) -> Directory: ...


def built_in(settings: Settings, keyring: KeyringKeys = NO_KEYRING) -> Directory:
    """What there is without a providers file: the old single URL if there is one, engines here, and the vendors.

    Raises ConfigError when LLAMA_BASE_URL is no URL.
    """
    if not settings.legacy_base_url:
        return from_document(Document(), settings, source="built-in", keyring=keyring)
    entry = ProviderEntry(id=LEGACY_ID, kind=LEGACY_KIND, label="LLAMA_BASE_URL", base_url=settings.legacy_base_url)
    try:
        return from_document(Document(providers=(entry,)), settings, source="legacy", keyring=keyring)
    except ConfigError as error:
        raise ConfigError(f"environment variable LLAMA_BASE_URL: {error.message}") from None


def from_document(
    document: Document, settings: Settings, *, source: Source = "file", keyring: KeyringKeys = NO_KEYRING
) -> Directory:
    """The directory that a checked document describes."""
    access = Access(
        credentials=Credentials(settings.environment, settings.vendor_keys, keyring.keys, keyring.trouble),
        timeouts=_timeouts(TimeoutsEntry(), settings),
    )
    providers = {entry.id: _provider(entry, settings, access=access) for entry in document.providers}
    if HERE not in providers:
        here = ProviderEntry(id=HERE, kind=ENGINE, label="This machine")
        providers[HERE] = _provider(here, settings, access=access)
    for vendor in VENDORS.values():
        if vendor.id not in providers:
            providers[vendor.id] = from_vendor(vendor, access)
    recipes = {entry.id: _recipes(entry, settings.data_dir) for entry in document.providers if entry.kind == ENGINE}
    recipes[HERE] = {DEMO: demo_recipe(), **recipes.get(HERE, {})}
    first = document.providers[0].id if document.providers else HERE
    return Directory(providers, recipes, document.default_provider or first, source)


def _recipes(entry: ProviderEntry, data_dir: Path) -> dict[str, Recipe]:
    return {model.id: with_paths_from(read_recipe(model.recipe), data_dir) for model in entry.models}


def _timeouts(entry: TimeoutsEntry, settings: Settings) -> Timeouts:
    defaults = settings.upstream
    return Timeouts(
        connect_s=defaults.connect_s if entry.connect is None else entry.connect,
        first_byte_s=defaults.first_byte_s if entry.first_byte is None else entry.first_byte,
        idle_s=defaults.idle_s if entry.idle is None else entry.idle,
    )


def _provider(entry: ProviderEntry, settings: Settings, *, access: Access) -> Provider:
    kind, row = KINDS[entry.kind], row_of(entry.id, entry.kind)
    endpoint = Endpoint(NOWHERE) if entry.base_url is None else read_base_url(entry.base_url, kind)
    headers = tuple((name.lower().encode("ascii"), value.encode("ascii")) for name, value in entry.headers.items())
    style, dialect = (row[1].auth, row[1].dialect) if row else (kind.auth, kind.dialect)
    key = _key(entry, style, access=access, headers=headers)
    unready = key.problem
    if kind.id == ENGINE and not settings.engine.enabled:
        unready = _ENGINES_OFF
    named = {name for name, _ in headers}
    provider = Provider(
        id=entry.id,
        label=entry.label or entry.id,
        kind=kind.id,
        wire=kind.wire,
        address=endpoint.address,
        prefix=endpoint.prefix,
        version=endpoint.version,
        query=endpoint.query,
        auth=key.header,
        key_from=key.where,
        headers=headers,
        defaults=tuple(h for h in wire_defaults(kind.wire, dialect) if h[0] not in named),
        dialect=dialect,
        timeouts=_timeouts(entry.timeouts, settings),
        local=kind.local,
        tags=entry.tags,
        listing="none" if endpoint.version == "" else kind.listing,
        enabled=entry.enabled,
        missing_key=None if key.where or key.problem else entry.api_key_env,
        unready=unready,
        sidecar=entry.sidecar_url or "",
    )
    return moved(provider, row[0], side=row[1]) if row else provider


def _key(entry: ProviderEntry, style: AuthStyle, *, access: Access, headers: tuple[Header, ...]) -> KeyFound:
    """The entry's own header goes before every other place."""
    if any(name in _AUTH_HEADERS for name, _ in headers):
        return KeyFound(where=HEADERS)
    return access.key(entry.id, (entry.api_key_env,) if entry.api_key_env else (), style)
