"""What a test holds a page to: nothing on the console, no failed request, no word to another host, no barrier."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Request, Response, expect

from tests.web.server import Server

PATIENCE_MS = 30_000
SERIOUS = frozenset({"serious", "critical"})
OWN_SCHEMES = frozenset({"data", "blob", "about"})
NETWORK = re.compile(r"Failed to load resource|net::ERR_")
STILL = """() => Promise.all(
  document.getAnimations()
    .filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime))
    .map((one) => one.finished.catch(() => 0)),
).then(() => 0)"""
_AXE = Axe()

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Problems:
    """What went wrong on the pages of one test."""

    console: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    excused: list[re.Pattern[str]] = field(default_factory=list)
    """A test that breaks something on purpose says here what its pages may complain of."""
    network_down: bool = False
    """The server was away, so any request may have failed."""

    def excuse(self, *patterns: str) -> None:
        self.excused += [re.compile(pattern) for pattern in patterns]

    def left(self) -> list[str]:
        """Everything that was not excused."""
        told = self.foreign.copy()
        told += [line for line in self.failed if not self.network_down]
        told += [line for line in self.console if not (self.network_down and NETWORK.search(line))]
        return [line for line in told if not any(pattern.search(line) for pattern in self.excused)]


@dataclass
class Tab:
    """A page of the workbench, as a person has it open."""

    page: Page
    context: BrowserContext
    server: Server
    problems: Problems
    shots: Path

    async def go(self, path: str) -> None:
        """Open a page of the workbench."""
        await self.page.goto(f"{self.server.address}{path}")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name, exact=isinstance(name, str))

    async def shot(self, name: str, *, full: bool = False) -> Path:
        """A picture for a person to look at, kept in the test's temporary folder."""
        path = self.shots / f"{name}.png"
        await self.page.screenshot(path=path, full_page=full, animations="disabled")
        return path

    async def devtools(self, *told: tuple[str, dict[str, object]]) -> None:
        """What Playwright has no word for, in the browser's own protocol."""
        protocol = await self.context.new_cdp_session(self.page)
        for method, given in told:
            await protocol.send(method, given)  # pyright: ignore[reportUnknownMemberType]  # its dict has no types
        await protocol.detach()

    async def offline(self, gone: bool = True) -> None:
        """Take the network from the browser, or give it back."""
        self.problems.network_down = True
        await self.context.set_offline(gone)

    async def copied(self, button: Locator) -> str:
        """What a button puts on the clipboard."""
        await self.page.evaluate("navigator.clipboard.writeText('')")
        await button.click()
        await self.page.wait_for_function("navigator.clipboard.readText().then((text) => text !== '')")
        text: str = await self.page.evaluate("navigator.clipboard.readText()")
        return text

    async def barriers(self) -> list[str]:
        """What axe calls serious or critical on the page, once nothing fades in or out any more."""
        await self.page.evaluate(STILL)
        found = await _AXE.run(self.page)
        return [
            f"{each['id']} ({each['impact']}): {node['target']} {node['html'][:160]}"
            f" {node.get('failureSummary', '')[:240]}"
            for each in found.response["violations"]
            if each["impact"] in SERIOUS
            for node in each["nodes"]
        ]

    async def overflow(self) -> int:
        """CSS pixels by which the page is wider than its window; 0 or less: nobody has to scroll sideways."""
        measured: int = await self.page.evaluate(
            "Math.max(...[document.documentElement, document.querySelector('main')]"
            ".filter(Boolean).map((each) => each.scrollWidth - each.clientWidth))"
        )
        return measured


def watch(page: Page, problems: Problems, *, own: Sequence[str]) -> None:
    """Note what goes wrong on a page; `own` are the hosts (with port) that it may ask."""

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            problems.console.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def on_request(request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in OWN_SCHEMES and url.netloc not in own:
            problems.foreign.append(f"asked another host: {request.method} {request.url}")

    def on_failed(request: Request) -> None:
        why = request.failure or ""
        if "ERR_ABORTED" not in why:  # a page that is left drops what it had asked for
            problems.failed.append(f"failed: {request.method} {request.url} {why}")

    def on_response(response: Response) -> None:
        if response.status >= 400:
            problems.failed.append(f"refused: {response.request.method} {response.url} {response.status}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: problems.console.append(f"page error: {error}"))
    page.on("request", on_request)
    page.on("requestfailed", on_failed)
    page.on("response", on_response)
