"""An engine for tests: a small real process with a real port, whose misbehaviour is switched on by name.

As a module it is the Engine; run as a file it is the process.
"""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hostler.engines.engine import Failure, Spawn, Start

KINDS = {"MEMORY": "memory", "FILE": "model file", "PORT": "port"}


@dataclass
class FakeEngine:
    """Switches: `load_s` (answers 503 until then), `hang` (never listens), `never_ready` (503 for ever), `say` (log
    lines), `exit` (status to exit with at start), `stubborn` (ignores SIGTERM), `bind` false (leaves the port alone).
    """

    switches: dict[str, object] = field(default_factory=dict)
    reports_port: bool = False
    before_spawn: "Callable[[Start], None] | None" = None
    starts: "list[Start]" = field(default_factory=list)
    name = "fake"
    health_path = "/health"

    def build(self) -> str:
        return "fake 1"

    def spawn(self, start: "Start") -> "Spawn":
        from hostler.engines.engine import Spawn  # lazy: the process runs without hostler

        self.starts.append(start)
        if self.before_spawn:
            self.before_spawn(start)
        order = {"port": start.port, "reports": self.reports_port, **self.switches}
        argv = (sys.executable, "-I", "-S", str(Path(__file__)), json.dumps(order))
        return Spawn(argv, {"PATH": os.defpath})

    def diagnose(self, log: Sequence[str]) -> "Failure | None":
        from hostler.engines.engine import Failure  # lazy: the process runs without hostler

        for line in log:
            word, _, reason = line.partition(": ")
            if word in KINDS:
                return Failure(KINDS[word], reason)  # type: ignore[arg-type]
        return None

    def progress(self, line: str) -> str | None:
        return line


def serve(order: Mapping[str, object]) -> None:
    """The process."""
    if order.get("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for line in order.get("say", ()):  # type: ignore[attr-defined]
        os.write(2, f"{line}\n".encode())
    if "exit" in order:
        sys.exit(order["exit"])  # type: ignore[arg-type]
    while order.get("hang"):
        signal.pause()
    try:
        listener = socket.create_server(("127.0.0.1", int(str(order["port"]))))
    except OSError as error:
        os.write(2, f"PORT: {error.strerror}\n".encode())
        sys.exit(1)
    if order.get("reports"):
        os.write(3, f"{listener.getsockname()[1]}\n".encode())
        os.close(3)
    ready_at = time.monotonic() + float(str(order.get("load_s", 0)))
    while True:
        connection, _ = listener.accept()
        with connection:
            target = [*connection.recv(4096).split(b" "), b""][1]  # a caller that gave up sends nothing
            if target == b"/crash":
                os.write(2, b"MEMORY: no more of it\n")
                sys.exit(3)
            loaded = time.monotonic() >= ready_at and not order.get("never_ready")
            status = b"200 OK" if loaded else b"503 Loading"
            connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
