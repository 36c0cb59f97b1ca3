"""A reply unfolded into deltas and folded again is the same reply."""

from hostler.core.deltas import fold, unfold
from hostler.core.messages import ToolCall
from hostler.core.requests import Reply


def test_a_calls_own_opaque_block_comes_with_its_end() -> None:
    reply = Reply(parts=(ToolCall(id="a", name="f", arguments="{}", opaque=b'{"sig":1}'), ToolCall(id="b", name="g")))
    assert fold(unfold(reply)).parts == reply.parts
