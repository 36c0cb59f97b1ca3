"""The order of messages that this wire demands: turns, hoisted system text, results directly behind their calls.

Knows: which messages merge, move and change their role. Does not know: how one block is written, other fields.
"""

from dataclasses import dataclass, field
from typing import Literal

from hostler.core.messages import Media, Message, Reasoning, Text, ToolResult
from hostler.core.requests import ChatRequest
from hostler.core.wires import ANTHROPIC
from hostler.errors import Unsupported
from hostler.wire.anthropic.content_encode import Block, BlockEncoder

TurnRole = Literal["user", "assistant", "system"]


@dataclass(slots=True)
class _Turn:
    role: TurnRole
    results: list[Block] = field(default_factory=list[Block])
    blocks: list[Block] = field(default_factory=list[Block])


class Conversation:
    """Folds a request's messages into the wire's `system` and `messages`.

    Leading system messages become `system`; later ones stay where `mid_system` allows it, else they become user text
    in `<system>` tags. Results of parallel calls stand in one user message, first, directly behind the calls.
    """

    def __init__(self, encoder: BlockEncoder, *, mid_system: bool) -> None:
        self._encoder = encoder
        self._mid_system = mid_system
        self._system: list[Block] = []
        self._turns: list[_Turn] = []

    def fold(self, request: ChatRequest) -> tuple[str | list[Block] | None, list[dict[str, object]]]:
        """`system` (None: none) and `messages`; raises Unsupported for history that the wire cannot carry."""
        leading = True
        for position, message in enumerate(request.messages):
            path = f"messages[{position}].content"
            if message.name:
                self._encoder.dropped.add("messages[].name")
            if message.role in ("system", "developer"):
                self._add_system(message, path, leading=leading)
                continue
            leading = False
            if message.role == "assistant":
                self._add_assistant(message, path, same_wire=request.wire == ANTHROPIC)
            else:
                self._add_user(message, path)
        if not self._turns and self._system:
            # The wire demands a first message; a prompt that is all system text is then what the user says.
            self._encoder.dropped.add("messages[].role")
            self._turns.append(_Turn("user", blocks=self._system))
            self._system = []
        system = _content(self._system) if self._system else None
        return system, [{"role": t.role, "content": _content(t.results + t.blocks)} for t in self._turns]

    def _add_system(self, message: Message, path: str, *, leading: bool) -> None:
        if any(not isinstance(part, Text) for part in message.parts):
            raise Unsupported(f"{path}: this model's interface takes only text from the role {message.role}.")
        if leading:
            self._system += self._encoder.encode(message.parts, path)
        elif self._mid_system:
            self._extend("system", self._encoder.encode(message.parts, path))
        else:
            self._encoder.dropped.add("messages[].role")
            text = "\n\n".join(part.text for part in message.parts if isinstance(part, Text) and part.text.strip())
            if text:
                self._extend("user", [{"type": "text", "text": f"<system>\n{text}\n</system>"}])

    def _add_assistant(self, message: Message, path: str, *, same_wire: bool) -> None:
        if any(isinstance(part, Media) for part in message.parts):
            raise Unsupported(f"{path}: this model's interface takes no media in what the assistant said.")
        encoder = self._encoder
        said = [(part, encoder.encode_part(part, f"{path}[{i}]")) for i, part in enumerate(message.parts)]
        blocks = [(part, block) for part, block in said if block is not None]
        while (
            blocks and isinstance(blocks[-1][0], Reasoning) and not same_wire
        ):  # "the final block ... cannot be `thinking`"
            blocks.pop()
            encoder.dropped.add("messages[].reasoning")
        self._extend("assistant", [block for _, block in blocks])

    def _add_user(self, message: Message, path: str) -> None:
        for position, part in enumerate(message.parts):
            block = self._encoder.encode_part(part, f"{path}[{position}]")
            if block is None:
                continue
            if isinstance(part, ToolResult):
                self._results_turn().results.append(block)
            else:
                self._extend("user", [block])

    def _extend(self, role: TurnRole, blocks: list[Block]) -> None:
        if not blocks:
            return
        if not self._turns or self._turns[-1].role != role:
            self._turns.append(_Turn(role))
        self._turns[-1].blocks += blocks

    def _results_turn(self) -> _Turn:
        """The user turn directly behind the last assistant turn, made where there is none."""
        behind = len(self._turns)
        while behind > 0 and self._turns[behind - 1].role != "assistant":
            behind -= 1
        if behind == len(self._turns) or self._turns[behind].role != "user":
            self._turns.insert(behind, _Turn("user"))
        return self._turns[behind]


def _content(blocks: list[Block]) -> str | list[Block]:
    """A single plain text as the wire's shorthand, else the blocks."""
    if len(blocks) == 1 and isinstance(blocks[0], dict) and blocks[0].keys() == {"type", "text"}:
        return str(blocks[0]["text"])
    return blocks
