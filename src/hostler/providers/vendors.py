"""Vendors as rows: everything that differs between hosted APIs before any code.

Knows: ids, base URLs, key variables, dialects, how models are listed. Does not know: kinds of servers, keys, sockets.
A new OpenAI-compatible vendor is one row of at most ten lines in `VENDORS`, and nothing anywhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.providers import model_rules
from hostler.wire.dialects import PLAIN, Dialect

AuthStyle = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key"]
"""The header that carries a key."""
Listing = Literal["none", "list", "cards", "props", "tags", "native", "resources"]
"""How models are found: the chat wire's list; a list with capability cards; the list plus a page of server
properties; tags with a page per model; a native list beside the wire's own; pages of resource names."""
VERSIONS: Final[Mapping[Wire, str]] = {
    OPENAI_CHAT: "/v1",
    OPENAI_RESPONSES: "/v1",
    ANTHROPIC: "/v1",
    GEMINI: "/v1beta",
    OLLAMA: "/api",
    DASHSCOPE: "/api/v1",
}
"""What stands between a base URL and the wire's own paths."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the wires that a vendor speaks without losing anything: bytes of that wire's clients pass through."""

    wire: Wire
    base_url: str
    auth: AuthStyle = "bearer"
    dialect: Dialect = PLAIN
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Runs:
    """A program that is run for each request: its name on PATH, the module that speaks with it, how many at once."""

    name: str
    module: str
    slots: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One hosted API. `env`: variables that may hold the key, the first one that is set counts.

    `wire` is the one that has most, `also` are others, `why` says what decided.

    `program`: it is reached by a program on this machine, which has the key, instead of by an address. `note`: what a
    person should know before using it.

    `version` stands between the base URL's path and the wire's operation; None: the wire's own.
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
    version: str | None = None
    also: tuple[Side, ...] = ()
    program: Runs | None = None
    note: str = ""
    why: str = "the chat wire is the only one it speaks"
    docs: str
    checked: str

    @property
    def main(self) -> Side:
        """Its preferred wire."""
        return Side(self.wire, self.base_url, auth=self.auth, dialect=self.dialect, version=self.version)


_OPENAI: Final = Dialect(
    forbidden=("top_k", "min_p"),
    efforts=("none", "minimal", "low", "medium", "high", "xhigh"),
    counts_input=True,
    models=model_rules.OPENAI,
)
_SIGNED: Final = Dialect(
    max_tokens_default=32_000,
    tool_result_media=True,
    mid_system=False,
    temperature_or_top_p=True,
    models=model_rules.CLAUDE,
)
"""The messages wire's own maker: every model on sale allows so many tokens, and the wire demands a limit."""
_MINIMAX: Final = replace(_SIGNED, adaptive_thinking=False, models=model_rules.MINIMAX)
_OLD_LIMIT: Final = Dialect(
    max_tokens_field="max_tokens",
    custom_tools=False,
    allowed_tools=False,
    forbidden=("top_k", "min_p"),
    reasoning_tags=("think",),
)
"""Most compatible hosts know the older name of the limit, and refuse sampling parameters that are not of the wire."""
_DEEPSEEK: Final = Dialect(
    max_tokens_field="max_tokens",
    custom_tools=False,
    allowed_tools=False,
    forbidden=("top_k", "min_p"),
    reasoning_back="tool-turns",
    thinking_as="switch",
    forced_tool_choice="without-thinking",
    json_schema=False,
    developer_role=False,
    efforts=("low", "medium", "high", "max"),
)
_DEEPSEEK_RESPONSES: Final = Dialect(efforts=("none", "low", "high", "max"), stores_responses=False)
"""Its Responses take schemas, keep nothing, and are documented without a version in the path."""
_MISTRAL: Final = Dialect(
    max_tokens_field="max_tokens",
    custom_tools=False,
    allowed_tools=False,
    forbidden=("top_k", "min_p", "user", "messages[].name"),
    renamed=(("seed", "random_seed"),),
    user_after_results=False,
    reasoning_back="always",
    reasoning_back_as="chunks",
    prefill="marked",
    tool_id_pattern="[A-Za-z0-9]{9}",
    developer_role=False,
    stream_usage=False,
)
"""It refuses fields that it does not know; streams always end with usage, and its seed has another name."""
_ROUTED: Final = Dialect(
    max_tokens_field="max_tokens",
    custom_tools=False,
    allowed_tools=False,
    reasoning_fields=("reasoning", "reasoning_details"),
    reasoning_back="always",
    thinking_as="object",
    cache_marks="cache_control",
)
"""It hands every maker's opaque blocks back to that maker."""
_FAST: Final = Dialect(
    custom_tools=False,
    allowed_tools=False,
    forbidden=("top_k", "min_p"),
    reasoning_fields=("reasoning",),
    reasoning_tags=("think",),
    efforts=("none", "low", "medium", "high"),
)
"""Hosts with chips of their own: the newer name of the limit, thinking in `reasoning`."""
_GROQ: Final = replace(_FAST, forbidden=(*_FAST.forbidden, "logprobs", "top_logprobs", "logit_bias", "messages[].name"))
"""What its page of compatibility (console.groq.com/docs/openai) names as refused."""
_HOST: Final = Dialect(
    max_tokens_field="max_tokens",
    custom_tools=False,
    allowed_tools=False,
    reasoning_tags=("think",),
    efforts=("none", "low", "medium", "high"),
)
"""Hosts of open models: the older name of the limit, and the samplers that such models have."""
_XAI: Final = Dialect(forbidden=("top_k", "min_p"), efforts=("none", "low", "medium", "high", "xhigh"))
_META: Final = Dialect(forbidden=("top_k", "min_p"), efforts=("minimal", "low", "medium", "high", "xhigh"))
"""Thinking cannot be switched off."""
_META_CHAT: Final = replace(
    _META, max_tokens_field="max_tokens", inline_refs=True, tool_choice=False, custom_tools=False, allowed_tools=False
)
"""It takes no choice of tools but the model's own."""
_QWEN_CHAT: Final = Dialect(
    max_tokens_field="max_tokens",
    custom_tools=False,
    allowed_tools=False,
    forbidden=("min_p",),
    thinking_as="flag",
    forced_tool_choice="without-thinking",
    inline_refs=True,
    strict_schemas=False,
    cache_marks="cache_control",
    audio_data_url=True,
    thinking_stream_only=True,
    models=model_rules.QWEN,
)
_QWEN: Final = Dialect(
    mid_system=False,
    thinking_stream_only=True,
    forced_tool_choice="without-thinking",
    models=model_rules.QWEN,
)
"""Its own wire wants system text at the beginning alone."""
_QWEN_KEYS: Final = ("DASHSCOPE_API_KEY", "QWEN_API_KEY", "ALIBABA_API_KEY")
_QWEN_RESPONSES: Final = "/api/v2/apps/protocols/compatible-mode/v1"
_HUB_KEYS: Final = (
    "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN", "HUGGINGFACE_API_KEY", "HUGGINGFACEHUB_API_TOKEN",
)  # fmt: skip
CHECKED: Final = "2026-11-20"
"""When the rows, and those of kinds, were last compared with what is published."""
VENDORS: Final[Mapping[str, Vendor]] = {
    row.id: row
    for row in (
        Vendor(
            id="openai",
            label="OpenAI",
            wire=OPENAI_RESPONSES,
            base_url="https://api.openai.com/v1",
            env=("OPENAI_API_KEY",),
            dialect=_OPENAI,
            also=(Side(wire=OPENAI_CHAT, base_url="https://api.openai.com/v1", dialect=_OPENAI),),
            why="only responses carry reasoning from turn to turn; chat is kept for chat clients",
            docs="https://platform.openai.com/docs/api-reference/responses",
            checked=CHECKED,
        ),
        Vendor(
            id="anthropic",
            label="Anthropic",
            wire=ANTHROPIC,
            base_url="https://api.anthropic.com",
            env=("ANTHROPIC_API_KEY", "CLAUDE_API_KEY"),
            auth="x-api-key",
            dialect=_SIGNED,
            listing="cards",
            why="its own wire; the compatible one loses thinking and caching",
            docs="https://platform.claude.com/docs/en/api/messages",
            checked=CHECKED,
        ),
        Vendor(
            id="gemini",
            label="Google Gemini",
            wire=GEMINI,
            base_url="https://generativelanguage.googleapis.com",
            env=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"),
            auth="x-goog-api-key",
            listing="resources",
            why="its own wire; the compatible one has no signatures, files or safety reasons",
            docs="https://ai.google.dev/api/generate-content",
            checked=CHECKED,
        ),
        Vendor(
            id="gemini-cli",
            label="Gemini CLI",
            wire=GEMINI,
            base_url="",
            env=(),
            listing="none",
            program=Runs("gemini", "hostler.providers.gemini_cli"),
            note="runs Google's own program under your log-in there; its terms say what that may be used for",
            why="for a log-in instead of a key; the program `gemini`, text alone",
            docs="https://geminicli.com/docs/resources/tos-privacy/",
            checked=CHECKED,
        ),
        Vendor(
            id="deepseek",
            label="DeepSeek",
            wire=OPENAI_CHAT,
            base_url="https://api.deepseek.com/v1",
            env=("DEEPSEEK_API_KEY",),
            dialect=_DEEPSEEK,
            also=(
                Side(
                    wire=OPENAI_RESPONSES, base_url="https://api.deepseek.com", dialect=_DEEPSEEK_RESPONSES, version=""
                ),
                Side(wire=ANTHROPIC, base_url="https://api.deepseek.com/anthropic", auth="x-api-key"),
            ),
            why="chat has its reasoning in the open, for every model; the others serve their own clients",
            docs="https://api-docs.deepseek.com",
            checked=CHECKED,
        ),
        Vendor(
            id="minimax",
            label="MiniMax",
            wire=ANTHROPIC,
            base_url="https://api.minimax.io/anthropic",
            env=("MINIMAX_API_KEY",),
            dialect=_MINIMAX,
            listing="cards",
            why="its chat wire hides thinking within the text",
            docs="https://platform.minimax.io/docs/api-reference/text-anthropic-api",
            checked=CHECKED,
        ),
        Vendor(
            id="minimax-cn",
            label="MiniMax (China)",
            wire=ANTHROPIC,
            base_url="https://api.minimaxi.com/anthropic",
            env=("MINIMAX_CN_API_KEY",),
            dialect=_MINIMAX,
            listing="cards",
            why="its chat wire hides thinking within the text",
            docs="https://platform.minimaxi.com/docs/api-reference/text-anthropic-api",
            checked=CHECKED,
        ),
        *(
            Vendor(
                id=id_,
                label=f"Qwen ({region})",
                wire=DASHSCOPE,
                base_url=f"https://{host}/api/v1",
                env=env,
                dialect=_QWEN,
                listing="none",
                also=(
                    Side(wire=OPENAI_CHAT, base_url=f"https://{host}/compatible-mode/v1", dialect=_QWEN_CHAT),
                    Side(wire=OPENAI_RESPONSES, base_url=f"https://{host}{_QWEN_RESPONSES}"),
                    Side(wire=ANTHROPIC, base_url=f"https://{host}/apps/anthropic"),
                ),
                why="its own wire has every parameter of thinking and caching; the others serve their own clients",
                docs="https://www.alibabacloud.com/help/en/model-studio/qwen-api-via-dashscope",
                checked=CHECKED,
            )
            for id_, region, host, env in (
                ("qwen", "international", "dashscope-intl.aliyuncs.com", _QWEN_KEYS),
                ("qwen-cn", "China", "dashscope.aliyuncs.com", ("DASHSCOPE_CN_API_KEY",)),
                ("qwen-us", "USA", "dashscope-us.aliyuncs.com", ("DASHSCOPE_US_API_KEY",)),
            )
        ),
        Vendor(
            id="xai",
            label="xAI",
            wire=OPENAI_RESPONSES,
            base_url="https://api.x.ai/v1",
            env=("XAI_API_KEY", "GROK_API_KEY"),
            dialect=_XAI,
            why="its chat wire is deprecated, and cannot carry encrypted reasoning",
            docs="https://docs.x.ai/developers/model-capabilities/text/best-practices",
            checked=CHECKED,
        ),
        Vendor(
            id="meta",
            label="Meta Model API",
            wire=OPENAI_RESPONSES,
            base_url="https://api.meta.ai/v1",
            env=("MODEL_API_KEY", "META_API_KEY", "META_MODEL_API_KEY"),
            dialect=_META,
            also=(
                Side(wire=OPENAI_CHAT, base_url="https://api.meta.ai/v1", dialect=_META_CHAT),
                Side(wire=ANTHROPIC, base_url="https://api.meta.ai"),
            ),
            why="only responses carry its encrypted reasoning",
            docs="https://dev.meta.ai/docs",
            checked=CHECKED,
        ),
        Vendor(
            id="llama",
            label="Llama API (legacy)",
            wire=OPENAI_CHAT,
            base_url="https://api.llama.com/compat/v1",
            env=("LLAMA_API_KEY",),
            dialect=_OLD_LIMIT,
            docs="https://llama.developer.meta.com/docs",
            checked=CHECKED,
        ),
        Vendor(
            id="mistral",
            label="Mistral",
            wire=OPENAI_CHAT,
            base_url="https://api.mistral.ai/v1",
            env=("MISTRAL_API_KEY",),
            dialect=_MISTRAL,
            docs="https://docs.mistral.ai/api",
            checked=CHECKED,
        ),
        Vendor(
            id="openrouter",
            label="OpenRouter",
            wire=OPENAI_CHAT,
            base_url="https://openrouter.ai/api/v1",
            env=("OPENROUTER_API_KEY", "OR_API_KEY"),
            dialect=_ROUTED,
            also=(
                Side(OPENAI_RESPONSES, "https://openrouter.ai/api/v1", dialect=Dialect(stores_responses=False)),
                Side(wire=ANTHROPIC, base_url="https://openrouter.ai/api"),
            ),
            why="its chat wire carries every maker's reasoning in one form; the others serve their own clients",
            docs="https://openrouter.ai/docs/api-reference",
            checked=CHECKED,
        ),
        Vendor(
            id="groq",
            label="Groq",
            wire=OPENAI_CHAT,
            base_url="https://api.groq.com/openai/v1",
            env=("GROQ_API_KEY",),
            dialect=_GROQ,
            docs="https://console.groq.com/docs/openai",
            checked=CHECKED,
        ),
        Vendor(
            id="together",
            label="Together AI",
            wire=OPENAI_CHAT,
            base_url="https://api.together.ai/v1",
            env=("TOGETHER_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHER_AI_TOKEN"),
            dialect=_HOST,
            docs="https://docs.together.ai/docs/inference/openai-compatibility",
            checked=CHECKED,
        ),
        Vendor(
            id="fireworks",
            label="Fireworks AI",
            wire=OPENAI_CHAT,
            base_url="https://api.fireworks.ai/inference/v1",
            env=("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
            dialect=_HOST,
            also=(Side(wire=ANTHROPIC, base_url="https://api.fireworks.ai/inference"),),
            why="its models' own chat; messages are served for their own clients",
            docs="https://docs.fireworks.ai/api-reference",
            checked=CHECKED,
        ),
        Vendor(
            id="cerebras",
            label="Cerebras",
            wire=OPENAI_CHAT,
            base_url="https://api.cerebras.ai/v1",
            env=("CEREBRAS_API_KEY",),
            dialect=_FAST,
            docs="https://inference-docs.cerebras.ai/api-reference",
            checked=CHECKED,
        ),
        Vendor(
            id="nvidia",
            label="NVIDIA",
            wire=OPENAI_CHAT,
            base_url="https://integrate.api.nvidia.com/v1",
            env=("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY", "NIM_API_KEY", "NGC_API_KEY"),
            dialect=_OLD_LIMIT,
            docs="https://docs.api.nvidia.com/nim/reference",
            checked=CHECKED,
        ),
        Vendor(
            id="huggingface",
            label="Hugging Face",
            wire=OPENAI_CHAT,
            base_url="https://router.huggingface.co/v1",
            env=("HF_TOKEN", *_HUB_KEYS),
            dialect=_OLD_LIMIT,
            docs="https://huggingface.co/docs/inference-providers",
            checked=CHECKED,
        ),
    )
}

OPEN_LISTS: Final = frozenset({"openrouter", "nvidia", "huggingface"})
"""Vendors whose list of models is open to everybody, so that it proves no key."""
