"""The wires that are served, by id. Knows which codec belongs to which wire; does not know when it is used."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Final, cast

from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, OPENAI_RESPONSES, Wire
from hostler.errors import Unsupported
from hostler.wire.codec import Codec, Counting, Embedding

_MODULES: Final[Mapping[Wire, str]] = {
    OPENAI_CHAT: "hostler.wire.openai_chat",
    ANTHROPIC: "hostler.wire.anthropic",
    OPENAI_RESPONSES: "hostler.wire.openai_responses",
    GEMINI: "hostler.wire.gemini",
    OLLAMA: "hostler.wire.ollama",
    DASHSCOPE: "hostler.wire.dashscope",
}
"""Loaded when they are first spoken: most processes never speak most of them, and start and memory are dear."""
_OTHERS: Final[Mapping[tuple[Wire, str], str]] = {(OLLAMA, "generate"): "generate"}
"""Operations with a codec of their own, and its name in the wire's package."""
SERVED: Final = frozenset(_MODULES)


@cache
def codec_of(wire: Wire, operation: str = "chat") -> Codec:
    """The codec of a wire, for one of its operations; raises Unsupported for a wire that is not served yet."""
    if wire not in _MODULES:
        raise Unsupported(f"The wire '{wire}' is not served yet.")
    package = import_module(_MODULES[wire])
    return cast("Codec", getattr(package, _OTHERS[wire, operation]) if (wire, operation) in _OTHERS else package)


def counting_of(wire: Wire) -> Counting:
    """The codec for counts of tokens in the shape of a wire that has one."""
    return cast("Counting", codec_of(wire))


@cache
def embedding_of(wire: Wire) -> Embedding:
    """The codec for embeddings in the shape of a wire."""
    own = wire in (GEMINI, OLLAMA)
    return cast("Embedding", import_module(_MODULES[wire] if own else "hostler.wire.openai_embeddings"))
