"""A stage for real agents: the fake vendor, hostler in front of it and an agent before that, each a process of its own.

Knows: how they are started, pointed at each other and ended, and what each has to tell afterwards. Does not know: which
agents there are (`casts`), and what is to come of a run.
"""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hostler.accounts.ledger_queries import RequestRow, recent
from hostler.accounts.tables import MIGRATIONS
from hostler.system.store import Store
from tests.end_to_end.process import STOP_S, Up, environment_of, first_words, running

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".agents"
KINDS = {
    "openai-chat": "openai-compatible",
    "openai-responses": "openai-responses",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "ollama": "ollama",
    "dashscope": "dashscope",
}
"""Wires, and the kind of an entry in the providers file that is reached by each."""
NOWHERE = "http://127.0.0.1:9"
"""A proxy that nobody is: agents that would tell somebody about themselves, or look for a newer one, reach nobody."""


@dataclass(frozen=True)
class Ended:
    """How an agent's run went: what it said, what the vendor was sent, what the ledger holds."""

    status: int | None
    """None: it had to be ended."""
    out: str
    err: str
    work: Path
    requests: Sequence[Mapping[str, Any]]
    rows: Sequence[RequestRow]
    said: str
    """What hostler said meanwhile."""

    def __str__(self) -> str:
        """Everything that explains a failure."""
        rows = [f"{row.face} {row.model} {row.status} {row.outcome} {row.error} {row.dropped}" for row in self.rows]
        asked = [f"{r['method']} {r['path']} {r['status']} {r['outcome']}" for r in self.requests]
        parts = {"out": self.out[-4000:], "err": self.err[-4000:], "hostler": self.said[-3000:]}
        told = "".join(f"\n--- {name}\n{text}" for name, text in parts.items())
        return "\n".join((f"status {self.status}", *rows, *asked)) + told


@dataclass(frozen=True)
class Place:
    """Where an agent plays: hostler's address, and folders of its own for what it keeps and for what it works on."""

    gateway: str
    home: Path
    work: Path


@dataclass(frozen=True)
class Play:
    """One run of an agent: its command, what it finds in its environment, and how long it may take (seconds)."""

    command: Sequence[str]
    environment: Mapping[str, str]
    within: float


@dataclass(frozen=True)
class Scene:
    """What stands around a run: the wire that the vendor is reached by, its script, lines of settings, and what
    hostler's user says of models."""

    wire: str
    script: Mapping[str, Any]
    settings: str = ""
    known: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@contextmanager
def vendor_of(folder: Path, script: Mapping[str, Any]) -> Iterator[str]:
    """`hostler fake` with this script, in strict mode; its address."""
    folder.mkdir(parents=True)
    (folder / "script.yaml").write_text(json.dumps(script))
    command = (sys.executable, "-m", "hostler", "fake", "--port", "0", "--strict", "--json", "--script", "script.yaml")
    with (folder / "fake.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=log, env=environment_of(folder, {})
        )
    try:
        address: str = json.loads(first_words(process))["address"]
        yield address
    finally:
        process.kill()
        process.wait(STOP_S)
        assert process.stdout is not None
        process.stdout.close()


def perform(folder: Path, scene: Scene, make: Callable[[Place], Play]) -> Ended:
    """Run an agent to its end, with hostler between it and the vendor."""
    place = Path(folder / "home"), Path(folder / "work")
    facts = folder / "hostler" / "models.json"
    for part in (*place, facts.parent):
        part.mkdir(parents=True)
    facts.write_text(json.dumps({"models": scene.known}))
    with vendor_of(folder / "vendor", scene.script) as vendor:
        row = {"id": "up", "kind": KINDS[scene.wire], "baseUrl": vendor}
        with running(folder / "hostler", Up(providers=[row], settings=scene.settings)) as hostler:
            status = ended(make(Place(hostler.address, *place)), folder)
            hostler.stop()  # which brings the ledger up to date
            said = hostler.said()
        requests = requests_of(vendor)
    told = [(folder / name).read_text("utf-8", "replace") for name in ("out", "err")]
    return Ended(status, told[0], told[1], place[1], requests, rows_of(folder / "hostler"), said)


def ended(play: Play, folder: Path) -> int | None:
    """The exit status of an agent; None when it had to be ended."""
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            play.command,
            cwd=folder / "work",
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=play.environment,
            start_new_session=True,
        )
        try:
            return process.wait(play.within)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # the agent's own group, with what it left running
            process.wait(STOP_S)


def requests_of(vendor: str) -> Sequence[Mapping[str, Any]]:
    """What the vendor was asked to say."""
    with urllib.request.urlopen(f"{vendor}/fake/requests", timeout=STOP_S) as answer:
        asked: Sequence[Mapping[str, Any]] = json.load(answer)["requests"]
    return [one for one in asked if one["method"] == "POST"]


def rows_of(folder: Path) -> list[RequestRow]:
    """The ledger of a hostler, oldest first."""
    with closing(Store.open(folder / "data" / "hostler.db", MIGRATIONS)) as store:
        return recent(store)[::-1]
