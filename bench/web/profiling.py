"""CPU profiles of pages, for when a goal is missed.

Knows: where they lie, what took the most time. Does not know: what was measured.
"""

import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page

EVERY_US = 250
MOST = 15
FOLDER = "BENCH_PROFILES"
"""The variable that names the folder for profiles; none are made without it."""


@asynccontextmanager
async def profiled(page: Page, name: str) -> AsyncIterator[None]:
    """Profile the page while the block runs, if that was asked for."""
    if FOLDER not in os.environ:
        yield
        return
    folder = Path(os.environ[FOLDER])
    protocol = await page.context.new_cdp_session(page)
    await protocol.send("Profiler.enable")
    await protocol.send("Profiler.setSamplingInterval", {"interval": EVERY_US})
    await protocol.send("Profiler.start")
    yield
    profile = (await protocol.send("Profiler.stop"))["profile"]
    await protocol.detach()
    keep(profile, folder, name=name)


def keep(profile: dict[str, Any], folder: Path, *, name: str) -> None:
    """Write it, and print where the time went."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}-{len(list(folder.iterdir()))}.cpuprofile"
    file.write_text(json.dumps(profile))
    print(f"{file}:", *(f"\n  {line}" for line in longest(profile)), flush=True)


def longest(profile: dict[str, Any]) -> list[str]:
    """The functions in which most time was spent, without what they called."""
    names = {}
    for node in profile["nodes"]:
        frame = node["callFrame"]
        place = f"{frame['url'].rpartition('/')[2]}:{frame['lineNumber'] + 1}:{frame['columnNumber'] + 1}"
        names[node["id"]] = f"{frame['functionName'] or '(anonymous)'} {place if frame['url'] else ''}"
    spent: Counter[str] = Counter()
    for sample, delta in zip(profile["samples"], profile["timeDeltas"], strict=True):
        spent[names[sample]] += delta
    return [f"{us / 1000:8.1f} ms  {name}" for name, us in spent.most_common(MOST)]
