"""Vendors and kinds as rows: everything that differs between hosted APIs, and between local servers, before any code.

Knows: ids, base URLs, key variables, dialects, ports, how models are listed. Does not know: keys, files, sockets.
A new OpenAI-compatible vendor is one row of at most ten lines in `VENDORS`, and nothing anywhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.wire.dialects import PLAIN, Dialect

AuthStyle = Literal["bearer", "x-api-key"]
Listing = Literal["none", "list", "cards", "props", "tags", "native"]
"""How models are found: the chat wire's list; a list with capability cards; the list plus a page of server
properties; tags with a page per model; a native list beside the wire's own."""
Loading = Literal["none", "keep_alive", "upstream", "instances", "router"]
"""How a server is told to load a model: not at all; by a request without a prompt; by a request to the model's own
server behind it; by a call that makes an instance; by a call that names the model."""

HERE: Final = "here"
"""The built-in provider: engines that we start on this machine."""
ENGINE: Final = "engine"
"""The kind whose servers are ours to start."""
LEGACY_KIND: Final = "llama.cpp"
"""What an old single-URL set-up is read as: its server lists models, and its properties are optional."""
VERSIONS: Final[Mapping[Wire, str]] = {
    OPENAI_CHAT: "/v1",
    OPENAI_RESPONSES: "/v1",
    ANTHROPIC: "/v1",
    GEMINI: "/v1beta",
    OLLAMA: "/api",
    DASHSCOPE: "/api/v1",
}
"""What stands between a base URL and the wire's own paths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One hosted API. `env`: variables that may hold the key, the first one that is set counts.

    `version` stands between the base URL's path and the wire's operation; empty: the wire's own.
    `checked`: when the row was last compared with `docs`.
    """

    id: str
    label: str
    wire: Wire
    base_url: str
    env: tuple[str, ...]
    auth: AuthStyle = "bearer"
    dialect: Dialect = PLAIN
    listing: Listing = "list"
    version: str = ""
    docs: str
    checked: str


_OPENAI: Final = Dialect(forbidden=("top_k", "min_p"), efforts=("none", "minimal", "low", "medium", "high", "xhigh"))
VENDORS: Final[Mapping[str, Vendor]] = {
    row.id: row
    for row in (
        Vendor(
            id="openai",
            label="OpenAI",
            wire=OPENAI_CHAT,
            base_url="https://api.openai.com/v1",
            env=("OPENAI_API_KEY",),
            dialect=_OPENAI,
            docs="https://platform.openai.com/docs/api-reference/chat",
            checked="2026-11-20",
        ),
        Vendor(
            id="anthropic",
            label="Anthropic",
            wire=ANTHROPIC,
            base_url="https://api.anthropic.com",
            env=("ANTHROPIC_API_KEY",),
            auth="x-api-key",
            # every model on sale allows this much; the wire demands a limit
            dialect=Dialect(max_tokens_default=32_000, tool_result_media=True),
            listing="cards",
            docs="https://platform.claude.com/docs/en/api/messages",
            checked="2026-11-20",
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a `kind` in the providers file stands for.

    `wire` is what we speak to it; `paths` whose version segments its base URL may end with. `port` is the usual one.
    `served` is false while its wire does not exist here yet. `counts_tokens`: the server counts tokens at the
    `anthropic` wire's path and in its shape, whatever wire it is otherwise spoken to in.
    """

    id: str
    label: str
    wire: Wire = OPENAI_CHAT
    paths: Wire | None = None
    auth: AuthStyle = "bearer"
    dialect: Dialect = PLAIN
    port: int | None = None
    listing: Listing = "list"
    local: bool = False
    served: bool = True
    counts_tokens: bool = False
    loading: Loading = "none"

    @property
    def url_wire(self) -> Wire:
        """The wire whose version segment a base URL may carry."""
        return self.paths or self.wire


_SERVER: Final = Dialect(max_tokens_field="max_tokens", developer_role=False, mid_system=False)
"""Servers of open models: the older name of the limit works everywhere, chat templates know few roles."""
_LLAMA_CPP: Final = Dialect(
    max_tokens_field="max_tokens", developer_role=False, mid_system=False, named_tool_choice=False
)
_OLLAMA: Final = Dialect(
    max_tokens_field="max_tokens",
    developer_role=False,
    mid_system=False,
    reasoning_fields=("reasoning", "reasoning_content"),
    named_tool_choice=False,
    tool_choice=False,
    parallel_tool_calls=False,
)
_VLLM: Final = Dialect(
    max_tokens_field="max_tokens",
    developer_role=False,
    mid_system=False,
    reasoning_fields=("reasoning", "reasoning_content"),
)
_MLX: Final = Dialect(
    max_tokens_field="max_tokens",
    developer_role=False,
    mid_system=False,
    named_tool_choice=False,
    tool_choice=False,
    parallel_tool_calls=False,
    json_schema=False,
)

KINDS: Final[Mapping[str, Kind]] = {
    row.id: row
    for row in (
        Kind(id="openai-compatible", label="OpenAI-compatible", dialect=Dialect(max_tokens_field="max_tokens")),
        Kind(id="openai-responses", label="OpenAI Responses", wire=OPENAI_RESPONSES, served=False),
        Kind(
            id="anthropic",
            label="Anthropic-compatible",
            wire=ANTHROPIC,
            auth="x-api-key",
            dialect=VENDORS["anthropic"].dialect,
            listing="cards",
        ),
        Kind(id="gemini", label="Gemini", wire=GEMINI, listing="none", served=False),
        Kind(
            id="ollama",
            label="Ollama",
            # its own wire comes later; until then its OpenAI-compatible side serves
            paths=OLLAMA,
            dialect=_OLLAMA,
            port=11434,
            listing="tags",
            local=True,
            loading="keep_alive",
        ),
        Kind(id="dashscope", label="DashScope", wire=DASHSCOPE, listing="none", served=False),
        Kind(
            id="llama.cpp",
            label="llama.cpp server",
            dialect=_LLAMA_CPP,
            port=8080,
            listing="props",
            local=True,
            counts_tokens=True,
            loading="router",
        ),
        Kind(id="llama-swap", label="llama-swap", dialect=_LLAMA_CPP, port=8080, local=True, loading="upstream"),
        Kind(id="vllm", label="vLLM", dialect=_VLLM, port=8000, local=True),
        Kind(
            id="lmstudio",
            label="LM Studio",
            dialect=_LLAMA_CPP,
            port=1234,
            listing="native",
            local=True,
            loading="instances",
        ),
        Kind(id="mlx", label="MLX server", dialect=_MLX, port=8080, local=True),
        Kind(id="sglang", label="SGLang", dialect=_SERVER, port=30000, local=True),
        Kind(id="tabbyapi", label="TabbyAPI", dialect=_LLAMA_CPP, port=5000, local=True),
        Kind(id="localai", label="LocalAI", dialect=_SERVER, port=8080, local=True),
        Kind(
            id=ENGINE, label="Engines started here", dialect=_LLAMA_CPP, listing="none", local=True, counts_tokens=True
        ),
    )
}

VENDOR_KINDS: Final[Mapping[Wire, str]] = {
    OPENAI_CHAT: "openai-compatible",
    OPENAI_RESPONSES: "openai-responses",
    ANTHROPIC: "anthropic",
    GEMINI: "gemini",
    OLLAMA: "ollama",
    DASHSCOPE: "dashscope",
}
"""The kind that a vendor's row counts as, by its wire."""
