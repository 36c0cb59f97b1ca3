"""One file from a hub onto the disk: whole and checked under its final name, or resumable beside it.

Knows: redirects, ranges, resuming, retries, hashes. Does not know: which file is wanted (hub) and what it is for.
While a file is fetched it is called `NAME.part`; `NAME.part.json` says which version of the file the part belongs to.
"""

import asyncio
import contextlib
import hashlib
import os
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from hostler.engines.hub import REDIRECTS, Hub, HubFile, linked_hash, next_url, refusal
from hostler.errors import DownloadError
from hostler.system.files import PUBLIC, storage_errors, sync_folder, write_atomic

if TYPE_CHECKING:
    import httpx2

ATTEMPTS: Final = 6
"""Failures in a row, without PROGRESS between them, after which we give up."""
PROGRESS: Final = 1 << 20
"""Bytes that count as getting on."""
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
MAX_REDIRECTS: Final = 5
CHUNK: Final = 1 << 20
REPORT_S: Final = 0.1
RATE_S: Final = 5.0
"""Seconds over which the rate is averaged."""
RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
OK, PARTIAL, BEYOND_END = 200, 206, 416
_CONTENT_RANGE: Final = re.compile(r"^bytes (\d+)-\d+/(\d+|\*)$")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is."""

    file: str
    """Name of the file that is being fetched."""
    done: int
    """Bytes on disk, of all files of the model."""
    total: int
    """Bytes of all files."""
    rate: float
    """Bytes per second, lately."""
    note: str = ""
    """Why it pauses, when it does."""


Report = Callable[[Progress], None]


def _append(path: Path) -> BinaryIO:
    return path.open("ab")


@dataclass(frozen=True, slots=True)
class Doors:
    """What the download does to the world beside HTTP; tests put others in their place."""

    open_part: Callable[[Path], BinaryIO] = _append
    """Open a part for appending."""
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be fetched."""

    hub: Hub
    repo: str
    file: HubFile

    @property
    def url(self) -> str:
        return self.hub.file_url(self.repo, self.file.path)


class _Kept(msgspec.Struct):
    """What NAME.part.json holds."""

    size: int
    sha256: str = ""
    tag: str = ""
    """Strong ETag of the answer that the part's bytes came from."""


class Meter:
    """Counts bytes over all files of a model and reports at most ten times a second."""

    def __init__(self, report: Report, total: int) -> None:
        self._report = report
        self._total = total
        self._earlier = 0
        self._file = ""
        self._done = 0
        self._marks: list[tuple[float, int]] = []

    def begin(self, file: str) -> None:
        """The next file begins."""
        self._earlier += self._done
        self._file, self._done = file, 0

    def reset(self, done: int) -> None:
        """The file goes on, or starts again, from `done` bytes."""
        self._done = done
        self._marks = []
        self.say()

    def add(self, count: int) -> None:
        """`count` bytes came."""
        now = asyncio.get_running_loop().time()
        self._done += count
        if not self._marks or now - self._marks[-1][0] >= REPORT_S:
            self._marks = [mark for mark in self._marks if now - mark[0] <= RATE_S]
            self._marks.append((now, self._done))
            self.say()

    def say(self, note: str = "") -> None:
        """Report now."""
        self._report(Progress(self._file, self._earlier + self._done, self._total, self._rate(), note))

    def _rate(self) -> float:
        if len(self._marks) < 2:
            return 0.0
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        return (last - first) / (end - start) if end > start else 0.0


class Broken(Exception):
    """The transfer stopped early; trying again may help. `pause` is what the server asked for, in seconds."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


async def fetch(
    client: "httpx2.AsyncClient", source: Source, *, target: Path, meter: Meter, doors: Doors | None = None
) -> str:
    """Fetch a file to `target` and return its SHA-256.

    A part left by an earlier try is resumed. Raises DownloadError (refused, given up, wrong hash) and StorageError
    (disk full); then, as after Ctrl-C, the part is kept for the next try, except when its hash was wrong.
    """
    transfer = _Transfer(client, source, target=target, meter=meter, doors=doors or Doors())
    return await transfer.run()


def part_of(target: Path) -> Path:
    """Where a file's bytes are gathered."""
    return target.with_name(target.name + ".part")


class _Transfer:
    """One file's way, over as many connections as it takes."""

    def __init__(
        self, client: "httpx2.AsyncClient", source: Source, *, target: Path, meter: Meter, doors: Doors
    ) -> None:
        self._client = client
        self._source = source
        self._target = target
        self._meter = meter
        self._doors = doors
        self._part = part_of(target)
        self._note = self._part.with_name(self._part.name + ".json")
        self._kept = _Kept(source.file.size, source.file.sha256)
        self._hash = hashlib.sha256()
        self._length = 0
        self._written = b""

    async def run(self) -> str:
        self._meter.begin(self._target.name)
        await self._take_up()
        self._meter.reset(self._length)
        failures, mark = 0, self._length
        while not self._is_complete():
            try:
                await self._attempt()
            except Broken as broken:
                if self._length >= mark + PROGRESS:
                    failures, mark = 0, self._length
                mark = min(mark, self._length)
                failures += 1
                await self._pause(failures, broken)
        return await self._finish()

    def _is_complete(self) -> bool:
        return self._kept.size > 0 and self._length >= self._kept.size

    async def _take_up(self) -> None:
        """Go on from a part that belongs to this version of the file; drop any other."""
        kept = self._read_note()
        same = kept is not None and kept.size == self._kept.size and self._kept.sha256 in ("", kept.sha256)
        if kept is not None and same and self._part.is_file():
            self._kept = kept
            await asyncio.to_thread(self._hash_part)
        if not self._length or self._length > self._kept.size:
            self._start_over()

    def _read_note(self) -> _Kept | None:
        try:
            return msgspec.json.decode(self._note.read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError):
            return None

    def _hash_part(self) -> None:
        with storage_errors(self._part, "read"), self._part.open("rb") as file:
            while chunk := file.read(CHUNK):
                self._hash.update(chunk)
                self._length += len(chunk)

    def _start_over(self) -> None:
        self._hash, self._length = hashlib.sha256(), 0
        with contextlib.suppress(FileNotFoundError):
            self._part.unlink()
        self._meter.reset(0)

    async def _pause(self, failures: int, broken: Broken) -> None:
        if failures >= ATTEMPTS:
            raise DownloadError(
                f"{self._target.name} could not be fetched: {broken}, {failures} times in a row",
                hint="What came is kept; run the same command again to go on.",
            ) from broken
        seconds = max(broken.pause, min(FIRST_PAUSE_S * 2 ** (failures - 1), LONGEST_PAUSE_S))
        self._meter.say(f"{broken}; trying again in {seconds:.0f} s")
        await self._doors.pause(seconds)

    async def _attempt(self) -> None:
        """One connection: ask for what is missing and append it. Raises Broken when it ends early."""
        import httpx2  # lazy: 100 ms that only downloads need

        try:
            async with self._answer() as response:
                await self._take(response)
        except httpx2.TimeoutException:
            raise Broken("the server fell silent") from None
        except (httpx2.TransportError, httpx2.StreamError, httpx2.TooManyRedirects) as error:
            raise Broken(f"the connection broke ({type(error).__name__})") from None
        if not self._is_complete():
            raise Broken("the connection ended early")

    @contextlib.asynccontextmanager
    async def _answer(self) -> AsyncGenerator["httpx2.Response"]:
        """The answer after redirects, which are followed by hand: the token stays at home, and TLS is never left."""
        url = self._source.url
        for _ in range(MAX_REDIRECTS + 1):
            headers = {"accept-encoding": "identity", **self._source.hub.headers(url), **self._range()}
            async with self._client.stream("GET", url, headers=headers, follow_redirects=False) as response:
                self._kept.sha256 = self._kept.sha256 or linked_hash(response.headers)
                if response.status_code not in REDIRECTS:
                    yield response
                    return
                url = next_url(url, response.headers.get("location", ""))
        raise DownloadError(f"the hub redirects {self._source.file.path} in circles")

    def _range(self) -> dict[str, str]:
        if not self._length:
            return {}
        condition = {"if-range": self._kept.tag} if self._kept.tag else {}
        return {"range": f"bytes={self._length}-", **condition}

    async def _take(self, response: "httpx2.Response") -> None:
        self._begin(response)
        with storage_errors(self._part, "written"):
            file = self._doors.open_part(self._part)
            with file:
                async for chunk in response.aiter_raw():
                    if self._length + len(chunk) > self._kept.size:
                        raise DownloadError(f"the hub sent more than the {self._kept.size:,} bytes it promised")
                    file.write(chunk)
                    self._hash.update(chunk)
                    self._length += len(chunk)
                    self._meter.add(len(chunk))

    def _begin(self, response: "httpx2.Response") -> None:
        """Judge the answer's head and prepare the part for its body."""
        status, headers = response.status_code, response.headers
        if status == BEYOND_END:
            self._start_over()
            raise Broken("the server does not know the rest of this file")
        if status in RETRIED:
            raise Broken(f"the server answered {status}", _seconds(headers.get("retry-after", "")))
        if status not in (OK, PARTIAL):
            if not self._source.hub.is_home(str(response.url)):
                # a storage host refuses a signed address that has expired; the hub gives a fresh one
                raise Broken(f"the storage host answered {status}")
            raise refusal(self._source.hub, self._source.repo, status=status, headers=headers)
        if status == OK:
            # no ranges here, or another version of the file: it comes from the start
            self._start_over()
        elif not _fits(headers.get("content-range", ""), start=self._length, size=self._kept.size):
            self._start_over()
            raise Broken("the server answered with another range than was asked for")
        self._check_length(headers)
        tag = headers.get("etag", "")
        self._kept.tag = "" if tag.startswith("W/") else tag
        note = msgspec.json.encode(self._kept)
        if note != self._written:
            write_atomic(self._note, note, mode=PUBLIC)
            self._written = note

    def _check_length(self, headers: Mapping[str, str]) -> None:
        length = headers.get("content-length", "")
        if not length.isdigit():
            return
        if not self._kept.size:
            self._kept.size = self._length + int(length)
        elif self._length + int(length) != self._kept.size:
            raise DownloadError(
                f"the hub lists {self._kept.size:,} bytes for {self._source.file.path} but sends "
                f"{self._length + int(length):,}",
                hint="The repository may have changed just now; try again.",
            )

    async def _finish(self) -> str:
        """Check the hash and give the file its name."""
        found = self._hash.hexdigest()
        if self._kept.sha256 and found != self._kept.sha256:
            self._start_over()
            self._note.unlink(missing_ok=True)
            raise DownloadError(
                f"{self._target.name} arrived damaged: its SHA-256 is {found}, the hub promises {self._kept.sha256}",
                hint="It was deleted; pull it again.",
            )
        with storage_errors(self._target, "written"):
            # gigabytes may still be on their way to the disk
            await asyncio.to_thread(_sync, self._part)
            self._part.replace(self._target)
            sync_folder(self._target.parent)
            self._note.unlink(missing_ok=True)
        self._meter.say()
        return found


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _fits(content_range: str, *, start: int, size: int) -> bool:
    match = _CONTENT_RANGE.match(content_range)
    return match is not None and int(match[1]) == start and match[2] in ("*", str(size))


def _seconds(text: str) -> float:
    return min(float(text), 10 * LONGEST_PAUSE_S) if text.isdigit() else 0.0
