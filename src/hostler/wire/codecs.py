"""The wires that are served, by id. Knows which codec belongs to which wire; does not know when it is used."""

from importlib import import_module
from typing import cast

from hostler.core.wires import ANTHROPIC, OPENAI_CHAT, Wire
from hostler.errors import Unsupported
from hostler.wire import anthropic, openai_chat
from hostler.wire.codec import Codec

_CODECS: dict[Wire, Codec] = {OPENAI_CHAT: cast("Codec", openai_chat), ANTHROPIC: cast("Codec", anthropic)}
_MODULES: dict[Wire, str] = {}
"""The wires that are loaded when they are first spoken: most processes never do, and start and memory are dear."""


def codec_of(wire: Wire) -> Codec:
    """The codec of a wire; raises Unsupported for one that is not served yet."""
    codec = _CODECS.get(wire)
    if codec is None:
        if wire not in _MODULES:
            raise Unsupported(f"The wire '{wire}' is not served yet.")
        codec = _CODECS[wire] = cast("Codec", import_module(_MODULES[wire]))
    return codec
