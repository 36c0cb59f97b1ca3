"""The wires that are served, by id. Knows which codec belongs to which wire; does not know when it is used."""

from typing import cast

from hostler.core.wires import ANTHROPIC, OPENAI_CHAT, Wire
from hostler.errors import Unsupported
from hostler.wire import anthropic, openai_chat
from hostler.wire.codec import Codec

_CODECS: dict[Wire, Codec] = {OPENAI_CHAT: cast("Codec", openai_chat), ANTHROPIC: cast("Codec", anthropic)}


def codec_of(wire: Wire) -> Codec:
    """The codec of a wire; raises Unsupported for one that is not served yet."""
    try:
        return _CODECS[wire]
    except KeyError:
        raise Unsupported(f"The wire '{wire}' is not served yet.") from None
