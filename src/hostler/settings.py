"""settings.toml and HOSTLER_* variables, folded into one frozen `Settings`.

Knows: every setting, its default, its unit, and the process environment (nobody else reads it).
Does not know: what the settings are used for, and the providers file (registry).

Precedence, weakest first: defaults here, settings.toml, HOSTLER_<SECTION>_<NAME> variables, command-line flags.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Literal, cast, get_type_hints

import msgspec
import platformdirs

from hostler.errors import ConfigError

APP = "hostler"
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Processes = Annotated[int, msgspec.Meta(ge=1, le=64)]
Size = Annotated[int, msgspec.Meta(ge=1, le=1 << 20)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Level = Literal["error", "warning", "info", "debug"]
_HUB = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """The one port and who may use it."""

    host: str = "127.0.0.1"
    """Address to listen on; anything but loopback needs keys."""
    port: Port = 8484
    """TCP port; 0 takes a free one."""
    keys: tuple[str, ...] = ()
    """Keys accepted as they stand here, beside those made by `hostler keys create`."""
    require_key: bool = False
    """Ask for a key on loopback too, also when none exists yet."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names accepted in `Host` beside loopback names and the bound address."""
    allowed_origins: tuple[str, ...] = ()
    """Origins (scheme://host[:port]) whose pages may call the gateway; enables CORS for them."""
    max_body_mb: Size = 64
    """Largest request body in MiB; above it 413."""
    max_head_kb: Size = 64
    """Largest request head in KiB; above it 431."""
    queue: Count = 64
    """Calls that may wait in one lane; above it 429 with Retry-After."""
    keepalive_s: Seconds = 10.0
    """Seconds of silence after which a stream that waits gets a keep-alive in its face's manner."""
    drain_s: Seconds = 30.0
    """Seconds that running calls get to finish after SIGTERM."""
    workers: Processes = 1
    """Gateway processes that share the port."""
    tls_cert: str = ""
    """PEM file with the certificate chain; with `tls_key` the port speaks HTTPS."""
    tls_key: str = ""
    """PEM file with the private key."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Local inference engines."""

    enabled: bool = True
    """Start engines at all; false is `--no-engine`."""
    llama_server: str = ""
    """Path of a llama-server to use instead of the one on PATH or in the `engine` extra."""
    idle_ttl_s: Seconds = 900.0
    """Seconds without a call after which an engine is unloaded; 0 keeps it for ever."""
    start_timeout_s: Seconds = 600.0
    """Seconds an engine may take from start to ready."""
    stop_grace_s: Seconds = 5.0
    """Seconds between SIGTERM and SIGKILL when an engine is stopped."""
    memory_reserve_mb: Count = 1024
    """MiB of available memory that engines leave untouched."""
    memory_limit_mb: Count = 0
    """MiB that all engines together may take; 0: what the machine has."""


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """Limits towards upstreams, for providers that do not set their own."""

    connect_s: Seconds = 10.0
    """Seconds to make a connection, TLS included."""
    first_byte_s: Seconds = 0.0
    """Seconds of silence until the reply's first byte; 0: no limit (a long prompt takes its time)."""
    idle_s: Seconds = 600.0
    """Seconds of silence within a reply; 0: no limit."""
    pool_idle_s: Seconds = 60.0
    """Seconds that an unused connection is kept."""
    pool_size: Count = 256
    """Unused connections kept per upstream."""


@dataclass(frozen=True, slots=True)
class WorkbenchSettings:
    """The workbench in the browser."""

    enabled: bool = True
    """Serve it; false is `--no-workbench`."""


@dataclass(frozen=True, slots=True)
class ModelsSettings:
    """What is known of models, and what follows from it."""

    overrides: str = ""
    """Path of the overrides file; empty: models.json in the config folder."""
    checks: Literal["error", "degrade", "off"] = "error"
    """What happens to a request that its model is known not to take: error, degrade or off."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is kept, and for how long."""

    ledger_days: Count = 90
    """Days that ledger rows are kept; 0: for ever."""
    ledger_rows: Count = 5_000_000
    """Ledger rows kept at most; 0: no bound."""
    event_days: Count = 30
    """Days that finished events are kept; 0: for ever."""
    event_rows: Count = 100_000
    """Finished events kept at most; 0: no bound."""
    engine_log_mb: Size = 8
    """MiB of log kept per engine."""
    level: Level = "info"
    """error, warning, info or debug."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, read once at start-up."""

    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    upstream: UpstreamSettings = field(default_factory=UpstreamSettings)
    workbench: WorkbenchSettings = field(default_factory=WorkbenchSettings)
    models: ModelsSettings = field(default_factory=ModelsSettings)
    log: LogSettings = field(default_factory=LogSettings)
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    """Name or glob (`claude-*`) to model id; looked at before anything else."""
    vendor_keys: Mapping[str, str] = field(default_factory=dict[str, str])
    """Provider id to API key, for vendors whose key is not in the environment."""
    hub: str = _HUB
    """Model hub that `hostler pull` asks; speaks the Hugging Face API."""
    config_file: Path = Path()
    """The settings.toml that was read (it may not exist)."""
    data_dir: Path = Path()
    """Data folder: journal, databases, engine logs, models."""
    providers_file: Path = Path()
    """The providers file (it may not exist)."""
    legacy_base_url: str = ""
    """LLAMA_BASE_URL of old single-machine set-ups."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """The process environment as read at start-up: vendor keys and proxy variables are looked up here."""

    @property
    def overrides_file(self) -> Path:
        """The overrides file (it may not exist); beside settings.toml unless [models] names another."""
        named = self.models.overrides
        return Path(named).expanduser().absolute() if named else self.config_file.parent / "models.json"


Section = GatewaySettings | EngineSettings | UpstreamSettings | WorkbenchSettings | ModelsSettings | LogSettings
_SECTIONS: Mapping[str, type[Section]] = {
    "gateway": GatewaySettings,
    "engine": EngineSettings,
    "upstream": UpstreamSettings,
    "workbench": WorkbenchSettings,
    "models": ModelsSettings,
    "log": LogSettings,
}
_TABLES = ("aliases", "vendor_keys")
_ROOT_STRINGS = ("hub",)


def config_dir() -> Path:
    """Folder of settings.toml and llama-providers.json."""
    return Path(platformdirs.user_config_dir(APP, appauthor=False))


def load(
    *,
    config: Path | None = None,
    data: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Mapping[str, object]] | None = None,
) -> Settings:
    """Read settings.toml (`config`, or $HOSTLER_CONFIG, or the config folder's) and the environment.

    `overrides` are flags: {"gateway": {"port": 0}}. Raises ConfigError naming file and key, with the nearest
    known name for a misspelt one. A missing file is an empty one, unless it was named.
    """
    env = dict(os.environ if environ is None else environ)
    named = config or (Path(env["HOSTLER_CONFIG"]) if env.get("HOSTLER_CONFIG") else None)
    path = named or config_dir() / "settings.toml"
    document = _read(path, must_exist=named is not None)
    _check_names(document, [*_SECTIONS, *_TABLES, *_ROOT_STRINGS], where=f"{path}")
    sections: dict[str, Section] = {}
    for name, kind in _SECTIONS.items():
        section = _section(kind, document.get(name, {}), where=f"{path}: [{name}]")
        section = _with_environment(section, name, env=env)
        sections[name] = _with_flags(section, name, flags=(overrides or {}).get(name, {}))
    tables = {name: _string_table(document.get(name, {}), f"{path}: [{name}]") for name in _TABLES}
    return Settings(
        **sections,  # pyright: ignore[reportArgumentType]  # one record per section, by name
        **tables,
        hub=str(env.get("HOSTLER_HUB") or document.get("hub") or _HUB),
        config_file=path,
        data_dir=_data_dir(data, env),
        providers_file=_providers_file(env),
        legacy_base_url=env.get("LLAMA_BASE_URL", ""),
        environment=env,
    )


def _read(path: Path, *, must_exist: bool) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(f"settings file {path} does not exist") from None
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}", hint="Settings are TOML; see docs/settings.md.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None


def _check_names(given: Mapping[str, object], known: list[str], *, where: str) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise ConfigError(f"{where}: unknown setting '{name}'", hint=f"Did you mean '{near[0]}'?" if near else None)


def _section(kind: type[Section], given: object, *, where: str) -> Section:
    if not isinstance(given, dict):
        raise ConfigError(f"{where} must be a table")
    table = cast("dict[str, object]", given)
    _check_names(table, [f.name for f in fields(kind)], where=where)
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from None


def _string_table(given: object, where: str) -> dict[str, str]:
    try:
        return msgspec.convert(given, dict[str, str])
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from None


def _with_environment(section: Section, name: str, *, env: Mapping[str, str]) -> Section:
    """Apply HOSTLER_<SECTION>_<FIELD>; lists are comma-separated."""
    hints = get_type_hints(type(section), include_extras=True)
    changes: dict[str, object] = {}
    for f in fields(section):
        variable = f"HOSTLER_{name}_{f.name}".upper()
        if variable not in env:
            continue
        text = env[variable]
        value: object = [v.strip() for v in text.split(",") if v.strip()] if "tuple" in str(hints[f.name]) else text
        try:
            changes[f.name] = msgspec.convert(value, hints[f.name], strict=False)
        except msgspec.ValidationError as error:
            raise ConfigError(f"environment variable {variable}: {error}") from None
    return replace(section, **changes) if changes else section  # pyright: ignore[reportArgumentType]


def _with_flags(section: Section, name: str, *, flags: Mapping[str, object]) -> Section:
    _check_names(flags, [f.name for f in fields(section)], where=f"flags for [{name}]")
    return replace(section, **flags) if flags else section  # pyright: ignore[reportArgumentType]


def _data_dir(flag: Path | None, env: Mapping[str, str]) -> Path:
    if flag is not None:
        return flag.expanduser().absolute()
    if env.get("HOSTLER_DATA_DIR"):
        return Path(env["HOSTLER_DATA_DIR"]).expanduser().absolute()
    return Path(platformdirs.user_data_dir(APP, appauthor=False))


def _providers_file(env: Mapping[str, str]) -> Path:
    """$LLAMA_PROVIDERS_PATH, then /data/llama-providers.json if it is there, then the config folder's."""
    if env.get("LLAMA_PROVIDERS_PATH"):
        return Path(env["LLAMA_PROVIDERS_PATH"]).expanduser().absolute()
    shared = Path("/data/llama-providers.json")
    return shared if shared.is_file() else config_dir() / "llama-providers.json"
