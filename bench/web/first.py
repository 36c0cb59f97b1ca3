"""Measures the first paint of a server that has just been started, and how much it loads for that.

Knows: starting, painting, sizes of answers. Does not know: what is on the page.
"""

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from playwright.async_api import Browser
from stage import WIDE
from start import free_port, on_cpu_s

from tests.end_to_end.process import STOP_S, Up, start

LIMIT_S = 20.0
STEP_S = 0.005
PAINT = """() => new Promise((done) =>
  new PerformanceObserver((list) => {
    const found = list.getEntriesByName('first-contentful-paint')[0];
    if (found) done(performance.timeOrigin + found.startTime);
  }).observe({ type: 'paint', buffered: true }))"""
LOADED = """() => [
  [location.href, 0],
  ...performance.getEntriesByType('resource').map((each) => [each.name, performance.timeOrigin + each.responseEnd]),
]"""


async def answers(port: int) -> bool:
    """Whether / says 200 by now."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        found = (await reader.readexactly(12)).endswith(b" 200")
        writer.transport.abort()
        return found
    return False


BARE = b"<!doctype html><title>x</title><p>x"


async def bare_paint(browser: Browser) -> float:
    """Ms until a page with one word is painted, asked for in the same way: what the browser takes by itself."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(BARE)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + BARE)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    context = await browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
    page = await context.new_page()
    asked = time.time() * 1000
    await page.goto(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", wait_until="commit")
    painted: float = await page.evaluate(PAINT)
    await context.close()
    server.close()
    return painted - asked


async def first_paint(browser: Browser, folder: Path) -> dict[str, Any]:
    """Start a server and open its link as soon as it answers; ms from the start of its process."""
    bare = await bare_paint(browser)
    port = free_port()
    context = await browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
    page = await context.new_page()
    began = time.time() * 1000
    process = start(folder, Up(flags=("--no-engine", "--port", str(port))))
    try:
        async with asyncio.timeout(LIMIT_S):
            while not await answers(port):  # noqa: ASYNC110  # nothing else tells
                await asyncio.sleep(STEP_S)
        served, cpu = time.time() * 1000, on_cpu_s(process.pid)
        asked = time.time() * 1000
        token = (folder / "data" / "token").read_text().strip()
        await page.goto(f"http://127.0.0.1:{port}/?token={token}", wait_until="commit")
        painted = await page.evaluate(PAINT)
        await page.get_by_text("Connected", exact=True).first.wait_for()
        connected = time.time() * 1000
        loaded = [each for each in await page.evaluate(LOADED) if "/hostler/api/" not in each[0]]
        sizes = await gzip_sizes([address for address, _ in loaded])
        before = {urlsplit(address).path for address, ended in loaded if ended <= painted}
        return {
            "served_ms": round(served - began, 1),
            "served_cpu_s": round(cpu, 3),
            "paint_after_ask_ms": round(painted - asked, 1),
            "bare_paint_ms": round(bare, 1),
            "painted_ms": round(painted - began, 1),
            "connected_ms": round(connected - began, 1),
            "gzip_bytes": sizes,
            "gzip_kb": round(sum(sizes.values()) / 1000, 1),
            "gzip_kb_before_paint": round(sum(sizes[path] for path in before) / 1000, 1),
        }
    finally:
        await context.close()
        process.terminate()
        await asyncio.to_thread(process.wait, STOP_S)
        if process.stdout is not None:
            process.stdout.close()


async def gzip_sizes(addresses: list[str]) -> dict[str, int]:
    """Bytes of each file as a browser gets it that takes gzip alone."""
    sizes: dict[str, int] = {}
    async with httpx2.AsyncClient(headers={"accept-encoding": "gzip"}) as client:
        for address in addresses:
            async with client.stream("GET", address) as answer:
                size = 0
                async for piece in answer.aiter_raw():
                    size += len(piece)
            sizes[urlsplit(address).path] = size
    return sizes


async def cold_starts(browser: Browser, folder: Path, *, times: int) -> dict[str, Any]:
    """Several cold starts, after one that warms the disk cache."""
    runs = [await first_paint(browser, folder / f"cold-{n}") for n in range(times + 1)][1:]
    sizes = runs[-1]["gzip_bytes"]
    for run in runs:
        del run["gzip_bytes"]
    return {"runs": runs, "gzip_bytes": sizes}
