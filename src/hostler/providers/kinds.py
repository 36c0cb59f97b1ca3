"""Kinds of servers as rows: what a `kind` in the providers file stands for, before any code.

Knows: wires, usual ports, dialects, how models are listed and loaded. Does not know: keys, files, sockets, addresses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.providers.vendors import VENDORS, AuthStyle, Listing, Side, Vendor
from hostler.wire.dialects import PLAIN, Dialect

Loading = Literal["none", "keep_alive", "upstream", "instances", "router"]
"""How a server is told to load a model: not at all; by a request without a prompt; by a request to the model's own
server behind it; by a call that makes an instance; by a call that names the model."""


HERE: Final = "here"
"""The built-in provider: engines that we start on this machine."""
ENGINE: Final = "engine"
"""The kind whose servers are ours to start."""
LEGACY_KIND: Final = "llama.cpp"
"""What an old single-URL set-up is read as: its server lists models, and its properties are optional."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a `kind` in the providers file stands for.

    `wire` is what we speak to it, `port` the usual one.
    `deployments`: a base URL may lead to one deployment, by `/deployments/NAME` and a query with the API's version.
    `counts_tokens`: the server counts tokens at the `anthropic` wire's path and in its shape, whatever wire it is
    otherwise spoken to in.
    """

    id: str
    label: str
    wire: Wire = OPENAI_CHAT
    auth: AuthStyle = "bearer"
    dialect: Dialect = PLAIN
    port: int | None = None
    listing: Listing = "list"
    local: bool = False
    counts_tokens: bool = False
    loading: Loading = "none"
    deployments: bool = False


_SERVER: Final = Dialect(
    max_tokens_field="max_tokens",
    custom_tools=False,
    allowed_tools=False,
    developer_role=False,
    mid_system=False,
    strict_schemas=False,
    thinking_as="template",
    reasoning_tags=("think",),
)
"""Servers of open models: the older name of the limit works everywhere, chat templates know few roles."""
_COMPATIBLE: Final = Dialect(
    max_tokens_field="max_tokens", custom_tools=False, allowed_tools=False, reasoning_tags=("think",)
)
_LLAMA_CPP: Final = replace(_SERVER, named_tool_choice=False)
_VLLM: Final = replace(_SERVER, reasoning_fields=("reasoning", "reasoning_content"))
_MLX: Final = replace(_SERVER, named_tool_choice=False, tool_choice=False, parallel_tool_calls=False, json_schema=False)

KINDS: Final[Mapping[str, Kind]] = {
    row.id: row
    for row in (
        Kind(id="openai-compatible", label="OpenAI-compatible", dialect=_COMPATIBLE),
        Kind(id="openai-responses", label="OpenAI Responses", wire=OPENAI_RESPONSES),
        Kind(
            id="anthropic",
            label="Anthropic-compatible",
            wire=ANTHROPIC,
            auth="x-api-key",
            dialect=VENDORS["anthropic"].dialect,
            listing="cards",
        ),
        Kind(id="gemini", label="Gemini", wire=GEMINI, auth="x-goog-api-key", listing="resources"),
        Kind(
            id="ollama",
            label="Ollama",
            wire=OLLAMA,
            dialect=Dialect(custom_tools=False, allowed_tools=False, reasoning_tags=("think",), usual_ctx=4096),
            port=11434,
            listing="tags",
            local=True,
            loading="keep_alive",
        ),
        Kind(id="dashscope", label="DashScope", wire=DASHSCOPE, dialect=VENDORS["qwen"].dialect, listing="none"),
        Kind(
            id="azure",
            label="Azure OpenAI",
            wire=OPENAI_CHAT,
            auth="api-key",
            dialect=VENDORS["openai"].dialect,
            deployments=True,
        ),
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


def row_of(provider_id: str, kind: str) -> tuple[Vendor, Side] | None:
    """The vendor that an entry of the providers file means by its id, and the side that is of the entry's kind."""
    vendor = VENDORS.get(provider_id)
    if vendor is None or vendor.program is not None:
        return None
    side = next((side for side in (vendor.main, *vendor.also) if VENDOR_KINDS[side.wire] == kind), None)
    return None if side is None else (vendor, side)
