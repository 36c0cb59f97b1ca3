"""Tool call ids: as one dialect accepts them, and made for calls that have none. Knows digests; no wire's JSON."""

import hashlib
import re
from functools import lru_cache

from hostler.errors import ConfigError

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPES: tuple[tuple[str, int], ...] = (("call_", 24), ("", 24), ("", 16), ("", 9), ("", 8), ("", 6))
"""Prefix and length of the digests that are tried, the most telling first."""


class ToolIds:
    """Maps tool call ids that a dialect refuses to ones that match its `pattern`.

    An id's image depends on nothing but the id and the pattern, so that calls and results pair and stay paired
    over the turns of a conversation. `from_wire` turns back what this object has mapped.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._compiled = re.compile(pattern)
        self._mapped: dict[str, str] = {}

    def to_wire(self, id_: str) -> str:
        """`id_` itself where the pattern allows it. Raises ConfigError for a pattern that no digest matches."""
        if self._compiled.fullmatch(id_):
            return id_
        image = _image(id_, self._pattern)
        self._mapped[image] = id_
        return image

    def from_wire(self, id_: str) -> str:
        """The id that `to_wire` was given for `id_`; an id that was not mapped is its own origin."""
        return self._mapped.get(id_, id_)


def made_call_id(reply: str, slot: int, *, content: str = "") -> str:
    """The id of a call that came without one: the same for the same reply, and unlike any other of a conversation.

    `reply` is the reply's own id; where it has none, what the call says tells replies apart.
    """
    if not reply:
        reply = hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:16]
    return f"call_{reply.removeprefix('resp_').removeprefix('chatcmpl-')[-40:]}_{slot}"


@lru_cache(maxsize=4096)
def _image(id_: str, pattern: str) -> str:
    number = int.from_bytes(hashlib.sha256(id_.encode("utf-8", "surrogatepass")).digest(), "big")
    letters: list[str] = []
    while len(letters) < max(length for _, length in _SHAPES):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    digest = "".join(letters)
    for prefix, length in _SHAPES:
        image = prefix + digest[:length]
        if re.fullmatch(pattern, image):
            return image
    raise ConfigError(f"No tool call id of ours matches the pattern {pattern!r}.")
