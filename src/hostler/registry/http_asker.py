"""Asks questions over HTTP: bounded in time and size, without redirects. Loaded only when something is asked.

Knows: the HTTP client and its errors. Does not know: what the questions are about.
"""

import asyncio
import ssl
from typing import Final

import httpx2

from hostler.errors import UpstreamGarbled, UpstreamTimeout, UpstreamUnreachable
from hostler.providers.model_lists import Answer, Ask
from hostler.providers.provider import Header
from hostler.registry.questions import Target
from hostler.system.proxy import Proxies, Proxy

MAX_BYTES: Final = 8 << 20
_JSON: Final[Header] = (b"content-type", b"application/json")
_LIMITS: Final = httpx2.Limits(max_connections=16, max_keepalive_connections=0)
"""Machines are asked minutes apart: an unused connection would only be found dead."""


class HttpAsker:
    """Asks over HTTP. `connect_s` bounds a connection, `timeout_s` one whole question, `max_bytes` its answer.

    Redirects are not followed, because the key would go with them.
    """

    def __init__(
        self,
        proxies: Proxies | None = None,
        *,
        connect_s: float = 3.0,
        timeout_s: float = 10.0,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._proxies = proxies or Proxies({})
        self._connect_s = connect_s
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._clients: dict[tuple[bool, Proxy | None], httpx2.AsyncClient] = {}

    async def ask(self, target: Target, question: Ask) -> Answer:
        """Send one question and read the whole answer, whatever its status. Raises UpstreamError."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(target, question)
        except TimeoutError:
            raise UpstreamTimeout(f"{target.address} did not answer within {self._timeout_s:g} s.") from None
        except httpx2.ConnectTimeout:
            raise UpstreamTimeout(f"{target.address} took no connection within {self._connect_s:g} s.") from None
        except (httpx2.ConnectError, httpx2.ProxyError) as error:
            raise UpstreamUnreachable(f"{target.address} cannot be reached: {_reason(error)}.") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise UpstreamGarbled(f"{target.address} gave no good answer: {_reason(error)}.") from None

    async def close(self) -> None:
        """Close every connection."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.aclose()

    async def _exchange(self, target: Target, question: Ask) -> Answer:
        client = await self._client(target)
        method = "GET" if question.body is None else "POST"
        headers = [*target.headers, *([] if question.body is None else [_JSON])]
        url = target.address.url + question.path
        async with client.stream(method, url, headers=headers, content=question.body) as response:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > self._max_bytes:
                    raise UpstreamGarbled(f"{target.address} sent more than {self._max_bytes >> 20} MiB.")
            return Answer(response.status_code, dict(response.headers), bytes(body))

    async def _client(self, target: Target) -> httpx2.AsyncClient:
        proxy = self._proxies.find(target.address)
        key = (target.address.tls, proxy)
        client = self._clients.get(key)
        if client is None:
            # reading the trust store takes tens of milliseconds; SSL_CERT_FILE is honoured by the default context
            trust = await asyncio.to_thread(ssl.create_default_context) if target.address.tls else False
            client = httpx2.AsyncClient(
                verify=trust,
                # what the environment says was read by settings already
                trust_env=False,
                proxy=_proxy(proxy),
                timeout=httpx2.Timeout(self._timeout_s, connect=self._connect_s),
                limits=_LIMITS,
                follow_redirects=False,
            )
            self._clients[key] = client
        return client


def _proxy(proxy: Proxy | None) -> httpx2.Proxy | None:
    if proxy is None:
        return None
    headers = {"proxy-authorization": proxy.authorization} if proxy.authorization else None
    return httpx2.Proxy(f"http://{proxy.host}:{proxy.port}", headers=headers)


def _reason(error: BaseException) -> str:
    """The innermost cause in the system's own words."""
    inner: BaseException = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner).rstrip(".") or type(inner).__name__
