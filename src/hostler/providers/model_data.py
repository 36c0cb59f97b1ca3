"""The snapshot of model facts and prices that comes with hostler (`snapshot/`, made by tools/model_data.py).

Knows: its files, one per vendor, each read when that vendor's models are first asked about; dated and prefixed names.
Does not know: what other layers say, and how the snapshot is made.

Look-up: the exact name, else the name without its date, else what holds for all models of the vendor (which is marked
uncertain), else nothing.
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from hostler.core.capabilities import NOTHING_KNOWN, Capabilities, from_json
from hostler.providers.provider import Provider

FOLDER: Final = Path(__file__).parent / "snapshot"
WILDCARD: Final = "*"

_DATE: Final = r"[-@](?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$"
_log: Final = logging.getLogger(__name__)

Told = list[bool | int | float | str]
"""Value, number of the source, 1 if it is uncertain."""


class _Index(msgspec.Struct, frozen=True):
    hosts: dict[str, str] = {}
    sources: dict[str, tuple[str, str]] = {}


class _File(msgspec.Struct, frozen=True):
    """`models` stay bytes: of hundreds, a process asks about a few."""

    sources: list[tuple[str, str]] = []
    models: dict[str, msgspec.Raw] = {}


class ModelData:
    """Facts by provider and model. Belongs to one thread; nothing is read before it is asked for."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._index: _Index | None = None
        self._files: dict[str, _File] = {}

    def facts(self, provider: Provider, model: str) -> Capabilities:
        """What the snapshot says of a hosted model; nothing of models on the user's own machines."""
        if provider.local or provider.ours:
            return NOTHING_KNOWN
        vendor = self._vendor(provider)
        file = self._file(vendor) if vendor else None
        if file is None:
            return NOTHING_KNOWN
        for name in _names(model):
            found = file.models.get(name)
            if found is not None:
                return _facts(file, found)
        return NOTHING_KNOWN

    def sources(self) -> Mapping[str, tuple[str, str]]:
        """The data sets that the snapshot was made from: name -> version and date."""
        return self._read_index().sources

    def _vendor(self, provider: Provider) -> str:
        """Whose models these are: by the address that is asked, else by the provider's id; "" for nobody we know."""
        index, host = self._read_index(), provider.address.host
        for known, vendor in index.hosts.items():
            if host == known or host.endswith(f".{known}"):
                return vendor
        return provider.id if provider.id in index.hosts.values() else ""

    def _read_index(self) -> _Index:
        if self._index is None:
            self._index = _read(self._folder / "index.json", _Index) or _Index()
        return self._index

    def _file(self, vendor: str) -> _File:
        if vendor not in self._files:
            self._files[vendor] = _read(self._folder / f"{vendor}.json", _File) or _File()
        return self._files[vendor]


R = TypeVar("R", _Index, _File)


def _read(path: Path, kind: type[R]) -> R | None:
    """None, and a warning, where the file is missing or damaged: then less is known, and nothing stops."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("the snapshot of model facts cannot be read: %s: %s", path, error)
        return None


def _names(model: str) -> tuple[str, ...]:
    """The names under which a model may stand, the closest first."""
    bare = model.removeprefix("models/")
    return (bare, re.sub(_DATE, "", bare), WILDCARD)


def _facts(file: _File, found: msgspec.Raw) -> Capabilities:
    plain: dict[str, dict[str, object]] = {}
    for name, told in msgspec.json.decode(found, type=dict[str, Told]).items():
        source, as_of = file.sources[int(told[1])]
        plain[name] = {"value": told[0], "source": source, "as_of": as_of, "uncertain": len(told) > 2}
    return from_json(plain)
