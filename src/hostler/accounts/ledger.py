"""The ledger's lines: what a request leaves in the journal as it happens, at under a microsecond per line.

Knows: the three kinds of line and their form in the journal. Does not know the tables (ledger_fold) and their
questions (ledger_queries). Every process that serves requests has one `Ledger` on a journal of its own.
"""

from typing import Annotated, Final, Literal

import msgspec

from hostler.system.journal import Journal

Outcome = Literal["ok", "error", "refused", "cancelled", "interrupted"]
"""How a request or an attempt ended; `interrupted`: with the process that served it (never written by a caller)."""


DAMAGE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What reading a damaged line raises."""

Number = Annotated[int, msgspec.Meta(ge=-(1 << 61), le=1 << 61)]
"""What a table can hold, sums too; a line with more in it is damaged, and must not stop those behind it."""


class CallKind(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What many calls have in common, so that it is encoded once and stored once."""

    face: str
    operation: str
    model: str
    """The model id that it goes to, by whatever name it was asked for."""
    provider: str
    upstream: str
    """The bare model name that the upstream gets."""
    stream: bool
    key: str | None = None
    """Id of the key that was used."""


class Begin(msgspec.Struct, frozen=True, array_like=True, tag="s", gc=False):
    """An upstream attempt begins."""

    request: str
    """Id of the request; ours, since it must be unique among those that run."""
    attempt: Number
    """1, 2, ..."""
    started: Number
    """Wall clock in unix ns."""
    kind: msgspec.Raw
    """A CallKind; as it stands, since there are few different ones."""


class End(msgspec.Struct, frozen=True, array_like=True, tag="e", gc=False):
    """An attempt is over. A second End of one attempt replaces the first: so a request ends between attempts."""

    request: str
    attempt: Number
    status: Number | None
    """HTTP status that the attempt came to."""
    outcome: Outcome
    final: bool
    """Whether the request is over with it."""
    ttft: Number | None = None
    """µs from the attempt's start to the first byte of the reply."""
    duration: Number | None = None
    """µs from the attempt's start to its end."""
    input: Number | None = None
    cache_read: Number | None = None
    cache_write: Number | None = None
    output: Number | None = None
    reasoning: Number | None = None
    cost: float | None = None
    """US dollars; None is unknown, a local model is 0.0."""
    error: str | None = None
    """The error's stable code."""
    dropped: str | None = None
    """What the target could not express, comma-separated."""
    waited: Number = 0
    """µs from the attempt's start until its upstream could be asked (lane, engine start)."""


class Refusal(msgspec.Struct, frozen=True, array_like=True, tag="r", gc=False):
    """A request that was over before any attempt: refused (401, 404, 429), given up in a queue, or failed."""

    request: str
    started: Number
    """Wall clock at its arrival in unix ns."""
    face: str
    operation: str
    status: Number
    outcome: Outcome
    error: str | None = None
    model: str | None = None
    key: str | None = None
    duration: Number | None = None
    """µs from its arrival."""


Line = Begin | End | Refusal

_encode: Final = msgspec.json.Encoder().encode


def encode_line(line: Line) -> bytes:
    """One JSON array and a newline; JSON has no raw newline or NUL in it."""
    return _encode(line) + b"\n"


def encode_kind(kind: CallKind) -> bytes:
    """The kind as `Ledger.begin` takes it; to be kept by who begins many calls of one kind."""
    return _encode(kind)


class Ledger:
    """Where requests are written down. Used by the one thread that runs the loop."""

    __slots__ = ("_append", "_append_reserved", "journal")

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._append = journal.append
        self._append_reserved = journal.append_reserved

    def begin(self, request: str, attempt: int, started: int, kind: bytes) -> None:  # signature: Begin's fields
        """Note that an attempt begins, in the form of `Begin`; `kind` comes from `encode_kind`.

        The request's id needs no escaping in JSON (not checked, this is the hot path).
        Raises StorageError when the disk is full: then do not attempt it.
        """
        self._append(b'["s","%b",%d,%d,%b]\n' % (request.encode(), attempt, started, kind))

    def end(self, line: End) -> None:
        """Note that an attempt is over, before its last byte is sent. Has room kept for it when the disk is full."""
        self._append_reserved(_encode(line) + b"\n")

    def refuse(self, line: Refusal) -> None:
        """Note a request that is over without an attempt. Raises StorageError when the disk is full."""
        self._append(_encode(line) + b"\n")
