"""A conversation as two sides that take turns, for wires that know only those. Knows the order; knows no wire's blocks.

Leading system text stands apart; later system text, which such a wire has no place for, becomes user text in `<system>`
tags. What one side says in several messages is one turn. Results stand first in the turn behind their calls.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from hostler.core.messages import Message, Part, Text, ToolResult
from hostler.errors import Unsupported

_Block = TypeVar("_Block")


class BlockWriter(Protocol[_Block]):
    """How a wire writes one part; `dropped` gathers the names of what it cannot say."""

    dropped: set[str]

    def write_text(self, text: str) -> _Block: ...
    def write_part(self, part: Part, path: str) -> _Block | None: ...
    def write_result(self, result: ToolResult, path: str) -> tuple[_Block, list[_Block]]:
        """The result, and what of it has to stand beside it."""
        ...


@dataclass(slots=True)
class Turn(Generic[_Block]):
    """What one side says at one point."""

    is_model: bool
    results: list[_Block] = field(default_factory=list[_Block])
    others: list[_Block] = field(default_factory=list[_Block])

    @property
    def blocks(self) -> list[_Block]:
        """All that it says, in order."""
        return [*self.results, *self.others]


class Turns(Generic[_Block]):
    """Folds messages into `system` and `turns`."""

    def __init__(self, writer: BlockWriter[_Block]) -> None:
        self.system: list[_Block] = []
        self.turns: list[Turn[_Block]] = []
        self._writer = writer

    def fold(self, messages: Iterable[Message]) -> None:
        """Take all messages; raises Unsupported for what the wire cannot carry."""
        for index, message in enumerate(messages):
            path = f"messages[{index}].content"
            if message.name:
                self._writer.dropped.add("messages[].name")
            if message.role in ("system", "developer"):
                self._add_system(message, path)
            else:
                self._add(message, path)
        if not self.turns and self.system:  # a prompt that is all system text is what the user says
            self._writer.dropped.add("messages[].role")
            self.turns.append(Turn(False, others=self.system))
            self.system = []

    def _add(self, message: Message, path: str) -> None:
        is_model = message.role == "assistant"
        for index, part in enumerate(message.parts):
            if isinstance(part, ToolResult):
                result, beside = self._writer.write_result(part, f"{path}[{index}]")
                turn = self._turn(is_model=False)
                turn.results.append(result)
                turn.others += beside
            elif (block := self._writer.write_part(part, f"{path}[{index}]")) is not None:
                self._turn(is_model=is_model).others.append(block)

    def _add_system(self, message: Message, path: str) -> None:
        texts = [part for part in message.parts if isinstance(part, Text)]
        if len(texts) < len(message.parts):
            raise Unsupported(f"{path}: this model's interface takes only text from the role {message.role}.")
        if not self.turns:
            blocks = (self._writer.write_part(part, path) for part in texts)
            self.system += [block for block in blocks if block is not None]
        elif any(part.text for part in texts):
            self._writer.dropped.add("messages[].role")
            text = "\n\n".join(part.text for part in texts if part.text)
            self._turn(is_model=False).others.append(self._writer.write_text(f"<system>\n{text}\n</system>"))

    def _turn(self, *, is_model: bool) -> Turn[_Block]:
        if not self.turns or self.turns[-1].is_model != is_model:
            self.turns.append(Turn(is_model))
        return self.turns[-1]
