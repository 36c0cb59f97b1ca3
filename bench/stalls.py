#!/usr/bin/env python3
"""How long the gateway's loop is kept by one turn, under load: a watchdog inside it (invariant: 5 ms at most).

    python bench/stalls.py [--short] [--folder FOLDER]

The watchdog asks to be called each millisecond and counts how much processor time its thread used beyond that before it
was: what the loop's own work kept it, not what the system gave to others. Uses the mock upstream and the load client
of `gateway/`. Linux only.
"""

import argparse
import asyncio
import json
import os
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
from run import build

UPSTREAM = 18700
KEY = "sk-watchdog"
TICK = 0.001
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


async def measure(work: Path, *, seconds: float) -> dict[str, object]:
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
    port = (await ready).address.rsplit(":", 1)[1]
    watchdog = Watchdog()
    told: dict[str, object] = {}
    for name, (body, options) in LOADS.items():
        arguments = [
            "-p",
            port,
            "-u",
            "/v1/chat/completions",
            "-b",
            str(work / f"{body}.json"),
            "-H",
            str(work / "auth"),
        ]
        load_client = [str(work / "bin" / "lg"), *arguments, *options, "-t", str(seconds), "-w", "0.3"]
        watchdog.reset()
        client = await asyncio.create_subprocess_exec(*load_client, stdout=subprocess.PIPE)
        out, _ = await client.communicate()
        result = json.loads(out)
        told[name] = {"longest_ms": round(watchdog.longest * 1e3, 2), "done": result["done"], "errors": result["errs"]}
        print(f"{name}: longest turn {watchdog.longest * 1e3:.2f} ms, {result['done']} done, {result['errs']} errors")
    stop.set()
    await serving
    return told


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="one second per load: a check, no measurement")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stalls-bench-") as folder:
        work = Path(folder)
        build(work)
        write_bodies(work, "/v1/chat/completions", models=["fast/mock"])
        (work / "auth").write_text(f"Authorization: Bearer {KEY}\n")
        mock = subprocess.Popen([str(work / "bin" / "mock_upstream"), str(UPSTREAM), "0", "0"])
        try:
            told = uvloop.run(measure(work, seconds=1 if asked.short else 5))
        finally:
            mock.terminate()
            mock.wait()
    print(keep("stalls", told, folder=asked.folder, short=asked.short))


if __name__ == "__main__":
    sys.exit(main())
