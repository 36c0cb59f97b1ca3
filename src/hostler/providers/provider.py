"""A provider: one endpoint that models are reached through, with everything that a request to it needs prebuilt.

Knows: paths and auth headers of the wires, what a vendor's row or a kind's row turns into. Does not know: the
providers file, model lists, sockets.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from shutil import which
from typing import Final, Literal, Protocol, cast
from urllib.parse import quote

from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.errors import ConfigError, ProviderNotReady
from hostler.providers.kinds import ENGINE, KINDS, VENDOR_KINDS, Kind
from hostler.providers.vendors import VENDORS, VERSIONS, AuthStyle, Listing, Runs, Side, Vendor
from hostler.system.address import Address, parse_base_url, split_url
from hostler.system.program import Program
from hostler.wire.codec import UpstreamCodec
from hostler.wire.codecs import codec_of
from hostler.wire.dialects import PLAIN, Dialect

Operation = Literal[
    "chat", "generate", "completions", "embeddings", "embedding", "rerank", "models", "count_tokens", "speech",
    "transcriptions", "translations", "images", "image_edits", "image_variations",
]  # fmt: skip
"""`generate` is the ollama wire's call for a prompt without roles, `embedding` the call for one text where a wire has
another for several."""
Header = tuple[bytes, bytes]
SETTINGS: Final = "[vendor_keys]"
KEYRING: Final = "keyring"
HEADERS: Final = "headers"
"""Where a key may come from, beside a variable."""

WIRE_VERSION: Final = b"2023-06-01"
"""Version header of the `anthropic` wire where neither client nor dialect names one: the newest that still takes
sampling parameters from every client."""

BINDING: Final = b"thinking-binding-controls-2026-08-01"
"""platform.claude.com/docs/en/build-with-claude/preserved-thinking: names what a request may say of bound thinking."""

_CHAT_PATHS: Final[Mapping[str, str]] = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "rerank": "/rerank",
    "models": "/models",
    "speech": "/audio/speech",
    "transcriptions": "/audio/transcriptions",
    "translations": "/audio/translations",
    "images": "/images/generations",
    "image_edits": "/images/edits",
    "image_variations": "/images/variations",
}
_MESSAGES_PATHS: Final[Mapping[str, str]] = {
    "chat": "/messages",
    "models": "/models",
    "count_tokens": "/messages/count_tokens",
}
_PATHS: Final[Mapping[Wire, Mapping[str, str]]] = {
    OPENAI_CHAT: _CHAT_PATHS,
    OPENAI_RESPONSES: {**_CHAT_PATHS, "chat": "/responses"},
    ANTHROPIC: _MESSAGES_PATHS,
    OLLAMA: {
        "chat": "/chat",
        "generate": "/generate",
        "embeddings": "/embed",
        "embedding": "/embeddings",
        "models": "/tags",
    },
    DASHSCOPE: {"chat": "/services/aigc/text-generation/generation"},
}
"""Behind the base URL and the wire's version segment."""
_MULTIMODAL: Final = re.compile(r"(?i)-vl|omni|audio|qvq|ocr|qwen3\.[5-9]")
"""The dashscope wire's models that another service of it answers, also when they are sent text alone."""
_GEMINI_ACTIONS: Final[Mapping[str, str]] = {
    "chat": "generateContent",
    "embeddings": "batchEmbedContents",
    "embedding": "embedContent",
    "count_tokens": "countTokens",
}
"""Behind the model's name in the path."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, of silence before a reply's first byte, of silence within it. 0: no limit."""

    connect_s: float = 10.0
    first_byte_s: float = 0.0
    idle_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a base URL leads: `prefix` stands before the version segment (None: the wire's own), `query` behind every
    path."""

    address: Address
    prefix: str = ""
    version: str | None = None
    query: str = ""


_DEPLOYMENT: Final = re.compile(r"/deployments/[^/]+$")
_QUERY: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/?-]+")


def read_base_url(url: str, kind: Kind) -> Endpoint:
    """Read a base URL of the providers file; raises ConfigError with the reason.

    Where the kind has deployments (learn.microsoft.com/azure/ai-foundry/openai/reference) a query is kept, the path of
    one deployment gets no version segment, and a host alone means its `/openai`.
    """
    if not kind.deployments:
        return Endpoint(*parse_base_url(url, kind.wire))
    plain, mark, query = url.partition("?")
    if mark and not _QUERY.fullmatch(query):
        raise ConfigError("the query holds characters that must be percent-encoded, or nothing")
    address, path = split_url(plain)
    path = path.removesuffix("/chat/completions")
    if _DEPLOYMENT.search(path):
        return Endpoint(address, path, "", query)
    address, prefix = parse_base_url(address.url + path, kind.wire)
    return Endpoint(address, prefix or "/openai", None, query)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One endpoint. For kind `engine` the address has port 0: the supervisor knows where the engine listens.

    `auth` is the header that carries the key, None where there is none; `headers` are sent with every request,
    `defaults` where the client sent none of that name; all names are lower case. `key_from` is where the key
    was (a variable's name, or one of the words above), `missing_key` names the variable that would hold it, None when
    nothing is missing. `unready` is why it cannot be used at all ("" when it can).
    `sides` are the
    same provider by the other wires that it speaks. `slots`: calls that it takes at once, 0: as many as come. Where a
    `program` answers, it lies at `program_path`, runs in `environment`, and the address is nowhere. Prebuilt: `host` is
    the `Host` header's value, `sent` the headers that every request carries (the key's first).
    """

    id: str
    label: str
    kind: str
    wire: Wire
    address: Address
    prefix: str = ""
    version: str | None = None
    query: str = ""
    auth: Header | None = field(default=None, repr=False)
    key_from: str = ""
    headers: tuple[Header, ...] = field(default=(), repr=False)
    defaults: tuple[Header, ...] = ()
    dialect: Dialect = PLAIN
    timeouts: Timeouts = Timeouts()
    local: bool = False
    tags: tuple[str, ...] = ()
    listing: Listing = "list"
    enabled: bool = True
    missing_key: str | None = None
    unready: str = ""
    sidecar: str = ""
    note: str = ""
    slots: int = 0
    program: Runs | None = None
    program_path: str = ""
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False, compare=False)
    sides: tuple["Provider", ...] = field(default=(), repr=False)
    paths: Mapping[str, str] = field(init=False, repr=False, compare=False)
    host: bytes = field(init=False, repr=False, compare=False)
    sent: tuple[Header, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # frozen: the three prebuilt fields can be set in no other way
        object.__setattr__(self, "paths", _paths(self))
        object.__setattr__(self, "host", self.address.authority.encode("ascii"))
        object.__setattr__(self, "sent", (self.auth, *self.headers) if self.auth else self.headers)

    def path(self, operation: Operation) -> str | None:
        """The request path of an operation; None where this provider has none.

        `count_tokens` is in the shape of the gemini and responses wires there, elsewhere in that of the `anthropic`
        wire, whatever the provider speaks otherwise.
        """
        return self.paths.get(operation)

    def call_path(self, operation: Operation, model: str, *, stream: bool) -> str:
        """The request path of a call of `model`; empty where this provider has none for the operation."""
        path = self.paths.get(operation, "")
        if self.wire == DASHSCOPE and _MULTIMODAL.search(model):
            return path.replace("text-generation", "multimodal-generation")
        if not path or self.names_in_body or self.program is not None:
            return path
        action = "streamGenerateContent?alt=sse" if stream and operation == "chat" else path
        return self.other_path(f"/models/{quote(model, safe='/')}:{action}")

    def side(self, operation: Operation, wire: Wire) -> "Provider":
        """This provider by the wire that suits an operation best: that of the face if it speaks it, else its main one.

        Where that cannot do the operation, one that can.
        """
        sides = (self, *self.sides)
        able = [side for side in sides if operation in side.paths]
        return next((side for side in able if side.wire == wire), able[0] if able else self)

    @property
    def names_in_body(self) -> bool:
        """Whether a request's body names the model; else its path does."""
        return self.wire != GEMINI

    def asks(self, model: str, *, stream: bool) -> bytes:
        """Header lines that a translated request needs: that a stream is wanted, on the wire whose body does not say
        it; that thinking which fits no more may be left out, on the wire that has this in a version of its own."""
        if self.wire == ANTHROPIC and self.dialect.of(model).bound_thinking:
            return b"anthropic-beta: %b\r\n" % BINDING
        return b"x-dashscope-sse: enable\r\n" if stream and self.wire == DASHSCOPE else b""

    def other_path(self, tail: str) -> str:
        """The request path of anything else on the wire: `/audio/speech` becomes `<prefix>/v1/audio/speech`."""
        version = VERSIONS[self.wire] if self.version is None else self.version
        return f"{self.prefix}{version}{tail}{'?' if self.query else ''}{self.query}"

    @property
    def codec(self) -> UpstreamCodec:
        """How it is spoken with."""
        return codec_of(self.wire) if self.program is None else _speaker(self.program.module)

    def run(self, model: str) -> Program:
        """What is run for one request, where a program answers."""
        assert self.program is not None
        return _speaker(self.program.module).program(self.program_path, model, environment=self.environment)

    @property
    def ours(self) -> bool:
        """Whether we start its servers ourselves, so that they know their models exactly."""
        return self.kind == ENGINE

    def refusal(self) -> ProviderNotReady | None:
        """Why no request may be sent to it now: switched off, no key; None when it is ready."""
        if not self.enabled:
            return ProviderNotReady(
                f"Provider '{self.id}' is switched off.", hint='Its entry in the providers file says "enabled": false.'
            )
        if self.unready:
            return ProviderNotReady(self.unready)
        if self.missing_key is not None:
            return ProviderNotReady(
                f"Provider '{self.id}' has no API key: the variable {self.missing_key} is not set.",
                hint=f"Set {self.missing_key}, or {self.id} under [vendor_keys] in settings.toml, or store it by "
                f"`hostler providers login {self.id}`.",
            )
        return None


class _Speaker(UpstreamCodec, Protocol):
    """A module that speaks with a program."""

    @staticmethod
    def program(path: str, model: str, *, environment: Mapping[str, str]) -> Program: ...


@cache
def _speaker(module: str) -> _Speaker:
    # lazy: most processes never run such a program
    return cast("_Speaker", import_module(module))


def _paths(provider: Provider) -> Mapping[str, str]:
    if provider.program is not None:
        return {"chat": provider.program.name}
    if not provider.names_in_body:
        return {**_GEMINI_ACTIONS, "models": provider.other_path("/models")}
    tails = _PATHS[provider.wire]
    paths = {operation: provider.other_path(tail) for operation, tail in tails.items()}
    if provider.dialect.counts_input and provider.wire == OPENAI_RESPONSES:
        paths["count_tokens"] = provider.other_path("/responses/input_tokens")
    if KINDS[provider.kind].counts_tokens:
        paths["count_tokens"] = provider.other_path(_MESSAGES_PATHS["count_tokens"])
    return paths


def auth_header(style: AuthStyle, key: str) -> Header:
    """The header that carries a key. The key must be plain printable ASCII: callers check."""
    if style == "bearer":
        return b"authorization", b"Bearer " + key.encode("ascii")
    return style.encode("ascii"), key.encode("ascii")


def is_key(key: str) -> bool:
    """Whether a key can stand in a header at all: a line break in it would forge headers."""
    return bool(key) and key.isascii() and key.isprintable() and " " not in key


def wire_defaults(wire: Wire, dialect: Dialect) -> tuple[Header, ...]:
    """Headers that a wire demands and a client may set itself."""
    if wire != ANTHROPIC:
        return ()
    return ((b"anthropic-version", dialect.api_version.encode("ascii") or WIRE_VERSION),)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where keys come from: the environment as read at start-up, and provider id -> key from settings and keyring.

    `keyring` names every id whose key lies there; a key that was not read yet is None, `trouble` says why it cannot be.
    """

    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    keys: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    keyring: Mapping[str, str | None] = field(default_factory=dict[str, str | None], repr=False)
    trouble: str = ""

    def find(self, provider_id: str, variables: tuple[str, ...]) -> tuple[str, str] | None:
        """The key of a provider, and where it was: the first variable that is set, else settings, else the keyring.

        Spaces and line ends around it are not part of it. Raises ProviderNotReady when it cannot stand in a header,
        and when it lies in the keyring alone and was not read there.
        """
        found = [(name, self.environment.get(name, "")) for name in variables]
        found.append((SETTINGS, self.keys.get(provider_id, "")))
        found.append((KEYRING, self.keyring.get(provider_id) or ""))
        for where, value in found:
            key = value.strip()
            if not key:
                continue
            if not is_key(key):
                raise ProviderNotReady(
                    f"The API key of provider '{provider_id}' ({where}) holds characters that no key may hold."
                )
            return key, where
        if self.keyring.get(provider_id, "") is None:
            raise ProviderNotReady(self.trouble or f"The key of provider '{provider_id}' is being read in the keyring.")
        return None


@dataclass(frozen=True, slots=True)
class KeyFound:
    """The header with a provider's key, where the key was, and why there is none that works ("": none was found)."""

    header: Header | None = None
    where: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a provider needs beside its row: keys and the limits that settings give."""

    credentials: Credentials = Credentials()
    timeouts: Timeouts = Timeouts()

    def key(self, provider_id: str, variables: tuple[str, ...], style: AuthStyle) -> KeyFound:
        """Look for a key in all places."""
        try:
            found = self.credentials.find(provider_id, variables)
        except ProviderNotReady as error:
            return KeyFound(problem=error.message)
        return KeyFound(auth_header(style, found[0]), found[1]) if found else KeyFound()


def from_vendor(vendor: Vendor, access: Access) -> Provider:
    """The provider that a vendor's row is, with or without a key."""
    if vendor.program is not None:
        return _by_program(vendor, vendor.program, access=access)
    main, *others = [_side(vendor, side, access=access) for side in (vendor.main, *vendor.also)]
    return replace(main, sides=tuple(others))


def _by_program(vendor: Vendor, program: Runs, *, access: Access) -> Provider:
    """It gets no key of another vendor: what it needs, it asks for by its own names."""
    environment = access.credentials.environment
    path = which(program.name, path=environment.get("PATH", ""))
    own = {name for row in VENDORS.values() if row.wire == vendor.wire for name in row.env}
    others = {name for row in VENDORS.values() for name in row.env} - own
    return Provider(
        id=vendor.id,
        label=vendor.label,
        kind=VENDOR_KINDS[vendor.wire],
        wire=vendor.wire,
        address=Address("127.0.0.1", 0),
        dialect=vendor.dialect,
        timeouts=access.timeouts,
        listing=vendor.listing,
        unready="" if path else f"The program '{program.name}' of provider '{vendor.id}' is not on PATH.",
        note=vendor.note,
        slots=program.slots,
        program=program,
        program_path=path or "",
        environment={name: value for name, value in environment.items() if name not in others},
    )


def _side(vendor: Vendor, side: Side, *, access: Access) -> Provider:
    address, prefix = parse_base_url(side.base_url, side.wire)
    key = access.key(vendor.id, vendor.env, side.auth)
    return Provider(
        id=vendor.id,
        label=vendor.label,
        kind=VENDOR_KINDS[side.wire],
        wire=side.wire,
        address=address,
        prefix=prefix,
        version=side.version,
        auth=key.header,
        key_from=key.where,
        defaults=wire_defaults(side.wire, side.dialect),
        dialect=side.dialect,
        timeouts=access.timeouts,
        listing=vendor.listing,
        missing_key=vendor.env[0] if key.header is None and not key.problem else None,
        unready=key.problem,
    )


def moved(provider: Provider, vendor: Vendor, *, side: Side) -> Provider:
    """A provider of the file that is a vendor's `side` at another address (a region, a proxy): as its row says.

    Where it is the vendor's main one, and the path is the row's own too, the other wires are beside it.
    """
    prefix, version = provider.prefix, side.version
    if version and prefix.endswith(version):
        provider = replace(provider, prefix=prefix.removesuffix(version))
    provider = replace(provider, version=version)
    if side != vendor.main or provider.prefix != parse_base_url(side.base_url, side.wire)[1]:
        return provider
    provider = replace(provider, listing=vendor.listing)
    return replace(provider, sides=tuple(_beside(provider, other) for other in vendor.also))


def _beside(provider: Provider, side: Side) -> Provider:
    """The same provider by another of its vendor's wires; its own headers and key are kept."""
    auth = provider.auth
    if auth is not None:
        auth = auth_header(side.auth, auth[1].removeprefix(b"Bearer ").decode("ascii"))
    named = {name for name, _ in provider.headers}
    return replace(
        provider,
        kind=VENDOR_KINDS[side.wire],
        wire=side.wire,
        prefix=parse_base_url(side.base_url, side.wire)[1],
        version=side.version,
        auth=auth,
        defaults=tuple(h for h in wire_defaults(side.wire, side.dialect) if h[0] not in named),
        dialect=side.dialect,
    )
