"""Asks small questions over HTTP: bounded in time and size, without redirects, on the connections of model traffic.

Knows: how a question becomes a request, and the limits. Does not know: what the questions are about.
It stands on `system.upstream`, because a second HTTP client would cost 14 MB and 0.15 s in every gateway process.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from hostler.errors import UpstreamError, UpstreamGarbled, UpstreamTimeout
from hostler.providers.model_lists import Answer, Ask
from hostler.registry.questions import Target
from hostler.system.upstream import Headers, Patience, PoolLimits, Receiver, UpstreamPool

MAX_BYTES: Final = 8 << 20


class HttpAsker:
    """Asks over HTTP. `connect_s` bounds a connection, `timeout_s` one whole question, `max_bytes` its answer.

    Redirects are not followed, because the key would go with them. Proxies are found in `environment`.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        connect_s: float = 3.0,
        timeout_s: float = 10.0,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._environment = environment or {}
        self._connect_s = connect_s
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._pool: UpstreamPool | None = None

    async def ask(self, target: Target, question: Ask) -> Answer:
        """Send one question and read the whole answer, whatever its status. Raises UpstreamError."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(target, question)
        except TimeoutError:
            raise UpstreamTimeout(f"{target.address} did not answer within {self._timeout_s:g} s.") from None

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    async def _exchange(self, target: Target, question: Ask) -> Answer:
        if self._pool is None:
            # machines are asked minutes apart: an unused connection would only be found dead
            self._pool = UpstreamPool(PoolLimits(connect=self._connect_s, size=0), self._environment)
        connection = await self._pool.door(target.address).connect()
        reading = _Reading(target, self._max_bytes)
        try:
            connection.send(_request(target, question), reading, Patience(idle=0.0))
            return await reading.done
        finally:
            if not reading.ended:
                connection.abort()


class _Reading(Receiver):
    """Collects one response into an `Answer`."""

    def __init__(self, target: Target, max_bytes: int) -> None:
        self.done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.ended = False
        self._target = target
        self._max_bytes = max_bytes
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    def on_head(self, status: int, headers: Headers) -> None:
        """Take the status and the headers."""
        self._status = status
        self._headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        if self._headers.get("content-encoding", "identity") != "identity":
            self._refuse(f"{self._target.address} sent a compressed answer, which it was not asked for.")

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._body += data
        if len(self._body) > self._max_bytes:
            self._refuse(f"{self._target.address} sent more than {self._max_bytes >> 20} MiB.")

    def on_complete(self) -> None:
        """The answer is whole."""
        self.ended = True
        if not self.done.done():
            self.done.set_result(Answer(self._status, self._headers, bytes(self._body)))

    def on_failed(self, error: UpstreamError) -> None:
        """There is no whole answer."""
        self.ended = True
        if not self.done.done():
            self.done.set_exception(error)

    def _refuse(self, message: str) -> None:
        """Give up on an answer that still comes; whoever waits drops the connection."""
        self._body.clear()
        if not self.done.done():
            self.done.set_exception(UpstreamGarbled(message))


def _request(target: Target, question: Ask) -> bytes:
    method = b"GET" if question.body is None else b"POST"
    lines = [
        method + b" " + question.path.encode("ascii") + b" HTTP/1.1",
        b"host: " + target.address.authority.encode("ascii"),
        b"user-agent: hostler",
        b"accept: application/json",
        b"accept-encoding: identity",
        b"connection: close",
        *(name + b": " + value for name, value in target.headers),
    ]
    if question.body is not None:
        lines += [b"content-type: application/json", b"content-length: %d" % len(question.body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (question.body or b"")
