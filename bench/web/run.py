#!/usr/bin/env python3
"""Measure the workbench: a real server, the system's Chromium, a scripted source of tokens.

    python bench/web/run.py [--short] [--folder FOLDER] [--only NAME ...] [--profile FOLDER]

Takes about 6 minutes (1 with --short). Without Chromium, or without the built pages, it says so and measures nothing.
With --profile the pages' CPU profiles come to lie in FOLDER, to be opened in a browser's own tools; the figures of such
a run are no measurement. The results of parts that were not asked for stay as they are.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import beside
import first
import history
import profiling
import stage
import streams
import turns
from gateway.machine import described
from kept import FOLDER, keep, read
from playwright.async_api import Error

from hostler.workbench.static import DIST
from tests.web.chromium import chromium, executable

Told = dict[str, Any]


def several(times: int, once: Callable[[], Awaitable[Told]]) -> Awaitable[list[Told]]:
    """The same, so many times."""

    async def run() -> list[Told]:
        return [await once() for _ in range(times)]

    return run()


async def panes(folder: Path, *, short: bool) -> list[Told]:
    """Eight panes at 500 tokens/s each."""
    seconds = 1.0 if short else 5.0
    async with stage.stage(folder, streams.pane_models(seconds)) as made:
        return await several(1 if short else 3, lambda: streams.panes(made, seconds=seconds))


async def long_answer(folder: Path, *, short: bool) -> list[Told]:
    """24 KB of Markdown at 2,000 deltas a second."""
    async with stage.stage(folder, [streams.long_model()]) as made:
        return await several(1 if short else 5, lambda: streams.long_answer(made, deltas=streams.LONG))


async def long_session(folder: Path, *, short: bool) -> Told:
    """A session of 2,000 messages."""
    async with stage.stage(folder, ["d1-1-a"]) as made:
        return await history.long_session(made, messages=history.MESSAGES, times=1 if short else 5)


async def running(folder: Path, *, short: bool) -> Told:
    """Stop, join, reconnect."""
    async with stage.stage(folder, turns.MODELS) as made:
        return await turns.turns(made, stops=2 if short else 10, times=1 if short else 3)


async def cold(folder: Path, *, short: bool) -> Told:
    """First paint of a server that has just been started."""
    async with chromium() as browser:
        return await first.cold_starts(browser, folder, times=1 if short else 5)


async def stream(folder: Path, *, short: bool) -> list[Told]:
    """From event log to socket; see stream_cpu.py."""
    program = stage.HERE / "stream_cpu.py"
    command = [sys.executable, str(program), "--folder", str(folder), *(["--short"] if short else [])]
    await asyncio.to_thread(subprocess.run, command, check=True)
    return json.loads((folder / "stream_cpu.json").read_text())["results"]


async def gateway(folder: Path, *, short: bool) -> Told:  # signature: all parts are called alike
    """The gateway's figures with the workbench and without."""
    return {
        **await asyncio.to_thread(beside.gateway, rounds=1 if short else 5, short=short),
        "start": await asyncio.to_thread(beside.starts, repeats=2 if short else 15),
    }


PARTS: dict[str, Callable[..., Awaitable[Any]]] = {
    "panes": panes,
    "stream_cpu": stream,
    "long_answer": long_answer,
    "long_session": long_session,
    "turns": running,
    "first_paint": cold,
    "beside": gateway,
}


def missing() -> str:
    """Why nothing can be measured here, or nothing."""
    if executable() is None:
        return "there is no Chromium on PATH"
    return "" if (DIST / "index.html").is_file() else "the pages are not built: make web builds them"


async def measure(names: list[str], *, short: bool) -> tuple[Told, list[str]]:
    """Results by part, and the parts that failed."""
    results: Told = {}
    failed: list[str] = []
    for name in names:
        print(f"-- {name}", flush=True)
        when = {key: described()[key] for key in ("date", "load")}
        with tempfile.TemporaryDirectory(prefix="web-bench-") as folder:
            try:
                told = await PARTS[name](Path(folder), short=short)
            except (Error, TimeoutError, AssertionError, subprocess.CalledProcessError) as error:
                print(f"{name} failed: {error}", file=sys.stderr)
                failed.append(name)
            else:
                print(json.dumps(told), flush=True)
                results[name] = {**when, "short": short, "told": told}
    return results, failed


def main() -> int:
    """The command line; the exit code is 1 when a part failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="once each, and shorter: a check, no measurement")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--profile", type=Path, help="where CPU profiles of the pages come to lie")
    asked = parser.parse_args()
    if why := missing():
        print(f"web: left out, {why}")
        return 0
    if asked.profile:
        os.environ[profiling.FOLDER] = str(asked.profile.resolve())
    results, failed = asyncio.run(measure(asked.only, short=asked.short))
    before = read(asked.folder, "web") or {}
    print(keep("web", {**before.get("results", {}), **results}, folder=asked.folder, short=asked.short))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
