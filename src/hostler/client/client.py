"""Asks a model and gives its reply, as it comes or whole.

Knows: how a request becomes a call, and a stream a reply. Does not know: where the call is performed; it is given the
two functions that do it (in this process: dispatch and resolver).
"""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import Unpack

from hostler.client.asking import Options, Prompt, request_of
from hostler.client.iterate import iterate
from hostler.core.deltas import Delta, fold
from hostler.core.messages import Origin
from hostler.core.requests import Reply
from hostler.core.wires import OPENAI_CHAT
from hostler.registry.resolver import Route
from hostler.routing.call import Call, Plan
from hostler.routing.outlets import Take


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that can be asked: its composite id, and its context window in tokens (None: unknown)."""

    id: str
    context: int | None = None


FeedCall = Callable[[Call, Take], Awaitable[None]]
"""Performs a call: hands on its deltas as they come, returns at the end, raises what went wrong; see Dispatch.feed."""
ResolveName = Callable[[str], Route]
ListModels = Callable[[], Awaitable[tuple[ModelInfo, ...]]]


class Client:
    """One door to every model; made by `hostler.open()`. Belongs to one event loop; many calls may run at once."""

    def __init__(self, feed: FeedCall, resolve: ResolveName, *, models: ListModels) -> None:
        self._feed = feed
        self._resolve = resolve
        self._models = models
        self._prefix = f"call-{os.urandom(5).hex()}-"
        self._numbers = count(1)

    def stream(self, model: str, prompt: Prompt, **options: Unpack[Options]) -> AsyncGenerator[Delta]:
        """The reply as it comes. Leaving the loop early (and closing the generator) stops the model.

        Raises HostlerError: ModelNotFound, ProviderNotReady, UpstreamError, EngineError, ...
        """
        call = self._call(model, prompt, options=options)
        return iterate(lambda take: self._feed(call, take))

    async def follow(self, model: str, prompt: Prompt, *, take: Take, **options: Unpack[Options]) -> None:
        """Hand the reply to `take` as it comes, in the very turn of the loop; returns at its end. Raises as `stream`.

        For who follows many replies at once: nothing has to be woken for a token. Cancelling it stops the model.
        """
        await self._feed(self._call(model, prompt, options=options), take)

    async def ask(self, model: str, prompt: Prompt, **options: Unpack[Options]) -> Reply:
        """The whole reply; its parts name their maker, so they can go back as they are. Raises as `stream` does."""
        call = self._call(model, prompt, options=options)
        deltas: list[Delta] = []
        await self._feed(call, deltas.extend)
        return fold(deltas, _origin(call.plan))

    async def models(self) -> tuple[ModelInfo, ...]:
        """The models that can be asked now, in the order of their providers."""
        return await self._models()

    def _call(self, model: str, prompt: Prompt, *, options: Options) -> Call:
        request = request_of(model, prompt, **options)
        route = self._resolve(model)
        # a caller from Python has no wire of its own: the one that its model's vendor prefers loses least
        wire = route.candidates[0].provider.wire if route.candidates else OPENAI_CHAT
        plan = Plan(route, wire, operation="chat", stream=True)
        return Call(f"{self._prefix}{next(self._numbers)}", plan, request=request)


def _origin(plan: Plan) -> Origin | None:
    """Who makes the parts of a reply; None where no way leads anywhere."""
    if not plan.ways:
        return None
    candidate = plan.ways[0].candidate
    return Origin(candidate.provider.id, candidate.provider.wire, candidate.model)
