"""The pure choice: in which order candidates are tried, and whether another may follow a failure.

Knows: candidates, health, error classes. Does not know: sockets, time, queues.
"""

from collections.abc import Callable
from typing import TypeVar

from hostler.core.wires import OPENAI_CHAT
from hostler.errors import (
    EngineError,
    HostlerError,
    ProviderNotReady,
    QueueFull,
    Unsupported,
    UpstreamBroken,
    UpstreamError,
    UpstreamRefused,
)
from hostler.providers.provider import Operation
from hostler.registry.resolver import Candidate, Route
from hostler.routing.call import EMBEDS, FILES, side_for

T = TypeVar("T")
_READS = (*EMBEDS, "rerank")
_PASSING = frozenset({408, 409, 425, 429})
"""Statuses below 500 that another upstream may not share."""


def order(choices: tuple[T, ...], is_ill: Callable[[T], bool]) -> tuple[T, ...]:
    """Choices in the order to try them: the healthy first, each group as it was given."""
    if len(choices) == 1:
        return choices
    well = [choice for choice in choices if not is_ill(choice)]
    return (*well, *(choice for choice in choices if choice not in well))


def check_capable(route: Route, operation: Operation) -> None:
    """Refuse what none of the candidates can do, before a slot is taken or an engine started; raises Unsupported."""
    if operation == "chat" and route.candidates[0].recipe is None:
        return  # nearly every call: translated where need be
    problems = [problem for c in route.candidates if (problem := _incapable(c, operation))]
    if len(problems) == len(route.candidates):
        raise Unsupported(problems[0], hint="GET /v1/models lists the others.")


def _incapable(candidate: Candidate, operation: Operation) -> str:
    """Why a candidate cannot do an operation; empty when nothing is known against it."""
    provider, recipe = candidate.provider, candidate.recipe
    side, called = side_for(provider, operation, wire=OPENAI_CHAT)
    if called not in side.paths:
        return f"Provider '{provider.id}' has no way to do {operation.replace('_', ' ')}."
    if recipe is not None and operation in FILES:
        return f"The model '{candidate.model_id}' works with text; it does no {operation.replace('_', ' ')}."
    if recipe is not None and not recipe.embedding and operation in _READS:
        return f"The model '{candidate.model_id}' generates text; it makes no {operation}."
    if recipe is not None and recipe.embedding and operation in ("chat", "generate", "completions"):
        return f"The model '{candidate.model_id}' makes embeddings; it does not generate text."
    return ""


def may_go_elsewhere(error: HostlerError) -> bool:
    """Whether another candidate might do better; a request that is wrong is wrong everywhere."""
    match error:
        case UpstreamRefused():
            return error.status in _PASSING or error.status >= 500
        case UpstreamError() | EngineError() | QueueFull() | ProviderNotReady():
            return True
        case _:
            return False


def is_providers_fault(error: HostlerError) -> bool:
    """Whether the failure counts against the provider's health; a full queue or a wrong request does not."""
    if isinstance(error, UpstreamRefused):
        return error.status >= 500
    return isinstance(error, UpstreamError | EngineError)


def may_try_again(error: HostlerError, *, reused: bool, started: bool) -> bool:
    """Whether the same upstream gets the request once more on a fresh connection.

    A kept connection may have been closed by the upstream just as we wrote to it; nothing was answered then.
    """
    return reused and not started and isinstance(error, UpstreamBroken)
