"""JSON of long records for a thread beside a loop: written in slices, between which the loop gets its turn.

Knows: what one call of C must not do at once, how a thread lets others on. Does not know: any record.

Such a call keeps the interpreter's lock, and a loop that wants it waits for the end of the call; a thread that goes
from one call to the next gives the lock up only after 5 ms. So a text of megabytes goes slice by slice.
"""

import re
import time
from collections.abc import Mapping
from typing import Final, cast

import msgspec
from msgspec import UNSET, Raw

SLICE: Final = 64 << 10
"""Characters of one slice: a tenth of a millisecond."""
_STEPS: Final = 500
_PAUSE_S: Final = 5e-5

_ESCAPE: Final = 12
"""Bytes of the longest escape: two surrogates."""
_WHOLE: Final = re.compile(rb"[^\\]{12}(?![\x80-\xbf])")
_decode: Final = msgspec.json.Decoder(str).decode
_encode: Final = msgspec.json.Encoder().encode


def give_way() -> None:
    """Let other threads on that wait for the interpreter; a sleep of nothing would take it back before they woke."""
    time.sleep(_PAUSE_S)  # noqa: TID251  # nothing is waited for: who waits for the lock needs the time to take it


def encode_long(value: object) -> bytes:
    """As `msgspec.json.encode`, for records that may be long."""
    told = sliced(value)
    give_way()
    return _encode(told)


def sliced(value: object) -> object:
    """The same for `msgspec.json.encode`, long texts written already; the value itself where there are none."""
    return _Slicer().of(value)


def decode_long_text(raw: Raw) -> str:
    """A string of JSON. Raises msgspec.DecodeError when it is something else."""
    json = memoryview(raw)[1:-1]
    pieces: list[str] = []
    at = 0
    while at < len(json):
        end = _cut(json, at + SLICE)
        pieces.append(_decode(b'"%b"' % json[at:end]))
        at = end
        give_way()
    return "".join(pieces)


def _cut(json: memoryview, at: int) -> int:
    """The next place, from `at` on, that is within no character and within no escape, however written."""
    while at < len(json):
        found = _WHOLE.search(json[at - _ESCAPE : at + SLICE])
        if found:
            return at - _ESCAPE + found.end()
        at += SLICE
    return len(json)


class _Slicer:
    __slots__ = ("_steps",)

    def __init__(self) -> None:
        self._steps = 0

    def of(self, value: object) -> object:
        if isinstance(value, str):
            return value if len(value) <= SLICE else self._text(value)
        self._step()
        if isinstance(value, msgspec.Struct):
            return self._struct(value)
        if isinstance(value, tuple | list):
            return self._sequence(cast("tuple[object, ...] | list[object]", value))
        if isinstance(value, dict):
            return self._members(cast("Mapping[object, object]", value))
        return value

    def _struct(self, value: msgspec.Struct) -> object:
        names = value.__struct_fields__
        before = [getattr(value, name) for name in names]
        after = [self.of(each) for each in before]
        if all(one is other for one, other in zip(before, after, strict=True)):
            return value
        config = value.__struct_config__
        told: dict[str, object] = {config.tag_field: config.tag} if config.tag_field else {}
        pairs = zip(value.__struct_encode_fields__, after, strict=True)
        return told | {name: each for name, each in pairs if each is not UNSET}

    def _members(self, value: Mapping[object, object]) -> object:
        after = {key: self.of(each) for key, each in value.items()}
        return value if all(after[key] is each for key, each in value.items()) else after

    def _sequence(self, value: "tuple[object, ...] | list[object]") -> object:
        after = [self.of(each) for each in value]
        return value if all(one is other for one, other in zip(value, after, strict=True)) else after

    def _text(self, text: str) -> Raw:
        pieces: list[bytes] = [b'"']
        for at in range(0, len(text), SLICE):
            pieces.append(_encode(text[at : at + SLICE])[1:-1])
            give_way()
        pieces.append(b'"')
        written = Raw(b"".join(pieces))
        give_way()
        return written

    def _step(self) -> None:
        self._steps += 1
        if self._steps % _STEPS == 0:
            give_way()
