"""Waiting for what another process does, with a deadline: for tests that have no event to await."""

import asyncio
from collections.abc import Callable

STEP_S = 0.005


async def wait_until(condition: Callable[[], bool], within: float = 30.0) -> None:
    """Return as soon as the condition holds; AssertionError after `within` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    never = loop.create_future()
    while not condition():
        assert loop.time() < deadline, f"not reached within {within} s"
        await asyncio.wait((never,), timeout=STEP_S)
