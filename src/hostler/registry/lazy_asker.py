"""Loads the HTTP asker when the first question is asked. Knows how; does not know what is asked."""

import asyncio
import importlib

from hostler.registry.questions import Asker
from hostler.system.proxy import Proxies


async def load_asker(proxies: Proxies | None = None) -> Asker:
    """The asker over HTTP, through the same proxies as model traffic.

    Its library is imported on a thread, so that the loop goes on meanwhile.
    """
    await asyncio.to_thread(importlib.import_module, "hostler.registry.http_asker")
    # lazy: the HTTP client costs 10 MB and 0.1 s, and many set-ups never ask anybody
    from hostler.registry.http_asker import HttpAsker

    return HttpAsker(proxies)
