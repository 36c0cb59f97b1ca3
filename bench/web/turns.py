"""Measures what a person does to a running answer: stops it, looks at it from a second tab, loses the network.

Knows: clicks, texts, when the upstream was let go of. Does not know: how events travel.
"""

import asyncio
import time
from typing import Any

from playwright.async_api import BrowserContext, Page
from stage import Stage
from streams import ANSWERS, ENDS
from texts import DELTA, LAST, answer

from tests.web.wire import Wire

OFFLINE_S = 5.0
STOP_S = 10.0
SHOWN = 0.9
ENDLESS = "d200-20000-stop"
JOINED = "d500-5000-join"
GOES_ON = "d200-3000-offline"
MODELS = (ENDLESS, JOINED, GOES_ON)
TEXT = "(answers) => [...document.querySelectorAll(answers)].map((each) => each.textContent).join('')"
HAS = "([answers, size]) => bench.until(() => (document.querySelector(answers)?.textContent.length ?? 0) >= size)"
STOPPED = """() => bench.until(
  () => !document.querySelector("article[aria-busy='true']") && document.querySelector("button[aria-label='Send']"),
)"""


def now_ms() -> float:
    """Unix time in ms."""
    return time.time() * 1000


async def begun(stage: Stage, context: BrowserContext, *, model: str, address: str = "") -> tuple[Page, str]:
    """A page on which an answer has begun to show, and its session."""
    session = await stage.session(model)
    page = await stage.page(context, f"/chat/{session}", address=address)
    has = asyncio.ensure_future(page.evaluate(HAS, [ANSWERS, 200]))
    await stage.say(session, [model])
    await has
    return page, session


async def stop(stage: Stage, context: BrowserContext) -> dict[str, float]:
    """Click Stop; ms until the upstream's socket was closed and until the page showed it, both from the click."""
    before = len(await stage.source.log())
    page, _ = await begun(stage, context, model=ENDLESS)
    stopped = asyncio.ensure_future(page.evaluate(STOPPED))
    await page.get_by_role("button", name="Stop (Esc)").click()
    shown = (await stopped)["first"]
    clicked = await page.evaluate("bench.clicked()")
    closed = None
    async with asyncio.timeout(STOP_S):
        while closed is None:
            closed = (await stage.source.log())[before]["closed"]
            await asyncio.sleep(0.05)
    await page.close()
    return {"page_ms": round(shown - clicked, 1), "upstream_ms": round(closed - clicked, 1)}


async def whole(stage: Stage, page: Page, *, session: str, model: str) -> dict[str, Any]:
    """Wait for the answer's end; whether what is kept is what was sent, and what the page shows."""
    await page.evaluate(ENDS, [ANSWERS, 1, LAST])
    async with asyncio.timeout(STOP_S):
        while (reply := (await stage.replies(session))[0])["state"] == "streaming":  # noqa: ASYNC110  # the end is stored a moment later
            await asyncio.sleep(0.05)
    sent = "".join(answer(int(model.split("-")[1])))
    return {
        "kept_whole": "".join(part.get("text", "") for part in reply["parts"]) == sent,
        "shown": await page.evaluate(TEXT, ANSWERS),
    }


async def join(stage: Stage, context: BrowserContext) -> dict[str, Any]:
    """Open a second tab in the middle; ms from its first request until it shows what the first one showed by then."""
    page, session = await begun(stage, context, model=JOINED)
    await asyncio.sleep(2)
    size = len(await page.evaluate(TEXT, ANSWERS))
    other = await context.new_page()
    began = now_ms()
    await other.goto(f"{stage.server.address}/chat/{session}", wait_until="commit")
    caught = (await other.evaluate(HAS, [ANSWERS, size]))["first"]
    first = await whole(stage, page, session=session, model=JOINED)
    second = await whole(stage, other, session=session, model=JOINED)
    await page.close()
    await other.close()
    return {
        "joined_ms": round(caught - began, 1),
        "equal": first["shown"] == second["shown"],
        "kept_whole": first["kept_whole"],
    }


async def offline(stage: Stage, context: BrowserContext) -> dict[str, Any]:
    """Lose the server for 5 s; ms until the page shows what was sent meanwhile, and whether it is whole in the end."""
    wire = Wire(int(stage.server.address.rpartition(":")[2]))
    await wire.lay()
    page, session = await begun(stage, context, model=GOES_ON, address=f"http://127.0.0.1:{wire.port}")
    wire.cut()
    await context.set_offline(True)
    await asyncio.sleep(0.2)
    before = len(await page.evaluate(TEXT, ANSWERS))
    await asyncio.sleep(OFFLINE_S)
    arrived = len(await page.evaluate(TEXT, ANSWERS)) - before
    sent = (await stage.source.log())[-1]["sent"] * DELTA
    wire.mend()
    began = now_ms()
    await context.set_offline(False)
    # Marks of Markdown are not shown, so the page never has every character that was sent.
    caught = (await page.evaluate(HAS, [ANSWERS, int(sent * SHOWN)]))["first"]
    first = await whole(stage, page, session=session, model=GOES_ON)
    other = await stage.page(context, f"/chat/{session}")
    second = await whole(stage, other, session=session, model=GOES_ON)
    await page.close()
    await other.close()
    await wire.take_up()
    return {
        "caught_up_ms": round(caught - began, 1),
        "arrived_offline": arrived,
        "equal": first["shown"] == second["shown"],
        "kept_whole": first["kept_whole"],
    }


async def turns(stage: Stage, *, stops: int, times: int) -> dict[str, Any]:
    """All of it."""
    async with stage.visitor() as context:
        return {
            "stop": [await stop(stage, context) for _ in range(stops)],
            "join": [await join(stage, context) for _ in range(times)],
            "offline": [await offline(stage, context) for _ in range(times)],
        }
