"""Deltas into blocks that never overlap, for wires whose streams consist of such. Knows order; knows no wire's frames.

Clients break when the pieces of two blocks interleave, so a block is closed before the next one opens, and what comes
for a later block meanwhile waits.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from typing import Literal

from hostler.core.deltas import (
    Cited,
    Delta,
    Finished,
    PartEnded,
    ReasoningDelta,
    ReasoningSealed,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallEnded,
    ToolCallStarted,
    UsageDelta,
)
from hostler.core.messages import Citation
from hostler.core.usage import Usage

BlockKind = Literal["text", "refusal", "reasoning", "call", "raw"]


class Block:
    """One block of a reply. `text` is all that was written of it; `index` counts the blocks that were opened."""

    __slots__ = ("call", "citations", "index", "kind", "opaque", "prefix", "tag", "text", "waiting", "whole")

    def __init__(self, kind: BlockKind, call: ToolCallStarted | None = None, *, opaque: bytes | None = None) -> None:
        self.kind: BlockKind = kind
        self.call = call
        self.opaque = opaque
        self.index = -1
        self.tag = ""  # whatever the wire needs to know of it
        self.prefix = b""  # what stands before each piece in the wire's bytes; empty until the block is open
        self.text: list[str] = []
        self.citations: list[Citation] = []
        self.waiting: list[str] = []
        self.whole = False


class BlockWriter(ABC):
    """Gathers a reply's deltas in blocks, and has them written one after the other."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.finished = Finished("unknown")
        self.opened = 0
        self.calls: dict[int, Block] = {}
        self.growing: Block | None = None
        """The text, refusal or reasoning that deltas without a slot belong to."""
        self._queue: deque[Block] = deque()  # the first one is open

    @abstractmethod
    def open_block(self, block: Block, out: list[bytes]) -> None:
        """Write what begins a block, and set its `prefix`."""

    @abstractmethod
    def write_piece(self, block: Block, text: str, *, out: list[bytes]) -> None:
        """Write a piece of an open block."""

    @abstractmethod
    def close_block(self, block: Block, out: list[bytes]) -> None:
        """Write what ends a block."""

    def encode(self, deltas: Iterable[Delta]) -> bytes:
        """What `deltas` amount to, as far as its turn has come; may be empty."""
        out: list[bytes] = []
        for delta in deltas:
            block = self.growing
            if type(delta) is TextDelta and block is not None and block.kind == "text" and block.prefix and delta.text:
                block.text.append(delta.text)
                self.write_piece(block, delta.text, out=out)
            else:
                self.take(delta, out)
        return b"".join(out)

    def take(self, delta: Delta, out: list[bytes]) -> None:
        """Write what `delta` amounts to, as far as its turn has come."""
        match delta:
            case TextDelta(text):
                self._grow("text", text, out=out)
            case RefusalDelta(text):
                self._grow("refusal", text, out=out)
            case ReasoningDelta(text):
                self._grow("reasoning", text, out=out)
            case Cited(citation):
                self._grow_into("text", out).citations.append(citation)
            case ReasoningSealed(opaque):
                self._end_growing(out, opaque, alone="reasoning")
            case PartEnded(opaque):
                self._end_growing(out, opaque, alone="raw")
            case ToolCallStarted():
                self._end_growing(out)
                self.calls[delta.slot] = self._add(Block("call", delta), out)
            case ToolCallDelta(slot, text):
                self._write(self.calls[slot], text, out=out)
            case ToolCallEnded(slot, opaque):
                self.calls[slot].opaque = opaque
                self.calls[slot].whole = True
                self._advance(out)
            case _:
                self._note(delta)

    def end_blocks(self, out: list[bytes]) -> None:
        """Close all blocks; nothing more comes."""
        self._end_growing(out)
        for block in self._queue:
            block.whole = True
        self._advance(out)

    def _note(self, delta: Delta) -> None:
        if isinstance(delta, UsageDelta):
            self.usage = self.usage.replaced_by(delta.usage)
        elif isinstance(delta, Finished):
            self.finished = delta

    def _grow(self, kind: BlockKind, text: str, *, out: list[bytes]) -> None:
        if text:
            self._write(self._grow_into(kind, out), text, out=out)

    def _grow_into(self, kind: BlockKind, out: list[bytes]) -> Block:
        block = self.growing
        if block is None or block.kind != kind:
            self._end_growing(out)
            block = self.growing = self._add(Block(kind), out)
        return block

    def _end_growing(self, out: list[bytes], opaque: bytes | None = None, *, alone: BlockKind = "raw") -> None:
        """End what grows; an opaque block that belongs to nothing that grew is a block of its own."""
        block, self.growing = self.growing, None
        fits = block is not None and (block.kind == "reasoning") == (alone == "reasoning")
        if block is not None:
            block.whole = True
            block.opaque = opaque if fits else None
            self._advance(out)
        if opaque is not None and not fits:
            self._add(Block(alone, opaque=opaque), out).whole = True
            self._advance(out)

    def _add(self, block: Block, out: list[bytes]) -> Block:
        self._queue.append(block)
        if self._queue[0] is block:
            self._open(block, out)
        return block

    def _open(self, block: Block, out: list[bytes]) -> None:
        block.index = self.opened
        self.opened += 1
        self.open_block(block, out)
        self._write_waiting(block, out)

    def _write(self, block: Block, text: str, *, out: list[bytes]) -> None:
        if block.prefix:
            block.text.append(text)
            self.write_piece(block, text, out=out)
        else:
            block.waiting.append(text)

    def _write_waiting(self, block: Block, out: list[bytes]) -> None:
        if block.waiting and block.prefix:
            waiting, block.waiting = "".join(block.waiting), []
            self._write(block, waiting, out=out)

    def _advance(self, out: list[bytes]) -> None:
        """Close the open block if it is whole, and open those that waited, as far as they are whole too."""
        while self._queue and self._queue[0].whole:
            self.close_block(self._queue.popleft(), out)
            if self._queue:
                self._open(self._queue[0], out)
