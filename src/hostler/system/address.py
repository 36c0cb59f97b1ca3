"""Where a server listens: host, port, TLS; and how a base URL is read into that.

Knows: URLs, default ports, the version segment that each wire's paths start with. Does not know: sockets, vendors.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.errors import ConfigError

VERSION_SEGMENTS: Final[Mapping[Wire, tuple[str, ...]]] = {
    OPENAI_CHAT: ("/v1",),
    OPENAI_RESPONSES: ("/v1",),
    ANTHROPIC: ("/v1",),
    GEMINI: ("/v1beta", "/v1"),
    OLLAMA: ("/api", "/v1"),
    DASHSCOPE: ("/api/v1", "/api"),
}
"""What a base URL of that wire may or may not end with, meaning the same; the longest is tried first."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")
_PATH: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")


@dataclass(frozen=True, slots=True)
class Address:
    """One listening socket. `host` is a name or a bare IP address (IPv6 without brackets)."""

    host: str
    port: int
    tls: bool = False

    @property
    def authority(self) -> str:
        """`host[:port]` as it stands in a `Host` header: brackets for IPv6, no port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """`scheme://host[:port]`, for people and for HTTP clients."""
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    def __str__(self) -> str:
        return self.url


def parse_base_url(url: str, wire: Wire) -> tuple[Address, str]:
    """Read a base URL into an address and the path prefix that stands before the wire's own paths.

    The wire's version segment at the end (`/v1`, `/v1beta`, `/api`) is taken off, any other path is kept.
    Raises ConfigError with the reason, without a place: the caller knows where the URL stood.
    """
    address, path = split_url(url)
    for segment in VERSION_SEGMENTS[wire]:
        if path == segment or path.endswith(segment):
            return address, path.removesuffix(segment)
    return address, path


def split_url(url: str) -> tuple[Address, str]:
    """An http(s) URL as address and path (no slash at its end). Refuses user names, queries and fragments."""
    if any(c <= " " or c == "\x7f" for c in url):
        raise ConfigError("a URL holds no spaces or control characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"'{url}' is no URL: {error}") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise ConfigError(f"'{url}' must start with http:// or https://")
    _refuse_extras(url, parts)
    if port == 0:
        raise ConfigError(f"'{url}': port 0 cannot be called")
    if not _PATH.fullmatch(parts.path):
        raise ConfigError(f"'{url}': the path holds characters that must be percent-encoded")
    host = _host(url, parts)
    return Address(host, port or _DEFAULT_PORTS[parts.scheme], parts.scheme == "https"), parts.path.rstrip("/")


def _refuse_extras(url: str, parts: SplitResult) -> None:
    if "@" in parts.netloc:
        # Never shown: what stands before the @ may be a password.
        raise ConfigError("a URL holds no user name or password; name the key's variable in apiKeyEnv")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise ConfigError(f"'{url}': a base URL holds no query and no fragment")


def _host(url: str, parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        try:
            if "%" in host:
                raise ValueError("a zone means something on one machine only")
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            raise ConfigError(f"'{url}': '{host}' is no IPv6 address") from None
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise ConfigError(f"'{url}': '{host}' is no host name") from None
    if not _HOST.fullmatch(host):
        raise ConfigError(f"'{url}' names no host")
    return host
