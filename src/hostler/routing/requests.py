"""What is sent to an upstream: the serialised head, and which of a client's headers travel on.

Knows: HTTP/1.1 request heads and header names. Does not know: bodies, wires.
"""

from functools import lru_cache

from hostler.providers.provider import Header
from hostler.routing.attempt import Attempt, Target, path_of
from hostler.routing.call import Headers

_NOT_FOR_UPSTREAMS = frozenset(
    {
        b"host", b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"te", b"trailer", b"upgrade",
        b"transfer-encoding", b"content-length", b"content-type", b"expect", b"accept-encoding", b"authorization",
        b"x-api-key", b"x-goog-api-key", b"cookie", b"origin", b"referer", b"forwarded", b"x-forwarded-for",
        b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-port", b"x-real-ip", b"x-request-id", b"via",
        b"access-control-request-method", b"access-control-request-headers",
    }
)  # fmt: skip
"""Headers that are ours to set, or that tell of the client what the upstream must not learn."""


def client_lines(headers: Headers) -> bytes:
    """The client's headers that travel on, serialised; those of the wire and unknown ones among them."""
    return b"".join(
        [
            b"%b: %b\r\n" % (name, value)
            for name, value in headers
            if name not in _NOT_FOR_UPSTREAMS and not name.startswith((b"sec-", b"x-hostler-"))
        ]
    )


def whole_request(attempt: Attempt, target: Target, lines: bytes, body: bytes) -> bytes:
    """One POST with its body. `lines` are further header lines; those that the provider's wire demands are added."""
    provider = attempt.candidate.provider
    if provider.defaults:
        lines += _missing(provider.defaults, lines)
    head = _head(path_of(attempt), target.host, target.sent)
    return b"%b%bcontent-length: %d\r\n\r\n%b" % (head, lines, len(body), body)


@lru_cache(maxsize=1024)
def _head(path: str, host: bytes, sent: tuple[Header, ...]) -> bytes:
    """The part of a request head that is the same for every call of an operation at a target."""
    lines = [b"POST %b HTTP/1.1\r\nhost: %b\r\n" % (path.encode(), host)]
    lines += [b"%b: %b\r\n" % header for header in sent]
    lines.append(b"accept-encoding: identity\r\ncontent-type: application/json\r\n")
    return b"".join(lines)


@lru_cache(maxsize=256)
def _missing(defaults: tuple[Header, ...], lines: bytes) -> bytes:
    """Default headers that the client did not send itself."""
    return b"".join([b"%b: %b\r\n" % (n, v) for n, v in defaults if not (b"\r\n" + lines).count(b"\r\n%b: " % n)])
