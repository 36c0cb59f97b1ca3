"""Measures pages that show answers as they come: eight panes side by side, and one long answer at high speed.

Knows: what is asked, when which frame came. Does not know: how the pages work.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from playwright.async_api import Page
from profiling import profiled
from stage import Stage, frames, quiet_frames
from texts import LAST

PANES = 8
RATE = 500
PER = 20_000
"""Tokens that CPU is told for."""
IDLE_S = 2.0
FAST = 2000
ANSWERS = "[aria-label^='Answer of '] .md"
ENDS = "([answers, count, word]) => bench.until(() => bench.ends(answers, count, word))"
LONG = 6144
"""Deltas of 4 characters: 24 KB."""


def pane_models(seconds: float) -> list[str]:
    """The models of the panes."""
    return [f"d{RATE}-{round(RATE * seconds)}-{'abcdefgh'[n]}" for n in range(PANES)]


def long_model(deltas: int = LONG) -> str:
    """The model of the long answer."""
    return f"d{FAST}-{deltas}-long"


async def shown(stage: Stage, page: Page, *, session: str, models: Sequence[str]) -> dict[str, Any]:
    """Ask models, and note the page's frames until everything they said has been painted."""
    before = len(await stage.source.log())
    done = asyncio.ensure_future(page.evaluate(ENDS, [ANSWERS, len(models), LAST]))
    async with profiled(page, "panes" if len(models) > 1 else "long-answer"):
        await page.evaluate("bench.frames()")
        cpu = stage.cpu_s()
        await stage.say(session, models)
        rendered = (await done)["first"]
        await asyncio.sleep(0.3)
        cpu = stage.cpu_s() - cpu
    noted = await page.evaluate("bench.noted()")
    log = (await stage.source.log())[before:]
    first, last = min(told["first"] for told in log), max(told["last"] for told in log)
    sent = sum(told["sent"] for told in log)
    return {
        **frames(noted, first=first, last=rendered),
        "behind_ms": round(rendered - last, 1),
        "seconds": round((last - first) / 1000, 2),
        "deltas": sent,
        "deltas_s": round(sent * 1000 / (last - first)),
        "cpu_s": cpu,
        "whole_s": noted["stamps"][-1] / 1000 - noted["stamps"][0] / 1000,
    }


async def panes(stage: Stage, *, seconds: float) -> dict[str, Any]:
    """Eight panes, once. CPU is the server's, from upstream socket to browser socket, less what it takes idle."""
    async with stage.visitor() as context:
        session = await stage.session("Panes")
        page = await stage.page(context, f"/compare/{session}")
        quiet = await quiet_frames(page, IDLE_S)
        idle = await stage.idle_cpu(IDLE_S)
        told = await shown(stage, page, session=session, models=pane_models(seconds))
    spent, whole = told.pop("cpu_s"), told.pop("whole_s")
    cpu = (spent - idle * whole) * PER / told["deltas"]
    return {
        **told,
        "cpu_s_per_20000": round(cpu, 3),
        "idle_cpu": round(idle, 4),
        "quiet_worst_gap_ms": quiet["worst_gap_ms"],
    }


async def long_answer(stage: Stage, *, deltas: int) -> dict[str, Any]:
    """One long answer, once."""
    async with stage.visitor() as context:
        session = await stage.session("Long answer")
        page = await stage.page(context, f"/chat/{session}")
        quiet = await quiet_frames(page, IDLE_S)
        told = await shown(stage, page, session=session, models=[long_model(deltas)])
    del told["cpu_s"], told["whole_s"]
    return {**told, "quiet_worst_gap_ms": quiet["worst_gap_ms"]}
