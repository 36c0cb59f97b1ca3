"""Runs the tests of the HTTP server on both event loops, and gives each a server that tells what went wrong in it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest_asyncio
import uvloop

from tests.system.http_server.door import Door


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop is what runs in earnest; asyncio's own loop is there where uvloop is not."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    """A server on a free port, not yet listening; whatever its loop complains about fails the test."""
    door = Door()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: door.complaints.append(context))
    yield door
    await door.shut()
