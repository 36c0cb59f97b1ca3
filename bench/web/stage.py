"""What every measurement stands on: a source of tokens, a real hostler, the system's browser.

Knows: how they are started, how a page is opened, what a process took. Does not know: what is measured.
"""

import asyncio
import json
import math
import statistics
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import httpx2
from playwright.async_api import Browser, BrowserContext, Page
from start import on_cpu_s

from tests.web.chromium import chromium
from tests.web.server import Serve, Server, serving

HERE = Path(__file__).resolve().parent
WIDE = {"width": 1600, "height": 900}
PATIENCE_MS = 120_000
FRAME_MS = 1000 / 60
LATE = 1.5
"""Frames: what is further apart than this has lost one."""


@dataclass(frozen=True, slots=True)
class Source:
    """The scripted upstream."""

    port: int

    async def log(self) -> list[dict[str, Any]]:
        """Every answer so far; see source.py."""
        async with httpx2.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{self.port}/log")
            told: list[dict[str, Any]] = answer.json()
            return told


@dataclass(frozen=True, slots=True)
class Stage:
    """All that runs."""

    server: Server
    source: Source
    browser: Browser

    def cpu_s(self) -> float:
        """Seconds that the server has run so far."""
        return on_cpu_s(self.server.now.pid)

    async def idle_cpu(self, seconds: float) -> float:
        """The server's CPU seconds per second while nothing is asked."""
        before = self.cpu_s()
        await asyncio.sleep(seconds)
        return (self.cpu_s() - before) / seconds

    async def session(self, title: str) -> str:
        """A new session's id."""
        made = await self.server.api("/sessions", {"title": title})
        return str(made["id"])

    async def say(self, session: str, models: Sequence[str]) -> list[str]:
        """Ask models; the ids of their replies."""
        body = {"parent": None, "parts": [{"type": "text", "text": "Go on."}], "models": [f"bench/{m}" for m in models]}
        begun = await self.server.api(f"/sessions/{session}/turns", body)
        return [str(reply["id"]) for reply in begun["replies"]]

    async def replies(self, session: str) -> list[dict[str, Any]]:
        """A session's replies as they are stored or stand."""
        told = await self.server.api(f"/sessions/{session}")
        return [message for message in told["messages"] if message["role"] == "assistant"]

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator[BrowserContext]:
        """A browser that knows the server, with the probe in every page."""
        context = await self.browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        await context.add_init_script(path=HERE / "probe.js")
        page = await context.new_page()
        await page.goto(self.server.link)
        await page.close()
        try:
            yield context
        finally:
            await context.close()

    async def page(self, context: BrowserContext, path: str, *, address: str = "") -> Page:
        """A page that is drawn and connected; `address` is another way to the server."""
        page = await context.new_page()
        await page.goto(f"{address or self.server.address}{path}")
        await page.get_by_text("Connected", exact=True).first.wait_for()
        return page


@asynccontextmanager
async def stage(folder: Path, models: Sequence[str]) -> AsyncIterator[Stage]:
    """Everything, while the block runs; `models` are those of the source."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "source.py"), *models, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        port = json.loads(await process.stdout.readline())["port"]
        provider = {"id": "bench", "kind": "openai-compatible", "baseUrl": f"http://127.0.0.1:{port}"}
        async with (
            serving(folder, Serve((provider,), flags=("--no-engine",)), judged=False) as server,
            chromium() as browser,
        ):
            made = Stage(server, Source(port), browser)
            await server.api("/models")
            yield made
    finally:
        process.terminate()
        await process.wait()


def gaps(stamps: Iterable[float], *, first: float = 0.0, last: float = math.inf) -> list[tuple[float, float]]:
    """When each frame after the first one came, and how long after the one before, within a time (unix ms)."""
    within = [stamp for stamp in stamps if first <= stamp <= last]
    return [(later, later - earlier) for earlier, later in pairwise(within)]


def frames(noted: dict[str, Any], *, first: float, last: float) -> dict[str, float]:
    """Worst gap, frames per second, lost frames and long tasks within a time."""
    found = gaps(noted["stamps"], first=first, last=last)
    if not found:
        return {}
    at, worst = max(found, key=lambda gap: gap[1])
    tall = sorted(gap for _, gap in found)
    spent = sum(tall)
    return {
        "frames": len(found),
        "fps": round(len(found) * 1000 / spent, 1),
        "worst_gap_ms": round(worst, 1),
        "worst_after_ms": round(at - first),
        "p99_gap_ms": round(tall[int(len(tall) * 0.99)], 1),
        "late_frames": sum(gap > LATE * FRAME_MS for gap in tall),
        "long_tasks": sum(first <= start <= last for start, _ in noted["long"]),
        "longest_task_ms": max((length for start, length in noted["long"] if first <= start <= last), default=0),
    }


async def quiet_frames(page: Page, seconds: float) -> dict[str, float]:
    """The same while nothing happens: what the machine itself does to frames."""
    await page.evaluate("bench.frames()")
    await asyncio.sleep(seconds)
    noted = await page.evaluate("bench.noted()")
    return frames(noted, first=0, last=math.inf)


def middle(runs: Sequence[dict[str, Any]], key: str) -> float:
    """The median of what several runs measured."""
    return statistics.median(run[key] for run in runs)
