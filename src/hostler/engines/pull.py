"""`hostler pull ORG/NAME[:QUANT]`: from a name on a hub to a checked model file in the models folder.

Knows: the order of things: list, choose, make room, lock, fetch, check, register. Does not know: how bytes come
(download), what the hub's answers mean (hub), and how the providers file is written (given as `register`).
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
import ssl
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hostler.engines.download import FIRST_PAUSE_S, Doors, Meter, Progress, Report, Source, fetch, part_of
from hostler.engines.gguf_header import check_model_file
from hostler.engines.hub import Hub, HubFile, Offer, Spec, choose, list_files, local_name, offers, parse_spec
from hostler.errors import DownloadError, ModelFileError, StorageError
from hostler.system.files import free_bytes, storage_errors

if TYPE_CHECKING:
    import httpx2

CONNECT_S: Final = 15.0
SILENCE_S: Final = 60.0
"""Seconds without a byte after which a connection counts as broken."""
LIST_ATTEMPTS: Final = 4
SPARE: Final = 64 << 20
"""Bytes of disk that a download leaves free."""
ENGINE: Final = "llama.cpp"


@dataclass(frozen=True, slots=True)
class Pulled:
    """A model that is on the disk now, whole and checked."""

    path: Path
    """The file to start an engine with; the first part of a split model."""
    size: int
    """Bytes of all parts."""
    sha256: str
    """Of the file; for a split model, of its parts' hashes, one per line."""
    model_id: str
    """A bare name for it, for the provider `here`: repository and quantisation."""
    recipe: Mapping[str, object]
    """Fields for the recipe in the providers file; the path starts at the data folder."""
    fresh: bool = True
    """False: it was there already."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything else that a pull touches; tests put others in their place."""

    free_bytes: Callable[[Path], int] = free_bytes
    doors: Doors = field(default_factory=Doors)
    tls: ssl.SSLContext | None = None
    """Which certificates are trusted; None: the system's, or those that SSL_CERT_FILE names."""
    register: Callable[[Pulled], None] | None = None
    """Enters the model into the providers file; called last."""


def _silent(_: Progress) -> None:
    return


async def pull(spec: str, hub: Hub, *, folder: Path, progress: Report = _silent, ports: Ports | None = None) -> Pulled:
    """Fetch the model that `spec` names into `folder` (the models folder) and return where it is.

    Raises DownloadError (no such model, gated, ambiguous, damaged, given up, another pull runs) and StorageError
    (disk full), each with a hint. After a failure or Ctrl-C, the same call goes on where the last one stopped.
    """
    import httpx2  # lazy: 100 ms that only downloads need

    wanted, used = parse_spec(spec), ports or Ports()
    timeout = httpx2.Timeout(SILENCE_S, connect=CONNECT_S)
    verify = used.tls or True
    async with httpx2.AsyncClient(timeout=timeout, verify=verify, headers={"user-agent": "hostler"}) as client:
        files = await _listed(client, hub, wanted=wanted, ports=used)
        offer = choose(wanted, offers(files))
        pulled = await _Pull(client, hub, wanted=wanted, offer=offer, folder=folder, ports=used).run(progress)
    if used.register is not None:
        used.register(pulled)
    return pulled


async def _listed(client: "httpx2.AsyncClient", hub: Hub, *, wanted: Spec, ports: Ports) -> tuple[HubFile, ...]:
    """The repository's files; a few tries, for a network that is just waking up."""
    import httpx2  # lazy: 100 ms that only downloads need

    for attempt in range(1, LIST_ATTEMPTS + 1):
        try:
            return await list_files(client, hub, repo=wanted.repo)
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            if attempt == LIST_ATTEMPTS or isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol):
                raise DownloadError(
                    f"the hub at {hub.address} cannot be reached: {error or type(error).__name__}",
                    hint="Check the network, proxy variables and the setting `hub`.",
                ) from None
        await ports.doors.pause(FIRST_PAUSE_S * 2**attempt)
    raise AssertionError("the loop returns or raises")


class _Pull:
    """One offer on its way to the disk."""

    def __init__(
        self, client: "httpx2.AsyncClient", hub: Hub, *, wanted: Spec, offer: Offer, folder: Path, ports: Ports
    ) -> None:
        self._client = client
        self._hub = hub
        self._wanted = wanted
        self._offer = offer
        self._models = folder
        self._folder = folder / Path(*wanted.repo.split("/"))
        self._ports = ports
        self._targets = [self._folder / local_name(file.path) for file in offer.files]

    async def run(self, progress: Report) -> Pulled:
        with storage_errors(self._folder, "made"):
            self._folder.mkdir(parents=True, exist_ok=True)
        with locked(self._targets[0]):
            missing = [pair for pair in self._pairs() if not _is_there(*pair)]
            self._make_room(missing)
            meter = Meter(progress, self._offer.size)
            hashes = [await self._one(file, target, meter=meter) for file, target in self._pairs()]
            await asyncio.to_thread(self._check)
        return Pulled(
            path=self._targets[0],
            size=sum(target.stat().st_size for target in self._targets),
            sha256=_joint_hash(hashes),
            model_id=model_name(self._wanted, self._offer),
            recipe={"engine": ENGINE, "path": str(self._targets[0].relative_to(self._models.parent))},
            fresh=bool(missing),
        )

    def _pairs(self) -> list[tuple[HubFile, Path]]:
        return list(zip(self._offer.files, self._targets, strict=True))

    def _make_room(self, missing: list[tuple[HubFile, Path]]) -> None:
        """Refuse before the first byte when the disk cannot hold what is missing."""
        there = sum(min(_size(part_of(target)), file.size) for file, target in missing)
        needed = sum(file.size for file, _ in missing) - there
        free = self._ports.free_bytes(self._folder)
        if needed and needed + SPARE > free:
            raise StorageError(
                f"{self._wanted.repo} ({self._offer.label}) needs {_gb(needed)} more, but {_gb(free)} are free",
                hint=f"Free some space for {self._folder}, or choose a smaller quantisation.",
            )

    async def _one(self, file: HubFile, target: Path, *, meter: Meter) -> str:
        if _is_there(file, target):
            meter.begin(target.name)
            meter.reset(file.size)
            return file.sha256 or await asyncio.to_thread(_hash_of, target)
        source = Source(self._hub, self._wanted.repo, file)
        return await fetch(self._client, source, target=target, meter=meter, doors=self._ports.doors)

    def _check(self) -> None:
        """A file with the right hash may still be no model that an engine reads."""
        try:
            check_model_file(self._targets[0])
        except ModelFileError as error:
            raise DownloadError(
                f"what the hub calls {self._offer.files[0].path} is no usable model: {error.message}", hint=error.hint
            ) from None


@contextlib.contextmanager
def locked(target: Path) -> Generator[None]:
    """Keep other pulls of `target` out; the lock ends with this process, however it ends. Raises DownloadError."""
    path = target.with_name(target.name + ".lock")
    with storage_errors(path, "locked"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _lock_nowait(descriptor, path):
            raise DownloadError(
                f"{target.name} is being pulled by another process", hint="Wait for it, or end it first."
            )
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink()
    finally:
        os.close(descriptor)


def _lock_nowait(descriptor: int, path: Path) -> bool:
    """Whether the lock is ours, on the file that still has this name: its last holder may have removed it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except OSError:
        return False


def model_name(wanted: Spec, offer: Offer) -> str:
    """A bare name: repository and quantisation, as in `qwen3-8b-q4_k_m`; a file named by hand keeps its own."""
    stem = re.sub(r"-\d{5}-of-\d{5}$", "", offer.files[0].name[: -len(".gguf")])
    base = re.sub(r"[-_.]gguf$", "", wanted.name, flags=re.IGNORECASE)
    quantised = f"{base}-{offer.label}" if offer.label != stem else stem
    chosen_by_file = wanted.choice.lower().endswith(".gguf")
    return re.sub(r"[^a-z0-9._-]+", "-", (stem if chosen_by_file else quantised).lower())


def _is_there(file: HubFile, target: Path) -> bool:
    """A file gets its final name only when it is whole and checked, so its size tells whether it is this one."""
    return _size(target) == file.size > 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _hash_of(path: Path) -> str:
    with storage_errors(path, "read"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _joint_hash(hashes: list[str]) -> str:
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB"
