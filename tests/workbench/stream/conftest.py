"""Runs the tests of the stream on both event loops."""

import asyncio
from collections.abc import Callable, Mapping

import uvloop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop is what runs in earnest; asyncio's own loop is there where uvloop is not."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
