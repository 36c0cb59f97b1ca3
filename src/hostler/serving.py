"""What every process that serves the public port needs, be it the only one or a gateway worker.

Knows: how settings become a listening server, its TLS and its pool's limits; signals; work in the background. Does not
know: which parts a process has (the composition roots, app and worker).
"""

import asyncio
import contextlib
import ctypes
import gc
import logging
import signal
import ssl
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator

from hostler.errors import ConfigError
from hostler.gateway.gateway import Gateway
from hostler.settings import Settings
from hostler.system.http_server import Handler, HttpServer, Limits
from hostler.system.upstream import PoolLimits

_log = logging.getLogger(__name__)
_MALLOPT = ((-1, 16 << 20), (-2, 1 << 20), (-3, 4 << 20))
"""M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD of mallopt(3), in bytes."""


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """The server's TLS from settings, None without. Raises ConfigError naming the file that is wrong."""
    cert, key = settings.gateway.tls_cert, settings.gateway.tls_key
    if not cert and not key:
        return None
    if not (cert and key):
        raise ConfigError("TLS needs both a certificate and a key", hint="Give --tls-cert and --tls-key together.")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
    except OSError as error:
        raise ConfigError(f"TLS certificate {cert} or key {key} cannot be used: {error}") from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def http_server(gateway: Gateway, settings: Settings, *, handler: Handler | None = None) -> HttpServer:
    """A server for a gateway; `handler` takes the requests in its stead, once it has checked their heads."""
    limits = Limits(max_head=settings.gateway.max_head_kb << 10, max_body=settings.gateway.max_body_mb << 20)
    return HttpServer(handler or gateway.handle, gateway.check_head, limits=limits, on_refusal=gateway.refuse)


def pool_limits(settings: Settings) -> PoolLimits:
    """The pool's limits from settings."""
    upstream = settings.upstream
    return PoolLimits(connect=upstream.connect_s, idle=upstream.pool_idle_s, size=upstream.pool_size)


def calm_memory() -> None:
    """Have collector and allocator fit a server: calls leave no circles behind, and bodies come and go.

    The garbage collector passes over what start-up made and looks less often. glibc otherwise gives the memory of
    each 64 KB body back to the system and takes it again with the next: ten page faults, 15 us per call.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):  # other C libraries than glibc may lack it
            for option, size in _MALLOPT:
                libc.mallopt(option, size)


@contextlib.contextmanager
def stop_signals(stopping: asyncio.Event) -> Generator[None]:
    """Have SIGTERM and SIGINT set `stopping`; a second one cancels the task that is in the block."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def on_signal() -> None:
        if stopping.is_set() and task is not None:
            task.cancel()
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def port_errors(settings: Settings) -> Generator[None]:
    """Turn a port that cannot be had into a ConfigError that says what to do."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {settings.gateway.host}:{settings.gateway.port}: {error.strerror or error}",
            hint="Another program may have the port; choose one with --port, or 0 for a free one.",
        ) from None


@contextlib.asynccontextmanager
async def background(*work: Callable[[], Coroutine[object, object, None]]) -> AsyncGenerator[None]:
    """Run work beside the body; it is cancelled at the end. One that fails is logged, and the others go on."""
    tasks = [asyncio.create_task(_logged(w)) for w in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _logged(work: Callable[[], Coroutine[object, object, None]]) -> None:
    try:
        await work()
    except Exception:  # noqa: BLE001  # the named edge of background work: the gateway goes on without it
        _log.exception("background work ended unexpectedly")
