#!/usr/bin/env python3
"""How long the gateway's loop is kept by one turn, under load: a watchdog inside it (invariant: 5 ms at most).

    python bench/stalls.py [--short] [--folder FOLDER]

The watchdog asks to be called each millisecond and counts how much processor time its thread used beyond that before it
was: what the loop's own work kept it, not what the system gave to others. A virtual machine's clock also counts what
the host took away meanwhile, so each load comes in spells of a second, and between them a thread that only reads its
clock says, on the same core and beside the same load, how long the machine itself stood still. Uses the mock upstream
and the load client of `gateway/`. Linux only.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from kept import FOLDER, HERE, keep

from hostler.app import Listening, serve
from hostler.settings import load

sys.path.insert(0, str(HERE / "gateway"))
from bodies import write_bodies
from machine import pinned
from run import build

UPSTREAM = 18700
KEY = "sk-watchdog"
TICK = 0.001
SPELLS, SPELL_S = 10, 1.0
GATEWAY_CORE, LOAD_CORE = "0", "1"
LOADS = {
    "1 KB requests": ("plain", ["-c", "32"]),
    "64 KB requests": ("big", ["-c", "16"]),
    "16 streams": ("stream", ["-c", "16", "-S", "100"]),
}


class Watchdog:
    """Called each TICK; keeps the longest processor time between two calls, in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.turns = 0
        self._last = time.thread_time()
        self._loop = asyncio.get_running_loop()
        self._loop.call_later(TICK, self._tick)

    def reset(self) -> None:
        """Forget what was."""
        self.longest, self.turns, self._last = 0.0, 0, time.thread_time()

    def _tick(self) -> None:
        now = time.thread_time()
        self.longest = max(self.longest, now - self._last - TICK)
        self.turns += 1
        self._last = now
        self._loop.call_later(TICK, self._tick)


CLOCK_ONLY = """
import sys, time
end, last, longest = time.monotonic() + float(sys.argv[1]), time.thread_time(), 0.0
while time.monotonic() < end:
    now = time.thread_time()
    longest, last = max(longest, now - last), now
print(longest)
"""
"""A program that does nothing for so many seconds and prints the longest step of its processor time, in seconds."""


class Load:
    """The load client, as it is used here."""

    def __init__(self, work: Path, *, name: str) -> None:
        body, self._options = LOADS[name]
        self._body, self._work = work / f"{body}.json", work

    async def run(self, port: int, *, seconds: float) -> dict[str, int]:
        """Load what listens at `port`; what the client says of it."""
        command = [*pinned(LOAD_CORE), str(self._work / "bin" / "lg"), "-p", str(port), "-u", "/v1/chat/completions"]
        files = ["-b", str(self._body), "-H", str(self._work / "auth")]
        client = await asyncio.create_subprocess_exec(
            *command, *files, *self._options, "-t", str(seconds), "-w", "0.1", stdout=subprocess.PIPE
        )
        out, _ = await client.communicate()
        return json.loads(out)


async def machine_alone(load: Load, *, seconds: float) -> float:
    """The longest step of a clock that is only read, in seconds, while the upstream is loaded directly."""
    reader = await asyncio.create_subprocess_exec(
        *pinned(GATEWAY_CORE), sys.executable, "-c", CLOCK_ONLY, str(seconds), stdout=subprocess.PIPE
    )
    await load.run(UPSTREAM, seconds=seconds)
    out, _ = await reader.communicate()
    return float(out)


def figures(longest: list[float]) -> dict[str, float]:
    """Of the longest turn of each spell, in seconds: the median and the worst, in ms."""
    return {
        "longest_ms": round(statistics.median(longest) * 1e3, 2),
        "worst_ms": round(max(longest) * 1e3, 2),
    }


async def measure(work: Path, *, spells: int) -> dict[str, object]:
    """Run the gateway in this process and load it from others."""
    providers = work / "providers.json"
    entries = [{"id": "fast", "kind": "openai-compatible", "baseUrl": f"http://127.0.0.1:{UPSTREAM}"}]
    providers.write_text(json.dumps({"defaultProvider": "fast", "providers": entries}))
    settings = load(
        data=work / "data",
        environ={**os.environ, "LLAMA_PROVIDERS_PATH": str(providers), "HOSTLER_GATEWAY_KEYS": KEY},
        overrides={"gateway": {"port": 0}},
    )
    ready: asyncio.Future[Listening] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(settings, ready.set_result, stop=stop))
    port = int((await ready).address.rsplit(":", 1)[1])
    watchdog = Watchdog()
    told: dict[str, object] = {}
    machine: list[float] = []
    for name in LOADS:
        client = Load(work, name=name)
        longest: list[float] = []
        done = errors = 0
        for _ in range(spells):
            watchdog.reset()
            said = await client.run(port, seconds=SPELL_S)
            longest.append(watchdog.longest)
            done, errors = done + said["done"], errors + said["errs"]
            machine.append(await machine_alone(client, seconds=SPELL_S))
        told[name] = {**figures(longest), "done": done, "errors": errors}
        print(f"{name}: {told[name]}", flush=True)
    told["clock only"] = figures(machine)
    print(f"a thread that only reads its clock: {told['clock only']}")
    stop.set()
    await serving
    return told


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="one spell per load: a check, no measurement")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stalls-bench-") as folder:
        work = Path(folder)
        build(work)
        write_bodies(work, "/v1/chat/completions", models=["fast/mock"])
        (work / "auth").write_text(f"Authorization: Bearer {KEY}\n")
        os.sched_setaffinity(0, {int(GATEWAY_CORE)})
        mock = subprocess.Popen([*pinned(LOAD_CORE), str(work / "bin" / "mock_upstream"), str(UPSTREAM), "0", "0"])
        try:
            told = uvloop.run(measure(work, spells=1 if asked.short else SPELLS))
        finally:
            mock.terminate()
            mock.wait()
    print(keep("stalls", told, folder=asked.folder, short=asked.short))


if __name__ == "__main__":
    sys.exit(main())
