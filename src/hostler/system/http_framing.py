"""Knows which HTTP/1.x request heads are safe to serve and how their bodies are framed; llhttp reads the fields.

Does not know: sockets, replies, routes, or what a request is about.
"""

import re
from typing import Any, Final  # edge: what a receiver or a head check keeps is its own

import httptools

HEAD_END: Final = b"\r\n\r\n"
CHUNKED: Final = -1
"""`RequestHead.length` of a body that says its own end (chunked)."""

_VERSIONS: Final = {b"HTTP/1.1": False, b"HTTP/1.0": True}
_METHODS: Final = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_ONCE: Final = (b"host", b"content-length", b"transfer-encoding", b"expect")
_OTHER_VERSION: Final = re.compile(rb"HTTP/\d+(\.\d+)?")
# No comma and no userinfo: a host that two readers could take for two different ones is no host.
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_ABSOLUTE: Final = re.compile(r"https?://([^/?#]+)([^#]*)", re.IGNORECASE)
_TOKEN_BYTES: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_STRAY: Final = re.compile(rb"(?<!\r)\n|\r(?=[^\n])|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_REQUEST_LINE: Final = re.compile(rb"[^ ]+ [^ ]+ ([^ ]+)")
_MAX_LENGTH_DIGITS: Final = 18
_MAX_FIELDS: Final = 256


class Refusal(Exception):
    """The request must not be served: `status` to answer with, `reason` for people. Nothing after it may be parsed."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class RequestHead:
    """One request's head, which several requests of a connection may share (http_known_head).

    `target` is in origin form ("/path?query") or "*"; `headers` have lower-cased names and keep their order;
    `length` is the body's length in bytes, or `CHUNKED`, of the first request that had this head. `client` is the
    peer's address; `context` carries what the head check found to the handler.
    """

    __slots__ = (
        "_index", "client", "context", "expects", "headers", "http_10", "keep_alive", "length", "method", "path",
        "query", "target",
    )  # fmt: skip

    client: str
    context: Any
    method: str
    target: str
    path: str
    query: str
    headers: list[tuple[bytes, bytes]]
    http_10: bool
    keep_alive: bool
    length: int
    expects: bool
    _index: dict[bytes, bytes]

    def __init__(self, client: str = "") -> None:
        self.client = client
        self.context = None

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header, by its lower-cased name."""
        return self._index.get(name)


class HeadReader:
    """Reads complete request heads. Keeps nothing between calls, so one serves all connections of a loop."""

    __slots__ = ("_headers",)

    def __init__(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by llhttp for each field; it leaves the optional space after a value on it."""
        self._headers.append((name.lower(), value.rstrip(b" \t")))

    def read(self, head: bytes, request: RequestHead) -> None:
        """Fill `request` from `head`, the bytes up to and including the empty line. Raises `Refusal`."""
        parts = head[: head.find(b"\r\n")].split(b" ")
        try:
            method, target, version = parts
        except ValueError:
            raise Refusal(400, "The request line must be method, target and version, one space apart.") from None
        http_10 = _VERSIONS.get(version)
        if http_10 is None:
            raise _refuse_version(version)
        if method == b"CONNECT":
            raise Refusal(405, "CONNECT is not served here.")
        request.headers = headers = self._fields(head)
        request.http_10 = http_10
        request.method = _METHODS.get(method) or method.decode("ascii")
        if len(headers) > _MAX_FIELDS:
            raise Refusal(431, "The request head has too many fields.")
        index = dict(headers)
        if len(index) != len(headers):
            index = _index_of_doubles(headers)
        request._index = index  # pyright: ignore[reportPrivateUsage]  # the reader fills the record
        host = index.get(b"host")
        if host is None:
            if not http_10:
                raise Refusal(400, "HTTP/1.1 asks for a Host header.")
        elif _HOST.fullmatch(host) is None:
            raise Refusal(400, "The Host header is not a host with an optional port.")
        _take_target(request, target, host=host)
        request.length = _body_length(index, http_10=http_10)
        request.keep_alive = _keeps_alive(index.get(b"connection"), http_10=http_10)
        request.expects = b"expect" in index and _expects_continue(index[b"expect"], http_10=http_10)

    def _fields(self, head: bytes) -> list[tuple[bytes, bytes]]:
        # A parser for each head costs 0.14 µs and cannot be out of step with our own framing of the body.
        headers: list[tuple[bytes, bytes]] = []
        self._headers = headers
        try:
            httptools.HttpRequestParser(self).feed_data(head)
        except httptools.HttpParserUpgrade:
            pass  # "Upgrade" is an offer that a server may ignore, and we do
        except httptools.HttpParserInvalidMethodError as error:
            raise Refusal(501, "No such method.") from error
        except httptools.HttpParserError as error:
            raise Refusal(400, f"Malformed request head: {error}.") from error
        return headers


def check_unfinished(head: bytes | bytearray, start: int) -> None:
    """Refuse early what can never become a good head; `start` is how far earlier calls have looked.

    Without this a client that ends its lines with LF alone, or speaks TLS or HTTP/0.9, would wait for the timeout.
    """
    if head[0] not in _TOKEN_BYTES:
        raise Refusal(400, "That does not begin like an HTTP request.")
    if _STRAY.search(head, max(start - 1, 0)):
        raise Refusal(400, "Lines of a request head end with CR LF, and control characters have no place in it.")
    end = head.find(b"\r\n")
    if end >= 0 and start <= end + 1:
        line = _REQUEST_LINE.fullmatch(head, 0, end)
        if line is None:
            raise Refusal(400, "The request line must be method, target and version, one space apart.")
        if bytes(line[1]) not in _VERSIONS:
            raise _refuse_version(bytes(line[1]))


def refuse_length(head: bytes | bytearray) -> Refusal:
    """The refusal for a head above its limit: 414 when the first line alone is too long, else 431."""
    if b"\r\n" in head:
        return Refusal(431, "The request head is too long.")
    return Refusal(414, "The request target is too long.")


def _refuse_version(version: bytes) -> Refusal:
    if _OTHER_VERSION.fullmatch(version):
        return Refusal(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    return Refusal(400, "The request line does not end with an HTTP version.")


def _index_of_doubles(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    names = [name for name, _ in headers]
    for name in _ONCE:
        if names.count(name) > 1:
            raise Refusal(400, f"There is more than one {name.decode()} header.")
    index = dict(reversed(headers))
    if b"connection" in index:
        index[b"connection"] = b",".join(value for name, value in headers if name == b"connection")
    return index


def _take_target(request: RequestHead, raw: bytes, *, host: bytes | None) -> None:
    if not raw.isascii():
        raise Refusal(400, "The request target must be ASCII; other characters are percent-encoded.")
    target = raw.decode("ascii")
    if "#" in target or not target.isprintable():
        raise Refusal(400, "Fragments and control characters have no place in a request target.")
    if target[:1] != "/":
        target = _other_form(request.method, target, host=host)
    request.target = target
    path, _, query = target.partition("?")
    request.path = path
    request.query = query


def _other_form(method: str, target: str, *, host: bytes | None) -> str:
    if target == "*" and method == "OPTIONS":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise Refusal(400, "The request target must begin with a slash.")
    if host is None or absolute[1].lower() != host.decode("ascii").lower():
        raise Refusal(400, "The request target names another host than the Host header.")
    rest = absolute[2]
    return rest if rest.startswith("/") else "/" + rest


def _body_length(index: dict[bytes, bytes], *, http_10: bool) -> int:
    length = index.get(b"content-length")
    coding = index.get(b"transfer-encoding")
    if coding is None:
        if length is None:
            return 0
        if not length.isdigit() or len(length) > _MAX_LENGTH_DIGITS:
            raise Refusal(400, "Content-Length must be a plain decimal number.")
        return int(length)
    if length is not None:
        raise Refusal(400, "Content-Length and Transfer-Encoding exclude each other.")
    if http_10:
        raise Refusal(400, "HTTP/1.0 has no Transfer-Encoding.")
    if coding.lower() != b"chunked":
        raise Refusal(400, "The only Transfer-Encoding served is chunked.")
    return CHUNKED


def _keeps_alive(connection: bytes | None, *, http_10: bool) -> bool:
    if connection is None:
        return not http_10
    tokens = {token.strip() for token in connection.lower().split(b",")}
    if b"close" in tokens:
        return False
    return not http_10 or b"keep-alive" in tokens


def _expects_continue(value: bytes, *, http_10: bool) -> bool:
    if http_10:
        return False  # RFC 9110, 10.1.1: an expectation in an HTTP/1.0 request is ignored
    if value.lower() != b"100-continue":
        raise Refusal(417, "The only expectation served is 100-continue.")
    return True
