"""What is sent to an upstream: the serialised head, and which of a client's headers travel on.

Knows: HTTP/1.1 request heads and header names. Does not know: bodies, wires.
"""

from collections.abc import Sequence
from functools import lru_cache

from hostler.errors import Unsupported
from hostler.providers.provider import Header
from hostler.routing.call import Target, Way
from hostler.system.upstream import Message

JSON = b"application/json"
LONG = 16 * 1024
"""Bytes from which on a body is sent as a piece of its own."""
MOST_REMEMBERED = 4 * 1024
"""Bytes of a client's header lines that are remembered: what clients invent must not fill the memory."""
_NOT_FOR_UPSTREAMS = frozenset(
    {
        b"host", b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"te", b"trailer",
        b"upgrade", b"transfer-encoding", b"content-length", b"content-type", b"expect", b"accept-encoding",
        b"authorization", b"x-api-key", b"x-goog-api-key", b"cookie", b"origin", b"referer", b"forwarded",
        b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-port", b"x-real-ip",
        b"x-request-id", b"via", b"access-control-request-method", b"access-control-request-headers",
    }
)  # fmt: skip
"""Headers that are ours to set, or that tell of the client what the upstream must not learn."""
_USUAL_HOPS = frozenset({b"keep-alive", b"close", b""})


def client_lines(headers: Sequence[Header]) -> bytes:
    """The client's headers that travel on, serialised; those of the wire and unknown ones among them."""
    lines = b"".join(
        [
            b"%b: %b\r\n" % (name, value)
            for name, value in headers
            if name not in _NOT_FOR_UPSTREAMS and not name.startswith((b"sec-", b"x-hostler-"))
        ]
    )
    hops = {token.strip() for name, value in headers if name == b"connection" for token in value.lower().split(b",")}
    return _without(lines, hops - _USUAL_HOPS)


def _without(lines: bytes, names: set[bytes]) -> bytes:
    """Header lines but for those of these names."""
    if not any(b"\r\n%b:" % name in b"\r\n" + lines for name in names):
        return lines
    return b"".join([line + b"\r\n" for line in lines.split(b"\r\n") if line and line.partition(b":")[0] not in names])


def request_head(way: Way, target: Target, *, lines: bytes = b"", kind: bytes = JSON) -> bytes:
    """A request's head but for its length: the same for all calls that a client makes over a connection.

    `lines` are further header lines, `kind` is the body's content type; what the provider's wire demands is added.
    Raises Unsupported when the provider has no path for the operation.
    """
    provider = way.candidate.provider
    if not way.path:
        raise Unsupported(f"Provider '{provider.id}' has no way to do {way.operation.replace('_', ' ')}.")
    make = _head if len(lines) <= MOST_REMEMBERED and kind is JSON else _head.__wrapped__
    return make(way.path, target.host, target.sent, provider.defaults, lines, kind)


def whole_request(  # signature: positions, since a name costs every request time
    head: bytes, body: bytes, rest: int = 0, front: bytes = b""
) -> Message:
    """One POST whose body is `front` and `body` from `rest` on; a long one in two pieces, so that it is not copied."""
    length = len(front) + len(body) - rest
    if length < LONG:
        return b"%bcontent-length: %d\r\n\r\n%b%b" % (head, length, front, body[rest:] if rest else body)
    return b"%bcontent-length: %d\r\n\r\n%b" % (head, length, front), memoryview(body)[rest:]


@lru_cache(maxsize=512)
def _head(
    path: str, host: bytes, sent: tuple[Header, ...], defaults: tuple[Header, ...], lines: bytes, kind: bytes
) -> bytes:  # signature: all that a head is made of, as the cache's key
    parts = [b"POST %b HTTP/1.1\r\nhost: %b\r\n" % (path.encode(), host)]
    parts += [b"%b: %b\r\n" % header for header in sent]
    lines = _without(lines, {name for name, _ in sent})
    parts += [b"%b: %b\r\n" % (n, v) for n, v in defaults if b"\r\n%b: " % n not in b"\r\n" + lines]
    parts.append(b"accept-encoding: identity\r\ncontent-type: %b\r\n" % kind)
    parts.append(lines)
    return b"".join(parts)
