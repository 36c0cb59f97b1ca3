"""The block that `hostler up` prints: where it listens, how to reach it, what was found and what is missing.

Knows: what a newcomer needs to read. Does not know: how anything it shows came about.
"""

from dataclasses import dataclass

import click

from hostler import __version__
from hostler.app import App, Listening, is_loopback
from hostler.cli.work import engine_found
from hostler.providers.client_lines import ANY_KEY, client_lines, curl_line
from hostler.providers.kinds import HERE
from hostler.system.listening import EVERYWHERE, outside_urls

KEY = "YOUR_KEY"
MOST_NAMED = 8
_SHOWN = 3
"""Variables that are named; there are as many as vendors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the block says, and what `--json` prints."""

    address: str
    """For clients on this machine; others use `outside`."""
    all_addresses: bool
    """It listens on every address of this machine."""
    outside: tuple[str, ...]
    """Where other machines reach it, when it listens on all addresses."""
    link: str
    """Opens the workbench, token included; empty without a workbench."""
    version: str
    pid: int
    data: str
    providers_file: str
    workers: int
    providers: tuple[str, ...]
    """Ids of those that are ready."""
    default: str
    models: tuple[str, ...]
    """Ids of those that a picker would offer."""
    engine: str
    """What engines are started with; empty: nothing."""
    key_required: bool
    keys: int
    """Keys that open the door."""
    missing: tuple[str, ...]
    """What could not be used, and what to do about it."""


def facts(listening: Listening) -> Facts:
    """Gather them from the parts that run."""
    app, settings = listening.app, listening.app.settings
    engine = engine_found.find(settings)
    entries = app.resolver.providers()
    return Facts(
        address=listening.address,
        all_addresses=settings.gateway.host in EVERYWHERE,
        outside=outside_urls(settings, int(listening.address.rpartition(":")[2])),
        link=f"{listening.address}/?token={app.token}" if settings.workbench.enabled else "",
        version=__version__,
        pid=app.owner.info.pid,
        data=str(settings.data_dir),
        providers_file=str(settings.providers_file),
        workers=settings.gateway.workers,
        providers=tuple(e.provider.id for e in entries if not e.problem),
        default=next((e.provider.id for e in entries if e.default), ""),
        models=tuple(m.id for m in app.resolver.models() if m.listed),
        engine=engine.name,
        key_required=app.keys.required(loopback=is_loopback(settings.gateway.host)),
        keys=app.keys.usable,
        missing=tuple(_missing(app, engine)),
    )


def _missing(app: App, engine: engine_found.EngineFound) -> list[str]:
    lines: list[str] = []
    if engine.problem:
        lines.append(f"no engine: {engine.problem}. {engine.hint}".rstrip())
    status = app.providers.status
    if status.error:
        lines.append(f"{status.error} The last good state is used.")
    lines += [f"{status.path}: {warning}" for warning in status.warnings]
    lines += app.resolver.circles()
    lines += [
        f"provider '{e.provider.id}' of your file: {e.problem}"
        for e in app.resolver.providers()
        if e.problem and e.provider.missing_key is None and e.provider.id != HERE and e.provider.program is None
    ]
    variables = tuple(dict.fromkeys(e.provider.missing_key for e in app.resolver.providers() if e.provider.missing_key))
    if variables:
        more = len(variables) - _SHOWN
        others = f" or one of {more} more (hostler providers list)" if more > 0 else ""
        lines.append(f"keys: set {', '.join(variables[:_SHOWN])}{others} to use the models behind them")
    return lines


def welcome(known: Facts) -> str:
    """The block."""
    model = known.models[0] if known.models else f"{known.default or HERE}/MODEL"
    key = KEY if known.key_required else ANY_KEY
    lines = [
        click.style(f"hostler {known.version} is open at {known.address}", bold=True),
        "",
        *_doors(known),
        f"  {curl_line(known.address, model=model, key=KEY if known.key_required else '')}",
        "",
    ]
    for row in client_lines(known.address, model=model, key=key):
        lines += [f"  {row.client:<15} {row.line}", *([f"  {'':<15} ({row.note})"] if row.note else [])]
    lines += [
        "",
        f"  providers       {_named(known.providers, known.default)}",
        f"  models          {_named(known.models)}",
        f"  engine          {known.engine or 'none'}",
        f"  keys            {_keys(known)}",
        f"  data            {known.data}",
    ]
    lines += [f"  missing         {line}" for line in known.missing]
    lines += ["", "  hostler chat talks to it, hostler doctor checks everything; Ctrl-C ends it."]
    return "\n".join(lines)


def _doors(known: Facts) -> list[str]:
    """Where else than at its address it can be reached."""
    lines: list[str] = []
    if known.all_addresses:
        others = ", ".join(known.outside) or "none: this machine is on no network"
        lines += ["  listens         on all addresses of this machine", f"  other machines  {others}"]
    if known.link:
        lines.append(f"  workbench       {known.link}")
    return [*lines, ""] if lines else []


def _named(names: tuple[str, ...], default: str = "") -> str:
    shown = [f"{name} (default)" if name == default else name for name in names[:MOST_NAMED]]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return (", ".join(shown) or "none yet") + more


def _keys(known: Facts) -> str:
    if not known.key_required:
        return "none needed on this machine; make one with: hostler keys create NAME"
    return f"{known.keys} in force" if known.keys else "required, and there is none: hostler keys create NAME"
