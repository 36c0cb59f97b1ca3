"""Looks at a JSON body that passes through: the model, whether it streams, and where to write another name.

Knows: the top-level fields `model` and `stream`. Does not know: anything else in a body, or any one wire.

The scan decides who is allowed what, and the upstream reads the body again by its own rules; so both must see the
same model. A duplicate key, however it is escaped, is refused, and a spliced body is looked at again.
"""

import re
from functools import lru_cache

import msgspec

from hostler.errors import WireError
from hostler.wire.fields import whole_json

_MODEL_KEY = re.compile(rb'"model"[ \t\r\n]*:[ \t\r\n]*')
_HEAD = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"model"[ \t\r\n]*:[ \t\r\n]*')
MAX_MODEL = 512
"""Characters of a model's name: it stands in headers, caches and the ledger, and clients must not grow those."""
_TAIL_BYTES = 2048
_FRONT_BYTES = 512
_BACKSLASH = 0x5C
LONGEST_LINE = 1 << 20
"""Bytes of a stream's line that wait for its end."""


class _Once:
    """A field's value; a type of ours, so that msgspec calls `_note` each time it meets the key, also a second time."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


class _Body(msgspec.Struct):
    model: _Once | msgspec.UnsetType = msgspec.UNSET
    stream: _Once | msgspec.UnsetType = msgspec.UNSET


class _Named(msgspec.Struct):
    model: object = None


_decode_named = msgspec.json.Decoder(_Named).decode


class BodyScanner:
    """Reads `model` and `stream` off a body in one pass of the JSON parser, without building the rest.

    One scanner per event loop: it keeps count of the keys that it met in the body at hand.
    """

    def __init__(self) -> None:
        self._met = 0
        self._decode = msgspec.json.Decoder(_Body, dec_hook=self._note).decode

    def scan(self, body: bytes) -> tuple[str | None, bool | None]:
        """The model asked for and whether a stream is wanted, None where the body does not say.

        Raises WireError (400) for what is no such body.
        """
        before = self._met
        try:
            decoded = self._decode(body)
        except msgspec.ValidationError as error:
            raise WireError(f"The body is not what was expected: {error}.") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WireError(f"The body is no valid JSON: {error}.") from None
        except RecursionError:
            raise WireError("The body is no JSON that anyone reads: it is nested too deeply.") from None
        model, stream = decoded.model, decoded.stream
        met = self._met - before
        if met == 1 and isinstance(model, _Once):  # no second one, and no `stream`
            name, flag = model.value, None
        else:
            name, flag = _values(model, stream, met=met)
        if not isinstance(name, str):
            if name is not None:
                raise WireError("model: must be a string.")
        elif len(name) > MAX_MODEL:
            raise WireError(f"model: must not be longer than {MAX_MODEL} characters.")
        return name, flag

    def splice_model(self, body: bytes, asked: str, name: str) -> bytes:  # signature: bytes.replace
        """The same body with `name` as its model, all other bytes as they were; `asked` is what `scan` found."""
        front, rest = self.splice(body, asked, name)
        return front + body[rest:]

    def splice(self, body: bytes, asked: str, name: str) -> tuple[bytes, int]:  # signature: bytes.replace
        """The spliced body as a new front and the place in the old body from which on it stays, which spares a copy.

        The result is scanned again, unless the first key made the place certain. Raises WireError for a body that turns
        out to be no JSON: the scan passes over what it does not look for.
        """
        begins = opening(asked)
        if body.startswith(begins):  # as most clients write it: first, and without spaces
            return opening(name), len(begins)
        with whole_json():
            return self._splice_searching(body, asked, name)

    def _splice_searching(self, body: bytes, asked: str, name: str) -> tuple[bytes, int]:  # signature: bytes.replace
        written = msgspec.json.encode(name)
        start = _find_value(body)
        if start is not None:
            end = _string_end(body, start)
            front = body[:start] + written
            if _HEAD.match(body) is not None and msgspec.json.decode(body[start:end]) == asked:
                return front, end
            if self._says(front + body[end:], name):
                return front, end
        return _rewrite(body, written), len(body)

    def _says(self, body: bytes, name: str) -> bool:
        try:
            return self.scan(body)[0] == name
        except WireError:
            return False

    def _note(self, _type: type, value: object) -> object:
        self._met += 1
        return _Once(value)


def _values(
    model: _Once | msgspec.UnsetType, stream: _Once | msgspec.UnsetType, *, met: int
) -> tuple[object, bool | None]:
    if met != (model is not msgspec.UNSET) + (stream is not msgspec.UNSET):
        raise WireError("The body has the top-level field 'model' or 'stream' twice.")
    flag = stream.value if isinstance(stream, _Once) else None
    if flag is not None and not isinstance(flag, bool):
        raise WireError("stream: must be true or false.")
    return model.value if isinstance(model, _Once) else None, flag


class Echo:
    """Writes the model name that the client asked for into replies, instead of the upstream's own.

    Nobody is authorised by a reply: a likely place is believed if it holds the found name and is seen to be the top
    level's. `usual` is the name that the upstream is likely to give.
    """

    __slots__ = ("_asked", "_field", "_usual", "_usual_field")

    def __init__(self, asked: str, usual: str) -> None:
        self._asked = asked
        self._field = _field(asked)
        self._usual = usual
        self._usual_field = _field(usual)

    def write(self, body: bytes, found: str) -> bytes:
        """The body with the asked name, where it has `found`; as it is where it turns out to be no JSON."""
        if found == self._usual:
            field = self._usual_field
        else:
            field = _field(found) if len(found) <= MAX_MODEL else b"\0"  # upstreams' names must not fill the memory
        at = body.find(field, 0, _FRONT_BYTES)
        if at >= 0 and body.count(b"{", 0, at) == 1:  # of the top level
            return b"%b%b%b" % (body[:at], self._field, body[at + len(field) :])
        try:
            return _echo_searching(body, found, self._asked)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return body


def _echo_searching(body: bytes, found: str, asked: str) -> bytes:  # signature: bytes.replace
    written = msgspec.json.encode(asked)
    start = _find_value(body)
    if start is not None:
        end = _string_end(body, start)
        if msgspec.json.decode(body[start:end]) == found:
            echoed = body[:start] + written + body[end:]
            if _decode_named(echoed).model == asked:  # it was the one of the top level
                return echoed
    return _rewrite(body, written)


@lru_cache(maxsize=1024)
def _field(name: str) -> bytes:
    """The `model` field as it is written without spaces."""
    return b'"model":' + msgspec.json.encode(name)


@lru_cache(maxsize=1024)
def opening(name: str) -> bytes:
    """A body's first bytes when `model` is its first field."""
    return b"{" + _field(name)


class StreamEcho:
    """The asked model id in the stream of an engine of ours, which names itself by its own id in every frame.

    Works on whole lines: what follows the last line end waits for its rest.
    """

    __slots__ = ("_asked", "_own", "_rest")

    def __init__(self, own: str, asked: str) -> None:
        self._own = _field(own)
        self._asked = _field(asked)
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Whole lines, with the name replaced; may be empty."""
        data = self._rest + data
        end = data.rfind(b"\n") + 1
        if len(data) - end > LONGEST_LINE:  # no frame of ours: it passes as it is
            end = len(data)
        self._rest = data[end:]
        return data[:end].replace(self._own, self._asked)

    def flush(self) -> bytes:
        """What was left without a line end."""
        rest, self._rest = self._rest, b""
        return rest


def _find_value(body: bytes) -> int | None:
    """Where the value of the likeliest `model` key begins: SDKs write it first or near the end."""
    found = _HEAD.match(body) or _MODEL_KEY.search(body, max(0, len(body) - _TAIL_BYTES)) or _MODEL_KEY.search(body)
    if found is None or body[found.end() : found.end() + 1] != b'"':
        return None
    return found.end()


def _string_end(body: bytes, start: int) -> int:
    """One past the closing quote of the string that opens at `start`."""
    at = start + 1
    while True:
        quote = body.index(b'"', at)
        backslashes = 0
        while body[quote - 1 - backslashes] == _BACKSLASH:
            backslashes += 1
        if backslashes % 2 == 0:
            return quote + 1
        at = quote + 1


def _rewrite(body: bytes, written: bytes) -> bytes:
    """The careful way: the top level is written anew, each value's bytes are kept."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    fields["model"] = msgspec.Raw(written)
    return msgspec.json.encode(fields)
