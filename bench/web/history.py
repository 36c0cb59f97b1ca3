"""Measures a long session: how soon it is open, how it scrolls, what it weighs.

Knows: clicks, frames, memory of the page. Does not know: how the page shows only what is near.
"""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession, Page
from profiling import profiled
from stage import Stage, frames, quiet_frames
from texts import LAST, session

MESSAGES = 2000
TITLE = "A long session"
SPEED = 8000
"""CSS pixels per second."""
DISTANCE = 40_000
STILL = 3
"""Frames without a change make a page settled."""
AT_END = """([word, still]) => {
  let height = 0;
  return bench.until(() => {
    const log = document.querySelector('[role=log]');
    const before = height;
    height = log ? log.scrollHeight : 0;
    const last = [...(log?.querySelectorAll('[data-row] .md') ?? [])].at(-1)?.lastElementChild;
    const there = last && last.textContent.trimEnd().endsWith(word) && last.getBoundingClientRect().top < innerHeight;
    return there && height === before && log.scrollHeight - log.scrollTop - log.clientHeight < 2;
  }, still);
}"""
BLANK = """() => {
  const log = document.querySelector('[role=log]');
  const box = log.getBoundingClientRect();
  window.blank = { frames: 0, blank: 0, on: true };
  const look = () => {
    if (!window.blank.on) return;
    window.blank.frames += 1;
    const places = [0.1, 0.3, 0.5, 0.7, 0.9].map((part) => box.top + part * box.height);
    const rows = [...log.querySelectorAll('[data-row]')].map((row) => row.getBoundingClientRect());
    if (!places.every((y) => rows.some((row) => row.top <= y && row.bottom >= y))) window.blank.blank += 1;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


async def prepare(stage: Stage, messages: int) -> str:
    """Import the session; returns its id."""
    made = await stage.server.api("/sessions/import", session(messages, TITLE))
    return str(made["sessions"][0]["id"])


async def opened(page: Page) -> dict[str, float]:
    """Click the session in the list; ms until its last message was painted, and until nothing moved any more."""
    link = page.locator("a[data-session]", has_text=TITLE)
    await link.wait_for()
    async with profiled(page, "open"):
        done = asyncio.ensure_future(page.evaluate(AT_END, [LAST, STILL]))
        await link.click(no_wait_after=True)
        told = await done
    clicked = await page.evaluate("bench.clicked()")
    return {"painted_ms": round(told["first"] - clicked, 1), "settled_ms": round(told["last"] - clicked, 1)}


async def opens(stage: Stage, page: Page, *, times: int) -> list[dict[str, float]]:
    """Open it several times, from an empty chat page each time; the first one also loads what the page needs for it."""
    runs = []
    for _ in range(times):
        runs.append(await opened(page))
        await page.get_by_role("link", name="New chat").first.click()
        await page.locator("[role=log]").wait_for(state="detached")
    runs.append(await opened(page))
    return runs


async def swept(page: Page, protocol: CDPSession) -> tuple[float, float]:
    """Scroll up and down as a wheel would; when that began and ended (unix ms)."""
    box = await page.locator("[role=log]").bounding_box()
    assert box is not None
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    began = await page.evaluate("performance.timeOrigin + performance.now()")
    for way in (1, -1):
        gesture = {**place, "yDistance": way * DISTANCE, "speed": SPEED, "gestureSourceType": "mouse"}
        await protocol.send("Input.synthesizeScrollGesture", gesture)
    return began, await page.evaluate("performance.timeOrigin + performance.now()")


async def scrolled(page: Page, protocol: CDPSession) -> dict[str, Any]:
    """Scroll at speed, twice: once for the frames, once to see whether a part of the view was ever empty."""
    await page.evaluate("bench.frames()")
    async with profiled(page, "scroll"):
        began, ended = await swept(page, protocol)
    noted = await page.evaluate("bench.noted()")
    await page.evaluate(BLANK)
    await swept(page, protocol)
    empty = await page.evaluate("() => { window.blank.on = false; return window.blank; }")
    return {**frames(noted, first=began, last=ended), "blank_frames": empty["blank"]}


def private_mb(pid: int) -> dict[str, float]:
    """MiB of a process: resident, its share of what is shared, and what is its own alone."""
    told: dict[str, float] = {"rss": 0.0, "pss": 0.0, "own": 0.0}
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, kib = line.split()[:2]
            for key in {"Rss:": ("rss",), "Pss:": ("pss",), "Private_Clean:": ("own",), "Private_Dirty:": ("own",)}.get(
                name, ()
            ):
                told[key] += int(kib) / 1024
    return {key: round(value, 1) for key, value in told.items()}


async def weight(stage: Stage, page: Page, *, protocol: CDPSession) -> dict[str, float]:
    """Heap after a collection, nodes, and the memory of the largest renderer, which is the page's."""
    await protocol.send("HeapProfiler.collectGarbage")
    await protocol.send("Performance.enable")
    metrics = {m["name"]: m["value"] for m in (await protocol.send("Performance.getMetrics"))["metrics"]}
    whole = await stage.browser.new_browser_cdp_session()
    found = (await whole.send("SystemInfo.getProcessInfo"))["processInfo"]
    await whole.detach()
    renderers = [private_mb(int(each["id"])) for each in found if each["type"] == "renderer"]
    largest = max(renderers, key=lambda each: each["pss"])
    return {
        "heap_mb": round(metrics["JSHeapUsedSize"] / 2**20, 1),
        "nodes": metrics["Nodes"],
        **{f"renderer_{key}_mb": value for key, value in largest.items()},
    }


async def long_session(stage: Stage, *, messages: int, times: int) -> dict[str, Any]:
    """Open, scroll, weigh; beside it what an empty chat page weighs."""
    await prepare(stage, messages)
    async with stage.visitor() as context:
        page = await stage.page(context, "/chat")
        protocol = await context.new_cdp_session(page)
        empty = await weight(stage, page, protocol=protocol)
        runs = await opens(stage, page, times=times)
        fresh = await weight(stage, page, protocol=protocol)
        quiet = await quiet_frames(page, 2.0)
        scroll = await scrolled(page, protocol)
        return {
            "messages": messages,
            "opens": runs,
            "scroll": scroll,
            "quiet_fps": quiet["fps"],
            "quiet_worst_gap_ms": quiet["worst_gap_ms"],
            "weight_empty": empty,
            "weight_open": fresh,
            "weight_scrolled": await weight(stage, page, protocol=protocol),
        }
