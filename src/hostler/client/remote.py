"""A client of a gateway that runs elsewhere: every name leads to it, and it knows what the names mean.

Knows: how a gateway looks as a provider. Does not know: the providers behind it.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Final, cast

from hostler.accounts.ledger import End, Ledger, Refusal
from hostler.client.client import Client, ModelInfo
from hostler.client.http import GatewayDoor
from hostler.core.wires import OPENAI_CHAT
from hostler.providers.provider import Provider, auth_header
from hostler.registry.resolver import Candidate, Route
from hostler.routing.dispatch import Dispatch, NoEngines, Parts
from hostler.routing.health import Health
from hostler.routing.lanes import LocalLanes
from hostler.routing.opaque import OpaqueStore
from hostler.system.address import parse_base_url
from hostler.system.upstream import PoolLimits, UpstreamPool
from hostler.wire.dialects import Dialect

GATEWAY: Final = "gateway"
_QUEUE: Final = 1000


class _Unwritten(Ledger):
    """A ledger that keeps nothing: the gateway writes down what it is asked."""

    __slots__ = ()

    def __init__(self) -> None:
        """Without a journal."""

    def begin(self, request: str, attempt: int, started: int, kind: bytes) -> None:  # signature: as in Ledger
        del request, attempt, started, kind

    def end(self, line: End) -> None:
        del line

    def refuse(self, line: Refusal) -> None:
        del line


@contextlib.asynccontextmanager
async def open_remote(
    address: str, token: str = "", *, environment: Mapping[str, str] | None = None
) -> AsyncGenerator[Client]:
    """A client of the gateway at `address` (http://127.0.0.1:8484); `token` is a key or its data folder's token.

    `environment` is where proxies and certificates are looked up. Raises ConfigError when the address is none.
    """
    provider = gateway_provider(address, token)
    pool = UpstreamPool(PoolLimits(), environment or {})
    try:
        parts = Parts(pool, LocalLanes(_QUEUE), NoEngines(), _Unwritten(), Health(), OpaqueStore())

        def resolve(name: str) -> Route:
            return Route(name, (Candidate(name, name, provider),))

        async def models() -> tuple[ModelInfo, ...]:
            return await asyncio.to_thread(_models, GatewayDoor(provider.address.url, token))

        yield Client(Dispatch(parts).feed, resolve, models=models)
    finally:
        pool.close()


def gateway_provider(address: str, token: str) -> Provider:
    """A gateway as a provider: the chat wire in full, since it translates whatever lies behind."""
    place, prefix = parse_base_url(address, OPENAI_CHAT)
    return Provider(
        id=GATEWAY,
        label="hostler",
        kind="openai-compatible",
        wire=OPENAI_CHAT,
        address=place,
        prefix=prefix,
        auth=auth_header("bearer", token) if token else None,
        dialect=Dialect(
            reasoning_fields=("reasoning_content", "reasoning_details"),
            reasoning_back="always",
            thinking_as="object",
            cache_marks="breakpoint",
            strict_schemas=False,
        ),
    )


def _models(door: GatewayDoor) -> tuple[ModelInfo, ...]:
    answer = cast("dict[str, list[dict[str, object]]]", door.ask("GET", "/v1/models"))
    return tuple(_info(card) for card in answer.get("data", []))


def _info(card: Mapping[str, object]) -> ModelInfo:
    context = card.get("context_length")
    return ModelInfo(str(card.get("id", "")), context if isinstance(context, int) else None)
