"""Two ways to hold the events that an app emits against their schema, and a strict reader of the stream."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import msgspec
import pytest

from hostler.system.event_log import Event, EventLog
from hostler.workbench.event_schema import State, validate

PATIENCE = 30.0


@pytest.fixture(autouse=True)
def checked_events(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Holds every event that any log of this process is told against its record; import it into a conftest.

    Kinds without a dot are a test's own.
    """
    publish, complaints = EventLog.publish, list[str]()

    def checked(self: EventLog, kind: str, data: Mapping[str, object] | msgspec.Struct | None = None) -> int:
        if "." in kind:
            try:
                validate(kind, data or {})
            except ValueError as error:
                complaints.append(str(error))
        return publish(self, kind, data)

    monkeypatch.setattr(EventLog, "publish", checked)
    yield
    assert not complaints, "\n".join(complaints)


class Recorder:
    """Notes every event of a log and what is wrong with it: `with Recorder(app.events) as recorder: ...`.

    On the way out it fails with all complaints, one of which is that the ring turned faster than it was read.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._begin = 0
        self.events: list[Event] = []
        self.complaints: list[str] = []

    def __enter__(self) -> "Recorder":
        self._begin = self._log.statistics().published
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.read()
        if kind is None:
            assert not self.complaints, "\n".join(self.complaints)

    def read(self) -> list[Event]:
        """Take in what has come since; returns all events so far. Call it now and then in a test of many events."""
        since = self.events[-1].seq if self.events else self._log.last - self._log.statistics().published + self._begin
        for item in self._log.tail(since):
            if not isinstance(item, Event):
                self.complaints.append(f"events {item.first} to {item.last} were not recorded: read more often")
                continue
            self.events.append(item)
            try:
                validate(item.kind, item.data)
            except ValueError as error:
                self.complaints.append(str(error))
        return self.events

    def kinds(self) -> list[str]:
        """The kinds so far, in order."""
        return [event.kind for event in self.read()]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of the stream: its name, its id, and its data as read from JSON."""

    name: str
    id: int
    data: object

    @property
    def seqs(self) -> list[int]:
        """The numbers of an `events` frame."""
        return [cast("int", event["seq"]) for event in self.events]

    @property
    def events(self) -> list[dict[str, object]]:
        """The events of an `events` frame."""
        assert self.name == "events", self
        return cast("list[dict[str, object]]", self.data)


def read_frame(text: bytes) -> Frame | None:
    """One frame, held against the contract; None for a comment or the retry line."""
    lines = text.decode().split("\n")
    if lines[0].startswith((":", "retry: ")):
        assert len(lines) == 1
        return None
    fields = dict(line.split(": ", 1) for line in lines)
    assert list(fields) == ["event", "id", "data"], fields
    frame = Frame(fields["event"], int(fields["id"]), msgspec.json.decode(fields["data"]))
    match frame.name:
        case "events":
            assert frame.events
            assert frame.seqs[-1] == frame.id
            assert all(list(event) == ["seq", "at", "kind", "data"] for event in frame.events)
        case "snapshot":
            data = cast("Mapping[str, object]", frame.data)
            assert data["seq"] == frame.id
        case _:
            assert frame.name == "gap"
            assert cast("Mapping[str, int]", frame.data)["last"] == frame.id
    return frame


class Reader:
    """A tab: a raw connection to a stream, reading chunk by chunk. `frames` is all it got."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.headers: dict[str, str] = {}
        self.status = 0
        self.frames: list[Frame] = []
        self.comments = 0
        self._buffer = b""

    @classmethod
    async def open(
        cls, port: int, *, since: int | None = None, query: str = "", host: str = "here", extra: str = ""
    ) -> "Reader":
        """Ask for the stream and read the head."""
        tab = cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 24))
        last = f"Last-Event-ID: {since}\r\n" if since is not None else ""
        tab.writer.write(f"GET /hostler/api/events{query} HTTP/1.1\r\nHost: {host}\r\n{extra}{last}\r\n".encode())
        async with asyncio.timeout(PATIENCE):
            head = (await tab.reader.readuntil(b"\r\n\r\n")).decode()
        tab.status = int(head.split(" ", 2)[1])
        tab.headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        return tab

    async def next(self, *, patience: float | None = PATIENCE) -> Frame | None:
        """The next frame; None when the stream has ended."""
        async with asyncio.timeout(patience):
            while True:
                while b"\n\n" in self._buffer:
                    text, _, self._buffer = self._buffer.partition(b"\n\n")
                    frame = read_frame(text)
                    if frame is not None:
                        self.frames.append(frame)
                        return frame
                    self.comments += text.startswith(b":")
                piece = await self.chunk()
                if piece is None:
                    assert not self._buffer
                    return None
                self._buffer += piece

    async def chunk(self) -> bytes | None:
        """One chunk of the body; None at its end."""
        size = int((await self.reader.readuntil(b"\r\n"))[:-2], 16)
        piece = await self.reader.readexactly(size)
        assert await self.reader.readexactly(2) == b"\r\n"
        return piece if size else None

    async def until(self, seq: int) -> list[Frame]:
        """Frames up to the one that brings the tab to `seq`."""
        while not self.frames or self.frames[-1].id < seq:
            assert await self.next() is not None, "the stream ended too early"
        return self.frames

    async def snapshot(self) -> State:
        """The next frame, which must be a snapshot in the contract's shape."""
        frame = await self.next()
        assert frame is not None
        assert frame.name == "snapshot", frame
        return msgspec.convert(cast("dict[str, object]", frame.data)["state"], State)

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.writer.wait_closed()
        except OSError:
            pass


def seqs(frames: list[Frame]) -> list[int]:
    """Numbers of all events in these frames."""
    return [seq for frame in frames if frame.name == "events" for seq in frame.seqs]
