"""The system's browser, driven by Playwright: where it is, how it is started, and what to do when there is none."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "no browser for the tests of the workbench: none of "
    + ", ".join(NAMES)
    + " is on PATH. Install one (Debian and Ubuntu: apt-get install chromium; macOS: brew install --cask chromium)."
)
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    # a page that asks for another host must fail, also where the machine could reach it
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


def executable() -> str | None:
    """Path of a Chromium, None when the machine has none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def flags() -> list[str]:
    """Chromium's sandbox does not start for root."""
    return [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser for as long as the block runs. AssertionError with what to install when there is none."""
    path = executable()
    assert path is not None, MISSING
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=flags())
        try:
            yield browser
        finally:
            await browser.close()
