"""The single checks of `hostler doctor`. Each knows one thing that may be wrong, and what to do about it."""

import asyncio
import os
import platform
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

from hostler.accounts.keys import Keys
from hostler.accounts.tables import MIGRATIONS
from hostler.app import is_loopback, tls_context
from hostler.cli.work import engine_found, known
from hostler.cli.work.output import si_bytes
from hostler.cli.work.providers import Found, examine
from hostler.errors import HostlerError
from hostler.providers.vendors import VENDORS
from hostler.registry.local_servers import probe_local_servers
from hostler.settings import Settings
from hostler.system.files import free_bytes
from hostler.system.hardware import read_machine
from hostler.system.keyring import Keyring
from hostler.system.owner import find_owner
from hostler.system.store import Store

State = Literal["good", "note", "warning", "broken"]
LITTLE_DISK: Final = 2_000_000_000
LITTLE_MEMORY: Final = 1_000_000_000
_GROUP_OR_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: what was looked at, how it stands, and what to do (empty: nothing)."""

    what: str
    state: State
    text: str
    todo: str = ""


def check_python() -> Iterator[Check]:
    """The interpreter and the parts that are installed."""
    yield Check("python", "good", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    try:
        yield Check("engine extra", "good", f"xllamacpp {metadata.version('xllamacpp')}")
    except metadata.PackageNotFoundError:
        yield Check("engine extra", "note", "not installed", "pip install 'hostler[engine]' runs models here.")


def check_settings(settings: Settings) -> Iterator[Check]:
    """The settings file, and TLS files that it names."""
    path = settings.config_file
    yield Check("settings", "good", f"{path}" if path.is_file() else f"no {path}: every setting has its default")
    try:
        if tls_context(settings) is not None:
            yield Check("TLS", "good", f"certificate {settings.gateway.tls_cert}")
    except HostlerError as error:
        yield Check("TLS", "broken", error.message, error.hint or "Correct tls_cert and tls_key under [gateway].")


def check_aliases(settings: Settings) -> Iterator[Check]:
    """Aliases that no request could follow to a model."""
    circles = known.local(settings).resolver.circles()
    for text in circles:
        yield Check("aliases", "broken", text)
    if settings.aliases and not circles:
        yield Check("aliases", "good", f"{len(settings.aliases)} in force")


def check_overrides(settings: Settings) -> Iterator[Check]:
    """What the user says of models."""
    status = known.local(settings).overrides.status
    if status.error:
        yield Check("overrides", "broken", status.error, "Until then models are as others describe them.")
    elif status.exists:
        yield Check("overrides", "good", f"{len(status.overrides.models)} models or patterns in {status.path}")


def check_folder(settings: Settings) -> Iterator[Check]:
    """The data folder: there, ours, with room."""
    folder = settings.data_dir
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        yield Check("data folder", "broken", f"{folder} cannot be written", "Choose another with --data.")
        return
    there = "" if folder.is_dir() else " (made at the first start)"
    yield Check("data folder", "good", f"{folder}{there}")
    yield from _private(folder)
    free = free_bytes(folder)
    little = free < LITTLE_DISK
    todo = "Models need gigabytes; free some space or move the data folder." if little else ""
    yield Check("disk", "warning" if little else "good", f"{si_bytes(free)} free", todo)


def _private(folder: Path) -> Iterator[Check]:
    for name in ("token", "hostler.db"):
        path = folder / name
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & _GROUP_OR_OTHERS:
            yield Check(name, "warning", f"{path} can be read by others on this machine", f"chmod 600 {path}")


def check_running(settings: Settings) -> Iterator[Check]:
    """Whether hostler runs and answers; else whether its port is free."""
    owner, door = find_owner(settings.data_dir), known.running(settings)
    if door is not None and owner is not None:
        try:
            door.ask("GET", f"{known.CONTROL}status", patience=5.0)
            yield Check("hostler", "good", f"runs at {owner.address} (pid {owner.pid})")
        except HostlerError as error:
            yield Check("hostler", "broken", error.message, f"If it hangs, end it: kill {owner.pid}")
        return
    yield Check("hostler", "note", "does not run", "hostler up starts it.")
    host, port = settings.gateway.host, settings.gateway.port
    problem = _port_problem(host, port)
    if problem:
        yield Check("port", "broken", f"{host}:{port}: {problem}", "Choose another with --port, or end what has it.")
    else:
        yield Check("port", "good", f"{host}:{port} is free")


def _port_problem(host: str, port: int) -> str:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def check_keys(settings: Settings) -> Iterator[Check]:
    """Keys of clients, and whether the address needs some."""
    usable = len(settings.gateway.keys)
    if (settings.data_dir / "hostler.db").is_file():
        store = Store.open(settings.data_dir / "hostler.db", MIGRATIONS)
        try:
            usable = Keys(store, fixed=settings.gateway.keys).usable
        finally:
            store.close()
    if not usable and not is_loopback(settings.gateway.host):
        text = f"none, and {settings.gateway.host} can be reached from other machines"
        yield Check("keys", "broken", text, "hostler keys create NAME")
        return
    yield Check("keys", "good", f"{usable} in force" if usable else "none, and on this machine none is needed")


def check_engine(settings: Settings) -> Iterator[Check]:
    """What models of this machine would run on."""
    found = engine_found.find(settings)
    if found.name:
        yield Check("engine", "good", found.name)
    else:
        yield Check("engine", "warning", found.problem, found.hint)


def check_providers(settings: Settings) -> Iterator[Check]:
    """The providers file, and every machine once."""
    found = examine(settings)
    for text in found.errors:
        yield Check("providers file", "broken", f"{found.path}: {text}", "hostler providers check, after mending it")
    for text in found.warnings:
        yield Check("providers file", "warning", f"{found.path}: {text}")
    if not found.errors:
        there = found.path if found.exists else f"no {found.path}: the built-in providers hold"
        yield Check("providers file", "good", there)
    yield from _machines(found)


def _machines(found: Found) -> Iterator[Check]:
    for row in found.providers:
        what = f"provider {row.id}"
        if row.state == "down":
            yield Check(what, "warning", row.reason, "Start it, or take it out: hostler providers remove " + row.id)
        elif row.id in found.named and not row.ready:
            yield Check(what, "warning", row.reason)
        elif row.state == "up":
            yield Check(what, "good", f"{row.models} models")


def check_environment(settings: Settings) -> Iterator[Check]:
    """Vendors' keys, by the names of their variables alone."""
    names = [name for vendor in VENDORS.values() for name in vendor.env]
    there = [name for name in names if settings.environment.get(name, "").strip()]
    there += [f"{name} under [vendor_keys]" for name in settings.vendor_keys]
    there += [f"{name} in the keyring" for name in sorted(Keyring(settings.data_dir).names())]
    if there:
        yield Check("vendor keys", "good", ", ".join(there))
    else:
        todo = f"Set {' or '.join(names)} to use a vendor's models, or store a key: hostler providers login VENDOR"
        yield Check("vendor keys", "note", "none", todo)


def check_machine() -> Iterator[Check]:
    """Memory and processors."""
    machine = read_machine()
    memory = machine.memory
    little = memory.available < LITTLE_MEMORY
    text = f"{si_bytes(memory.available)} of {si_bytes(memory.total)} available"
    todo = "Only small models will fit; end other programs for bigger ones." if little else ""
    yield Check("memory", "warning" if little else "good", text, todo)
    yield Check("processors", "good", f"{machine.processors.physical} cores, load {machine.load:.1f}")


def check_local_servers(settings: Settings) -> Iterator[Check]:
    """Model servers that run here already, with the command that adds each."""
    directory = known.local(settings).file.directory
    for server in asyncio.run(probe_local_servers(directory)):
        what = f"found {server.kind}"
        if server.known_as:
            yield Check(what, "good", f"at {server.address}, known as '{server.known_as}'")
            continue
        entry = server.entry
        command = f"hostler providers add {entry['id']} --kind {entry['kind']} --url {entry['baseUrl']}"
        yield Check(what, "note", f"at {server.address}, not among the providers", command)


def all_checks(settings: Settings) -> Iterator[Check]:
    """Every check, in the order in which things are needed."""
    yield from check_python()
    yield from check_settings(settings)
    yield from check_aliases(settings)
    yield from check_overrides(settings)
    yield from check_folder(settings)
    yield from check_running(settings)
    yield from check_engine(settings)
    yield from check_providers(settings)
    yield from check_environment(settings)
    yield from check_keys(settings)
    yield from check_machine()
    yield from check_local_servers(settings)


__all__ = ["Check", "all_checks", "check_python"]
