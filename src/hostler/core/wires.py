"""The ids of the published wire formats. Knows their names; does not know their contents (floor wire)."""

from typing import Final, Literal

Wire = Literal["openai-chat", "openai-responses", "anthropic", "gemini", "ollama", "dashscope"]

OPENAI_CHAT: Final = "openai-chat"
OPENAI_RESPONSES: Final = "openai-responses"
ANTHROPIC: Final = "anthropic"
GEMINI: Final = "gemini"
OLLAMA: Final = "ollama"
DASHSCOPE: Final = "dashscope"

WIRES: Final[tuple[Wire, ...]] = (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC, GEMINI, OLLAMA, DASHSCOPE)
