"""What the owner of a data folder and its gateway workers say to each other: one JSON array per line.

Knows: every message, and how errors keep their class across the socket. Does not know: sockets, who acts on a message.

    worker                                 owner
    Hello ------------------------------->
          <------------------------------- Welcome, Kept...
    Listening --------------------------->
    Take (lane, and its engine if ready) ->
          <------------------------------- Taken | Failed
    Hold (an engine that must start) ---->
          <------------------------------- Held | Failed
    Leave (nobody waits any more) ------->
    Release, GiveBack ------------------->
"""

from pathlib import Path
from typing import Final

import msgspec

from hostler import errors
from hostler.core.messages import Origin
from hostler.engines.engine import EngineEndpoint
from hostler.errors import EngineError, HostlerError
from hostler.registry.directory import NO_KEYRING, KeyringKeys
from hostler.routing.opaque import KeptReply
from hostler.settings import Settings


class Trouble(msgspec.Struct, frozen=True, array_like=True):
    """An error of the tree in `errors`; `kind` is its class."""

    kind: str
    message: str
    hint: str | None
    retry_after: float | None
    log_tail: tuple[str, ...] = ()


class Hello(msgspec.Struct, frozen=True, array_like=True, tag="hello"):
    """The worker's first word."""

    pid: int


class Listening(msgspec.Struct, frozen=True, array_like=True, tag="listening"):
    """The worker accepts connections."""


class GaveUp(msgspec.Struct, frozen=True, array_like=True, tag="gave-up"):
    """The worker cannot do its work and ends."""

    trouble: Trouble


class Said(msgspec.Struct, frozen=True, array_like=True, tag="said"):
    """A line for the log; `level` is one of logging's numbers."""

    level: int
    logger: str
    text: str


class Take(msgspec.Struct, frozen=True, array_like=True, tag="take"):
    """Ask for a slot of a lane, in the turn of `key`."""

    ask: int
    lane: str
    slots: int
    key: str


class Hold(msgspec.Struct, frozen=True, array_like=True, tag="hold"):
    """Ask for an engine that was not ready when its lane was granted."""

    ask: int
    model_id: str


class PostMortem(msgspec.Struct, frozen=True, array_like=True, tag="post-mortem"):
    """Ask whether and why an engine died; waits up to `within` seconds."""

    ask: int
    model_id: str
    within: float
    endpoint: EngineEndpoint | None


class Leave(msgspec.Struct, frozen=True, array_like=True, tag="leave"):
    """Nobody waits for this ask any more. If its grant is on the way, the worker gives it back."""

    ask: int


class Release(msgspec.Struct, frozen=True, array_like=True, tag="release"):
    """A call is over: its slot is free. `seconds`: how long it ran; None: it never did."""

    lane: str
    seconds: float | None


class GiveBack(msgspec.Struct, frozen=True, array_like=True, tag="give-back"):
    """A call no longer holds its engine."""

    model_id: str


class Kept(msgspec.Struct, frozen=True, array_like=True, tag="kept"):
    """A reply with opaque state, for the stores of all workers: its client may come back through another."""

    key_id: str
    origin: Origin
    anchor: str
    reply: KeptReply


class Welcome(msgspec.Struct, frozen=True, array_like=True, tag="welcome"):
    """All that a worker needs to begin; `providers` is the providers file's last good text, empty without one."""

    settings: Settings
    token: str
    port: int
    """The public port."""
    private_port: int
    """The owner's own, on loopback."""
    providers: bytes
    keyring: KeyringKeys = NO_KEYRING


class Providers(msgspec.Struct, frozen=True, array_like=True, tag="providers"):
    """The providers file has a new good text, or other keys lie in the keyring."""

    text: bytes
    keyring: KeyringKeys = NO_KEYRING


class Taken(msgspec.Struct, frozen=True, array_like=True, tag="taken"):
    """A slot is granted, and if the lane's engine is ready it is held too: `endpoint`."""

    ask: int
    lane: str
    endpoint: EngineEndpoint | None


class Held(msgspec.Struct, frozen=True, array_like=True, tag="held"):
    """The engine is ready and held."""

    ask: int
    model_id: str
    endpoint: EngineEndpoint


class Told(msgspec.Struct, frozen=True, array_like=True, tag="told"):
    """The post-mortem: None, the engine lives."""

    ask: int
    trouble: Trouble | None


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="failed"):
    """The ask is refused."""

    ask: int
    trouble: Trouble


FromWorker = Hello | Listening | GaveUp | Said | Take | Hold | PostMortem | Leave | Release | GiveBack | Kept
Grant = Taken | Held | Told
FromOwner = Welcome | Providers | Kept | Grant | Failed
Message = FromWorker | FromOwner


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"no way to write a {type(value).__name__}")


def _rich(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(f"no way to read a {kind.__name__}")


_encoder: Final = msgspec.json.Encoder(enc_hook=_plain)
_from_worker: Final = msgspec.json.Decoder(FromWorker)
_from_owner: Final = msgspec.json.Decoder(FromOwner, dec_hook=_rich)


def encode(message: Message) -> bytes:
    """The message as one line, without its newline."""
    return _encoder.encode(message)


def decode_from_worker(line: bytes) -> FromWorker:
    """Raises msgspec.MsgspecError."""
    return _from_worker.decode(line)


def decode_from_owner(line: bytes) -> FromOwner:
    """Raises msgspec.MsgspecError."""
    return _from_owner.decode(line)


def trouble_of(error: HostlerError) -> Trouble:
    """The error as it crosses the socket."""
    tail = error.log_tail if isinstance(error, EngineError) else ()
    return Trouble(type(error).__name__, error.message, error.hint, error.retry_after, tail)


def error_of(trouble: Trouble) -> HostlerError:
    """The error that crossed the socket, of the class that it had."""
    kind: object = getattr(errors, trouble.kind, None)
    if isinstance(kind, type) and issubclass(kind, EngineError):
        return kind(trouble.message, hint=trouble.hint, retry_after=trouble.retry_after, log_tail=trouble.log_tail)
    if not (isinstance(kind, type) and issubclass(kind, HostlerError)) or issubclass(kind, errors.UpstreamRefused):
        kind = HostlerError  # what a vendor refused has more to it, and never comes from lanes or engines
    return kind(trouble.message, hint=trouble.hint, retry_after=trouble.retry_after)
