"""`hostler providers`: shows, checks and edits them. Knows what is printed; the file's format is the registry's."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hostler.cli.exits import DONE
from hostler.cli.options import Listing, Places
from hostler.cli.providers import AddOptions, OneOptions
from hostler.cli.work import known
from hostler.cli.work.known import ProviderRow
from hostler.cli.work.output import say, show, show_json, show_table
from hostler.cli.work.settings import load
from hostler.errors import HostlerError
from hostler.registry.file_edit import add_provider, remove_provider, set_default
from hostler.registry.file_format import Problem, check, schema
from hostler.settings import Settings
from hostler.system.files import storage_errors


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the file and at the machines found. `named` are the providers that stand in the file."""

    path: str
    exists: bool
    named: tuple[str, ...]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    providers: tuple[ProviderRow, ...]

    @property
    def good(self) -> bool:
        """Whether everything that the user named works; a vendor without a key is no fault unless the file has it."""
        own = (row.ready for row in self.providers if row.id in self.named)
        return not self.errors and all(own) and all(row.state != "down" for row in self.providers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What an edit of the file came to. `backup`: the file as it was; `reloaded`: a hostler that runs has read it."""

    id: str
    path: str
    backup: str | None
    reloaded: bool


def show_all(options: Listing) -> int:
    """One line per provider."""
    rows = known.providers(load(options))
    if options.json:
        show_json(rows)
        return DONE
    cells = [
        (f"{r.id}{' (default)' if r.default else ''}", r.kind, state_of(r), str(r.models), r.key, r.reason or r.note)
        for r in rows
    ]
    show_table(("id", "kind", "state", "models", "key", "why"), cells)
    return DONE


def examine(settings: Settings, *, here: known.Local | None = None, ask: bool = True) -> Found:
    """Check the file, and ask the machines of its last good state which models they have."""
    path = settings.providers_file
    text = _text(path)
    checked = check(text) if text is not None else None
    document = checked.document if checked else None
    here = here or known.local(settings, remembered=False)
    if ask:
        known.look(here, settings)
    rows = [known.provider_row(entry) for entry in here.resolver.providers()]
    errors = _texts(checked.errors) if checked else ()
    if not errors and here.file.status.error:
        errors = (here.file.status.error,)
    return Found(
        path=str(path),
        exists=text is not None,
        named=tuple(e.id for e in document.providers if e.enabled) if document else (),
        errors=errors,
        warnings=_texts(checked.warnings) if checked else (),
        providers=tuple(rows),
    )


def add(options: AddOptions) -> int:
    """Write the entry. Raises ConfigError for one that is not valid."""
    settings = load(options)
    path, old = settings.providers_file, settings.legacy_base_url
    fields: dict[str, object] = {
        "id": options.provider_id,
        "kind": options.kind,
        "label": options.label,
        "baseUrl": options.url,
        "apiKeyEnv": options.key_env,
        "tags": list(options.tags) or None,
    }
    entry = {name: value for name, value in fields.items() if value is not None}

    def edit() -> Path | None:
        backup = add_provider(path, entry, legacy_base_url=old)
        if options.default:
            set_default(path, options.provider_id, legacy_base_url=old)
        return backup

    return _edited(options, settings, edit=edit, what=f"'{options.provider_id}' is in")


def remove(options: OneOptions) -> int:
    """Take the entry out. Raises ConfigError when there is none."""
    settings = load(options)
    return _edited(
        options,
        settings,
        edit=lambda: remove_provider(settings.providers_file, options.provider_id),
        what=f"'{options.provider_id}' is no longer in",
    )


def make_default(options: OneOptions) -> int:
    """Change the default. Raises ConfigError when there is no such provider."""
    settings = load(options)
    return _edited(
        options,
        settings,
        edit=lambda: set_default(
            settings.providers_file, options.provider_id, legacy_base_url=settings.legacy_base_url
        ),
        what=f"'{options.provider_id}' is the default of",
    )


def show_path(options: Listing) -> int:
    """The path alone; as JSON also whether there is such a file."""
    path = load(options).providers_file
    if options.json:
        show_json({"path": str(path), "exists": path.is_file()})
    else:
        show(str(path))
    return DONE


def show_schema(options: Places) -> int:
    """The schema as JSON."""
    del options
    show_json(schema())
    return DONE


def tell_running(settings: Settings) -> bool:
    """Let the hostler that runs read the file now; it would see the change within seconds anyway."""
    door = known.running(settings)
    if door is None:
        return False
    with contextlib.suppress(HostlerError):
        door.ask("POST", f"{known.CONTROL}reload")
        return True
    return False


def state_of(row: ProviderRow) -> str:
    """One word for people."""
    if not row.ready:
        return "not ready"
    return "ready" if row.kind == "engine" else row.state


def _edited(options: AddOptions | OneOptions, settings: Settings, *, edit: Callable[[], Path | None], what: str) -> int:
    backup = edit()
    if options.json:
        show_json(
            Edit(
                id=options.provider_id,
                path=str(settings.providers_file),
                backup=str(backup) if backup else None,
                reloaded=tell_running(settings),
            )
        )
        return DONE
    kept = f" The file as it was: {backup}" if backup else ""
    say(f"{what} {settings.providers_file}.{kept}")
    if tell_running(settings):
        say("The hostler that runs has read it.")
    return DONE


def _text(path: Path) -> bytes | None:
    with storage_errors(path, "read"):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def _texts(problems: Sequence[Problem]) -> tuple[str, ...]:
    return tuple(map(str, problems))
