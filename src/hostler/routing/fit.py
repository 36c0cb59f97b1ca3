"""Holds requests against what their models are known to take, before a slot is taken or an engine started.

Knows: that a body which passes through is decoded only when a glance at it gives reason to. Does not know: what fits
(core.fitting), which facts there are.
"""

from collections.abc import Callable
from typing import Final

from hostler.core.fitting import BYTES_PER_TOKEN, Limits, Misfit, misfits
from hostler.core.requests import ChatRequest
from hostler.errors import HostlerError, PromptTooLong, Unsupported
from hostler.routing.call import Plan, Way
from hostler.wire.codecs import codec_of

_MEDIA: Final = (b"image", b"audio", b"video", b"inline", b"data:", b"file")
"""One of these stands in every body that carries a medium, in whatever wire."""
_TOOLS: Final = b'"tools"'
_THINKING: Final = b'"reasoning_content"'
_HINT: Final = (
    "Choose another model; or, if this one can, say so in the overrides file. With [models] checks = "
    '"degrade" what does not fit is left out, with "off" all is sent.'
)


def check_body(plan: Plan, body: bytes) -> None:
    """Refuse a chat's body that none of the ways can take; raises Unsupported, PromptTooLong.

    A body that cannot be read here is its upstream's to judge.
    """
    if not any(way.candidate.limits is not None and _is_suspect(way.candidate.limits, body) for way in plan.ways):
        return
    request = _read(plan, body)
    if request is not None:
        check_request(plan, request)


def check_request(plan: Plan, request: ChatRequest) -> None:
    """Refuse a request that none of the ways can take; raises Unsupported, PromptTooLong."""
    first: Misfit | None = None
    for way in plan.ways:
        limits = way.candidate.limits
        found = () if limits is None or limits.degrade else misfits(limits, request)
        if not found:
            return
        first = first or found[0]
    if first is not None:
        raise _error(first)


def must_change(way: Way, plan: Plan, *, body: bytes) -> bool:
    """Whether a chat's body must lose something on this way, so that it cannot pass through as it is."""
    limits = way.candidate.limits
    if limits is None or not limits.degrade or plan.operation != "chat" or not _is_suspect(limits, body):
        return False
    request = _read(plan, body)
    return request is not None and bool(misfits(limits, request))


def lacks_thinking(way: Way, plan: Plan, *, body: bytes) -> bool:
    """Whether a chat with tools leaves out the thinking that its vendor demands with each call: most clients know
    nothing of it, so it is kept here and put back, which takes a translation (opencode #24722)."""
    if way.candidate.provider.dialect.reasoning_back != "tool-turns" or plan.operation != "chat":
        return False
    return _TOOLS in body and _THINKING not in body


def _is_suspect(limits: Limits, body: bytes) -> bool:
    """Whether a body may hold what does not fit, by a look that costs next to nothing."""
    if limits.window and len(body) > limits.window * BYTES_PER_TOKEN:
        return True
    if limits.toolless and _TOOLS in body:
        return True
    return bool(limits.blind) and any(word in body for word in _MEDIA)


def _read(plan: Plan, body: bytes) -> ChatRequest | None:
    read: Callable[[bytes], ChatRequest] = codec_of(plan.face).decode_request
    try:
        return read(body)
    except HostlerError:
        return None


def _error(misfit: Misfit) -> HostlerError:
    kind = PromptTooLong if misfit.tokens else Unsupported
    return kind(misfit.message, hint=_HINT)
