"""Who may call: Host, Origin and key, decided on the request's head before its body is read.

Knows: invariant 12 of the design. Does not know: what is called.
"""

import hmac
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import parse_qs

from hostler.accounts.keys import Keys
from hostler.errors import ConfigError, Forbidden, Unauthorized
from hostler.settings import GatewaySettings
from hostler.system.http_server import Exchange

Headers = list[tuple[bytes, bytes]]
_KEY_HEADERS = (b"x-api-key", b"x-goog-api-key")
COOKIE = b"hostler_token"
"""How the cookie's name begins. The port follows: cookies know none, and two servers of one machine would overwrite
each other's."""
COOKIE_AGE = 365 * 24 * 3600
"""Seconds for which a browser keeps it."""
_OUR_SITES = (None, b"same-origin", b"none")
"""What a browser says of a request that our own page, or a person, made; None: a browser that does not say."""
_REMEMBERED = 256
"""Host values that are remembered as good; a client sends one."""
_PREFLIGHT_AGE = b"600"
MOST_FIELDS = 64
"""Fields of a query in which a key is looked for: taking thousands apart would keep the loop, for anyone who asks."""


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine only."""
    if host in ("localhost", ""):
        return host == "localhost"
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_binding(settings: GatewaySettings, *, has_keys: bool) -> None:
    """Refuse to listen beyond this machine without keys: anyone in reach could spend money and read answers."""
    if not is_loopback(settings.host) and not has_keys:
        raise ConfigError(
            f"refusing to listen on {settings.host}: it can be reached from other machines, and no key exists",
            hint="Make one with `hostler keys create NAME`, or set [gateway] keys in settings.toml.",
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the key's id, empty where none is asked for."""

    key_id: str


_NOBODY = Caller("")
_OWNER = Caller("owner")
"""Whoever holds the data folder's token: other commands of the same user."""


class Access:
    """Checks heads. Cheap on the hot path: good Host values are remembered, keys are one hash and one look-up."""

    def __init__(self, settings: GatewaySettings, keys: Keys, *, token: str) -> None:
        self._keys = keys
        self._token = token.encode()
        self._loopback = is_loopback(settings.host)
        self._secure = b"; Secure" if settings.tls_cert else b""
        self._hosts = {"localhost", *(h.lower() for h in settings.allowed_hosts)}
        if not self._loopback:
            # not getfqdn: it asks the network, and may take seconds
            name = socket.gethostname().lower()
            self._hosts |= {name, name.partition(".")[0], f"{name}.local"}
        self._origins = frozenset(o.rstrip("/").lower() for o in settings.allowed_origins)
        self._good_hosts: set[bytes] = set()

    def check_host(self, exchange: Exchange) -> None:
        """Refuse a Host that is not ours: a foreign name that points here is DNS rebinding."""
        value = exchange.header(b"host")
        if value is None or value in self._good_hosts:
            return
        name = _host_name(value)
        if not ("*" in self._hosts or name in self._hosts or self._is_our_address(name)):
            raise Forbidden(
                f"Host '{name}' is not served here.",
                hint="Add it to [gateway] allowed_hosts in settings.toml if it should be.",
            )
        if len(self._good_hosts) < _REMEMBERED:
            self._good_hosts.add(value)

    def check_origin(self, exchange: Exchange) -> Headers:
        """Refuse a page of a foreign origin; returns the CORS headers for one that is allowed."""
        value = exchange.header(b"origin")
        if value is None:
            return []
        origin = value.decode("latin-1").lower().rstrip("/")
        if origin in self._origins or "*" in self._origins:
            return [(b"access-control-allow-origin", value), (b"vary", b"origin")]
        if _is_own_origin(exchange):
            return []
        raise Forbidden(
            f"Origin '{origin}' may not call this gateway.",
            hint="Add it to [gateway] allowed_origins in settings.toml if it should.",
        )

    def preflight(self, exchange: Exchange) -> Headers:
        """The headers that answer a CORS preflight (its origin was checked before)."""
        asked = exchange.header(b"access-control-request-headers") or b"authorization, content-type"
        return [
            (b"access-control-allow-methods", b"GET, HEAD, POST, OPTIONS"),
            (b"access-control-allow-headers", asked),
            (b"access-control-max-age", _PREFLIGHT_AGE),
        ]

    def check_key(self, exchange: Exchange) -> Caller:
        """The caller; raises Unauthorized when a key is asked for and none, or an unknown one, was sent."""
        if not self._keys.required(loopback=self._loopback):
            return _NOBODY
        sent = _sent_key(exchange)
        if not sent:
            raise Unauthorized("An API key is required.", hint="Send it as 'Authorization: Bearer KEY' or 'x-api-key'.")
        record = self._keys.check(sent)
        if record is None and hmac.compare_digest(sent, self._token):
            return _OWNER
        if record is None:
            raise Unauthorized("This API key is unknown or revoked.")
        return Caller(record.id)

    def check_token(self, exchange: Exchange) -> None:
        """The control API takes the data folder's token only."""
        if not hmac.compare_digest(_sent_key(exchange), self._token):
            raise Unauthorized("The control API takes this data folder's token.", hint="See the file `token` in it.")

    def check_workbench(self, exchange: Exchange) -> None:
        """The workbench's API takes the data folder's token, as a key or in the cookie that the printed link gives.

        A cookie comes along without the page's doing, so with it the request must come from a page of ours: pages on
        other ports of this machine are of the same site for a browser, whatever SameSite says.
        """
        if hmac.compare_digest(_bearer(exchange), self._token):
            return
        if not any(hmac.compare_digest(value, self._token) for value in _cookies(exchange)):
            error = Unauthorized(
                "The workbench's API takes this data folder's token.",
                hint="Open the link that `hostler up` prints, or send 'Authorization: Bearer TOKEN'.",
            )
            error.code = "unauthorized"
            raise error
        own = exchange.header(b"origin") is None or _is_own_origin(exchange)
        if not own or exchange.header(b"sec-fetch-site") not in _OUR_SITES:
            raise Forbidden("Only pages of this server may use its cookie.", hint="Other programs send a Bearer token.")

    def open_link(self, exchange: Exchange) -> Headers | None:
        """The headers that turn the printed link's token into a cookie; None for a link without it or a wrong one."""
        if "token=" not in exchange.query:
            return None
        if not hmac.compare_digest(_field(exchange.query, "token"), self._token):
            return None
        value = b"%b=%b; HttpOnly; SameSite=Strict; Path=/; Max-Age=%d%b"
        return [(b"set-cookie", value % (_cookie_name(exchange), self._token, COOKIE_AGE, self._secure))]

    def _is_our_address(self, name: str) -> bool:
        """IP literals cannot be rebound; on loopback only loopback ones make sense."""
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self._loopback


def _sent_key(exchange: Exchange) -> bytes:
    """The key in whichever place a client puts it."""
    bearer = _bearer(exchange)
    if bearer:
        return bearer
    for name in _KEY_HEADERS:
        value = exchange.header(name)
        if value is not None:
            return value.strip()
    return _field(exchange.query, "key") if "key=" in exchange.query else b""


def _bearer(exchange: Exchange) -> bytes:
    value = exchange.header(b"authorization")
    return value[7:].strip() if value is not None and value[:7].lower() == b"bearer " else b""


def _field(query: str, name: str) -> bytes:
    """One field of a query; empty where there is none, or too many to look through."""
    try:
        return parse_qs(query, max_num_fields=MOST_FIELDS).get(name, [""])[0].encode()
    except ValueError:
        return b""


def _cookie_name(exchange: Exchange) -> bytes:
    """The cookie's name for the port that the browser calls."""
    host = (exchange.header(b"host") or b"").rpartition(b"]")[2]  # without the colons of an IPv6 address
    port = host.partition(b":")[2]
    return COOKIE + b"_" + port if port.isdigit() else COOKIE


def _cookies(exchange: Exchange) -> list[bytes]:
    """The values sent for cookies of ours: a browser sends those of all ports, and of a server that changed its own."""
    pairs = (
        part.partition(b"=") for name, field in exchange.headers if name == b"cookie" for part in field.split(b";")
    )
    return [value.strip() for name, _, value in pairs if name.strip().startswith(COOKIE)][:MOST_FIELDS]


def _is_own_origin(exchange: Exchange) -> bool:
    """Whether the request's Origin is the address that it was sent to."""
    origin = (exchange.header(b"origin") or b"").decode("latin-1").lower().rstrip("/")
    host = (exchange.header(b"host") or b"").decode("latin-1").lower()
    return origin in (f"http://{host}", f"https://{host}")


def _host_name(value: bytes) -> str:
    """The name or address in a Host value, without its port and brackets."""
    text = value.decode("latin-1").strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]
