"""The engines folder: one small file per running engine, by which a later owner finds what a dead one left behind.

Knows: the files and the rule (only engines whose recorded owner is dead are ended). Does not know: how engines run.
"""

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hostler.system.process import ProcessId, is_alive, kill_leftover

ENDING_S = 5.0
"""Seconds that a killed leftover may take to be gone."""


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """What is on disk about one running engine. No secrets."""

    owner: ProcessId
    engine: ProcessId
    model_id: str
    recipe_id: str
    port: int
    """0 until it is known."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """An engine that a dead owner left behind."""

    record: EngineRecord
    ended: bool
    """False: it would not end, or is not ours to end."""


def slug(model_id: str) -> str:
    """A file name for a model id: readable, and different for different ids."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", model_id)[:80].lstrip(".")
    return f"{readable}-{hashlib.sha256(model_id.encode()).hexdigest()[:8]}"


def state_path(folder: Path, model_id: str) -> Path:
    """Where an engine's record lies."""
    return folder / f"{slug(model_id)}.json"


def log_path(folder: Path, model_id: str) -> Path:
    """Where an engine's log lies."""
    return folder / f"{slug(model_id)}.log"


def write_record(folder: Path, record: EngineRecord) -> None:
    """Store it, whole or not at all. Not synced to disk: it matters only while the machine runs. Raises OSError."""
    path = state_path(folder, record.model_id)
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(record))
    temporary.replace(path)


def remove_record(folder: Path, model_id: str) -> None:
    """Forget an engine that is gone."""
    with contextlib.suppress(OSError):
        state_path(folder, model_id).unlink(missing_ok=True)


def read_records(folder: Path) -> tuple[EngineRecord, ...]:
    """All records in the folder; files that are no records are passed over."""
    records: list[EngineRecord] = []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        with contextlib.suppress(OSError, msgspec.DecodeError):
            records.append(msgspec.json.decode(path.read_bytes(), type=EngineRecord))
    return tuple(records)


def sweep_leftovers(folder: Path) -> tuple[Leftover, ...]:
    """End engines whose recorded owner is dead and forget those that are gone; for an owner at its start. Blocks.

    Never by a name: pid AND start time must match, for the owner and for the engine.
    """
    swept: list[Leftover] = []
    for record in read_records(folder):
        if is_alive(record.owner):
            continue
        if is_alive(record.engine):
            swept.append(Leftover(record, ended=_end(record.engine)))
        if not is_alive(record.engine):
            remove_record(folder, record.model_id)
    return tuple(swept)


def _end(engine: ProcessId) -> bool:
    try:
        return kill_leftover(engine, ENDING_S)
    except PermissionError:
        return False
