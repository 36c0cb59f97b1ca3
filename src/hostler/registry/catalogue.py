"""The catalogue: which models each provider was last seen to have, and whether its machine is up.

Knows: states and when they began, models and their facts, and how to keep both over restarts (`registry.json`).
Does not know: how a machine is asked (discovery), and engines here (the directory lists those).
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from hostler.core.capabilities import Capabilities, as_json, from_json
from hostler.errors import StorageError
from hostler.providers.model_lists import KnownModel
from hostler.system.files import write_atomic

FILE: Final = "registry.json"
MAX_MODELS: Final = 5000
"""Models remembered per provider; a list that is longer is cut, so that no server fills our memory."""
MAX_FILE_BYTES: Final = 32 << 20

MachineState = Literal["unknown", "up", "down"]

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Machine:
    """What is known of one provider's machine. Times in unix seconds, 0.0: never.

    `since` is when the state began, `checked` the last look, `reason` why it is down. `models` stay when it goes down.
    """

    state: MachineState = "unknown"
    since: float = 0.0
    checked: float = 0.0
    reason: str = ""
    models: tuple[KnownModel, ...] = ()


NEVER_SEEN: Final = Machine()


class Catalogue:
    """Machines by provider id. `version` grows with every change, so that readers know when to look again."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is the data folder; None keeps everything in memory. A file that cannot be read is an empty one."""
        self._file = folder / FILE if folder else None
        self._machines: dict[str, Machine] = _read(self._file) if self._file else {}
        self._models = {name: _by_name(machine) for name, machine in self._machines.items()}
        self._stamp = _stamp(self._file)
        self.version = 0

    def model(self, provider_id: str, name: str) -> KnownModel | None:
        """One model as its machine listed it; None when it never did."""
        return self._models.get(provider_id, {}).get(name)

    def machine(self, provider_id: str) -> Machine:
        """What is known of a provider's machine."""
        return self._machines.get(provider_id, NEVER_SEEN)

    def machines(self) -> Mapping[str, Machine]:
        """All machines that were ever seen, also of providers that no file names any more."""
        return dict(self._machines)

    def saw_up(self, provider_id: str, models: Iterable[KnownModel], *, now: float) -> bool:
        """The machine answered with this list. True when that changed anything but the time."""
        old = self.machine(provider_id)
        unique = {model.name: model for model in models}
        since = old.since if old.state == "up" else now
        return self._put(provider_id, Machine("up", since, now, "", tuple(unique.values())[:MAX_MODELS]))

    def saw_down(self, provider_id: str, reason: str, *, now: float) -> bool:
        """The machine did not answer well. Its models stay. True when that changed anything but the time."""
        old = self.machine(provider_id)
        since = old.since if old.state == "down" else now
        return self._put(provider_id, Machine("down", since, now, reason, old.models))

    def save(self, machines: Mapping[str, Machine] | None = None) -> None:
        """Write everything (or the `machines()` of an earlier moment) to the data folder. Raises StorageError.

        Blocking file work; it may run on another thread, with machines taken on the loop's.
        """
        if self._file is None:
            return
        taken = self._machines if machines is None else machines
        plain = {"version": 1, "machines": {name: _plain(machine) for name, machine in taken.items()}}
        write_atomic(self._file, msgspec.json.encode(plain))

    def read_if_changed(self) -> Mapping[str, Machine] | None:
        """What another process has saved since the last look; None when that is nothing. May run on another thread."""
        stamp = _stamp(self._file)
        if self._file is None or stamp == self._stamp:
            return None
        self._stamp = stamp
        return _read(self._file)

    def take(self, machines: Mapping[str, Machine]) -> None:
        """Know exactly these machines from now on."""
        self._machines = dict(machines)
        self._models = {name: _by_name(machine) for name, machine in machines.items()}
        self.version += 1

    def _put(self, provider_id: str, machine: Machine) -> bool:
        old = self.machine(provider_id)
        self._machines[provider_id] = machine
        self._models[provider_id] = _by_name(machine)
        changed = (old.state, old.reason, old.models) != (machine.state, machine.reason, machine.models)
        self.version += changed
        return changed


def _stamp(file: Path | None) -> tuple[int, int] | None:
    """Modification time in ns and inode: `save` renames a new file over the old one."""
    try:
        found = file.stat() if file else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ino) if found else None


def _by_name(machine: Machine) -> dict[str, KnownModel]:
    return {model.name: model for model in machine.models}


class _StoredModel(msgspec.Struct):
    name: str
    facts: dict[str, dict[str, object]] = {}
    owned_by: str = ""
    created: int = 0
    size: int = 0


class _StoredMachine(msgspec.Struct):
    state: MachineState = "unknown"
    since: float = 0.0
    checked: float = 0.0
    reason: str = ""
    models: list[_StoredModel] = []


class _Stored(msgspec.Struct):
    machines: dict[str, _StoredMachine] = {}


def _plain(machine: Machine) -> _StoredMachine:
    models = [_StoredModel(m.name, _facts(m.facts), m.owned_by, m.created, m.size) for m in machine.models]
    return _StoredMachine(machine.state, machine.since, machine.checked, machine.reason, models)


def _facts(capabilities: Capabilities) -> dict[str, dict[str, object]]:
    return {name: dict(fact) for name, fact in as_json(capabilities).items()}


def _read(file: Path) -> dict[str, Machine]:
    """The stored machines. It is only a memory of what can be asked again, so damage costs a warning, not the start."""
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise StorageError(f"{file} is larger than {MAX_FILE_BYTES >> 20} MiB")
        stored = msgspec.json.decode(file.read_bytes(), type=_Stored)
    except FileNotFoundError:
        return {}
    except (OSError, StorageError, msgspec.DecodeError) as error:
        _log.warning("%s is not used: %s", file, error)
        return {}
    return {name: _machine(machine) for name, machine in stored.machines.items()}


def _machine(stored: _StoredMachine) -> Machine:
    models = tuple(KnownModel(m.name, from_json(m.facts), m.owned_by, m.created, m.size) for m in stored.models)
    return Machine(stored.state, stored.since, stored.checked, stored.reason, models)
