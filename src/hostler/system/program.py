"""A program that answers one request on its standard streams: it stands where a connection to an upstream does.

Knows: the socket to the child, its end, its silence, its folder. Does not know: what is said on it.
The child reads the request on stdin and writes its answer on stdout; both are one socket. It works in an empty folder
and a process group of its own, and ends with its call.
"""

import asyncio
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from hostler.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable
from hostler.system.http_known_head import KnownReply
from hostler.system.launcher import ChildProcess, Command, spawn
from hostler.system.upstream import Message, Patience, Receiver

OK: Final = 200
LAST_WORDS: Final = 4096
"""Bytes of what a program said on stderr that are read when it failed."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is run for each request. `kind` is the content type of what it writes on stdout; `explain` makes an error of
    its exit status and the end of what it said on stderr."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    kind: bytes
    explain: Callable[[int, str], UpstreamError]


class ProgramDoor:
    """Starts the program once per request; nothing is kept."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def take_nowait(self) -> None:
        """A program answers one request, so there is never one left over."""

    async def connect(self, within: float | None = None) -> "ProgramConnection":
        """Start it; raises UpstreamUnreachable when no process can be made."""
        del within  # starting waits for nothing
        folder = Path(tempfile.mkdtemp(prefix="hostler-"))
        try:
            own, child = socket.socketpair()
            with child:
                work = folder / "work"
                work.mkdir()
                command = Command(
                    self.program.argv, self.program.environment, folder / "log", stdin=child, answers=True, folder=work
                )
                process = spawn(command)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise UpstreamUnreachable(f"{self.program.argv[0]} cannot be started: {error.strerror or error}.") from None
        connection = ProgramConnection(self.program, process, folder=folder)
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: connection, sock=own)
        except BaseException:  # also a cancel: nobody else could end the process that was just started
            own.close()
            connection.abort()
            raise
        return connection

    def close(self) -> None:
        """Nothing is kept open."""


class ProgramConnection(asyncio.Protocol):
    """One running program. It is over when its output has ended and it has gone; then its folder is removed.

    The attributes are those of a connection: `framed` since its exit status tells a whole answer from a broken one.
    """

    def __init__(self, program: Program, process: ChildProcess, *, folder: Path) -> None:
        self.reused = self.started = False
        self.framed = True
        self.known: KnownReply | None = None
        self._program = program
        self._process = process
        self._folder = folder
        self._loop = asyncio.get_running_loop()
        self._receiver: Receiver | None = None
        self._idle = self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._output_ended = False
        process.ended.add_done_callback(self._on_exit)

    # what the dispatcher calls

    def send(  # signature: that of an upstream's connection
        self, message: Message, receiver: Receiver, patience: Patience
    ) -> None:
        """Write the request, and end its input; the answer goes to `receiver`."""
        self._receiver = receiver
        self._idle = patience.idle
        self._watch(patience.first_byte)
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(message if isinstance(message, bytes) else b"".join(message))
            transport.write_eof()

    def set_reading(self, wanted: bool) -> None:  # signature: Exchange.on_writable
        """Backpressure: the program waits while the client cannot keep up."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if wanted:
            transport.resume_reading()
            self._watch(self._idle)
        else:
            transport.pause_reading()
            self._watch(0.0)

    def abort(self) -> None:
        """Kill it with all it started; the receiver hears nothing more."""
        self._receiver = None
        self._watch(0.0)
        if self._transport is not None:
            self._transport.abort()
        self._process.kill_group_nowait()
        shutil.rmtree(self._folder, ignore_errors=True)  # now too: hostler may end before it hears of the end

    def close(self) -> None:
        """The same, for one that was never asked."""
        self.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        receiver = self._receiver
        if receiver is None:
            return
        self._watch(self._idle)
        if not self.started:
            self.started = True
            receiver.on_head(OK, [(b"content-type", self._program.kind)])
        if self._receiver is not None:  # a head may have made the receiver give up
            receiver.on_body(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # its exit status tells how it went
        self._output_ended = True
        self._finish()

    # its end

    def _on_exit(self, _: object) -> None:
        if self._receiver is None and self._transport is not None:
            self._transport.abort()
        self._finish()

    def _finish(self) -> None:
        status = self._process.returncode
        if status is None or (self._transport is not None and not self._output_ended):
            return
        receiver, self._receiver = self._receiver, None
        self._watch(0.0)
        said = _last_words(self._folder / "log") if status and receiver is not None else ""
        shutil.rmtree(self._folder, ignore_errors=True)
        if receiver is None:
            return
        if status == 0 and self.started:
            receiver.on_complete()
        else:
            receiver.on_failed(self._program.explain(status, said))

    # silence

    def _watch(self, seconds: float) -> None:
        """Give it so long until its next sign of life; 0: for ever."""
        self._deadline = self._loop.time() + seconds if seconds else 0.0
        if self._deadline and self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        receiver = self._receiver
        if receiver is None or not self._deadline:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look)
            return
        self.abort()
        receiver.on_failed(UpstreamTimeout(f"{self._program.argv[0]} has been silent for too long."))


def _last_words(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - LAST_WORDS))
            return file.read(LAST_WORDS).decode("utf-8", "replace").strip()
    except OSError:
        return ""
