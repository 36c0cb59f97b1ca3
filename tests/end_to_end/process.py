"""hostler as a person runs it: `hostler up` in a process of its own, on a free port, with folders of its own."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START_S = 60.0
STOP_S = 60.0


@dataclass
class Running:
    """A process that serves."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    facts: Mapping[str, Any]
    log: Path

    @property
    def address(self) -> str:
        address: str = self.facts["address"]
        return address

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def token(self) -> str:
        return (self.data / "token").read_text().strip()

    def said(self) -> str:
        """Everything on its stderr so far."""
        return self.log.read_text()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(STOP_S)

    def stop(self) -> int:
        """SIGTERM, and its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)


@dataclass(frozen=True)
class Up:
    """How a process is started: providers, lines of settings.toml, flags, variables."""

    providers: Sequence[Mapping[str, Any]] = ()
    settings: str = ""
    flags: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


PLAIN = Up()


def environment_of(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    """Nothing of a person's own, but where Python and its packages are."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "VIRTUAL_ENV") if name in os.environ}
    own = {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "LLAMA_PROVIDERS_PATH": str(folder / "providers.json"),
        "HOSTLER_DATA_DIR": str(folder / "data"),
        "PYTHONPATH": str(ROOT / "src"),
    }
    return kept | own | dict(more)


def start(folder: Path, up: Up = PLAIN) -> "subprocess.Popen[bytes]":
    """Start `hostler up`; its stdout is a pipe, its stderr the file `up.log`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.toml").write_text(up.settings)
    (folder / "providers.json").write_text(json.dumps({"providers": list(up.providers)}))
    flags = ("--port", "0", "--json", "--no-browser", "--config", str(folder / "settings.toml"), *up.flags)
    with (folder / "up.log").open("ab") as log:
        return subprocess.Popen(
            (sys.executable, "-m", "hostler", "up", *flags),
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env=environment_of(folder, up.environment),
        )


def first_words(process: "subprocess.Popen[bytes]", within: float = START_S) -> bytes:
    """The JSON that `--json` prints once it listens; empty when it ended before."""
    assert process.stdout is not None
    text = b""
    while select.select((process.stdout,), (), (), within)[0]:
        piece = os.read(process.stdout.fileno(), 65536)
        text += piece
        if not piece or text.rstrip().endswith(b"}"):
            return text
    raise AssertionError(f"nothing printed within {within} s: {text!r}")


@contextmanager
def running(folder: Path, up: Up = PLAIN) -> Iterator[Running]:
    """A hostler that serves while the block runs, and has gone after it."""
    process = start(folder, up)
    try:
        words = first_words(process)
        assert words, f"it ended: {(folder / 'up.log').read_text()}"
        yield Running(process, folder, json.loads(words), folder / "up.log")
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(STOP_S)
        assert process.stdout is not None
        process.stdout.close()
