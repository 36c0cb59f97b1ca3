"""Pure rules of a message tree: paths, siblings, where a switch leads, what a fork takes along.

Knows: ids, parents, order. Does not know: what messages say, tables. Nothing here recurses: a conversation may be
thousands of messages deep.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from hostler.client.sessions.records import ForkMode


@dataclass(frozen=True, slots=True)
class Node:
    """A message's place. `order` is unique among siblings; `visited` is larger the later it was looked at, 0: never."""

    id: str
    parent: str | None
    order: int = 0
    visited: int = 0


class Tree:
    """The messages of one session. A parent that is not among the nodes counts as none."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        """Raises ValueError when an id is there twice, or parents lead round in a circle."""
        self._nodes: dict[str, Node] = {}
        for node in nodes:
            if node.id in self._nodes:
                raise ValueError(f"the message {node.id} is there twice")
            self._nodes[node.id] = node
        self._children: dict[str | None, list[str]] = {}
        for node in self._nodes.values():
            self._children.setdefault(self.parent(node.id), []).append(node.id)
        for ids in self._children.values():
            ids.sort(key=lambda id: self._nodes[id].order)
        self._check()

    def __contains__(self, id: object) -> bool:
        return id in self._nodes

    def __len__(self) -> int:
        return len(self._nodes)

    def parent(self, id: str) -> str | None:
        """The message before this one; None for a root. Raises KeyError for an unknown id, as the other methods do."""
        parent = self._nodes[id].parent
        return parent if parent in self._nodes else None

    def children(self, id: str | None) -> tuple[str, ...]:
        """What follows directly, in order; the roots for None."""
        return tuple(self._children.get(id, ()))

    def siblings(self, id: str) -> tuple[str, ...]:
        """All that stand at the same place, this one among them, in order."""
        return self.children(self.parent(id))

    def path(self, id: str) -> tuple[str, ...]:
        """From the root down to this one."""
        found: list[str] = []
        at: str | None = id
        while at is not None:
            found.append(at)
            at = self.parent(at)
        return tuple(reversed(found))

    def below(self, id: str | None) -> Iterator[str]:
        """This one and everything below it, parents first, siblings in order; all there is for None."""
        waiting = [id] if id is not None else list(reversed(self._children.get(None, ())))
        while waiting:
            at = waiting.pop()
            yield at
            waiting.extend(reversed(self._children.get(at, ())))

    def leaf(self, id: str | None) -> str | None:
        """Where the visible path ends when a person goes to this message (None: to the session).

        Of the leaves below it the one that was visited last; if none ever was, always on by the newest child.
        """
        best = max(
            (node for node in map(self._nodes.__getitem__, self.below(id)) if node.id not in self._children),
            key=lambda node: node.visited,
            default=None,
        )
        if best is None or best.visited:
            return best.id if best else None
        at = id
        while children := self._children.get(at):
            at = children[-1]
        return at

    def fork(self, id: str, mode: ForkMode) -> tuple[str, ...]:
        """What a fork at this message takes along, parents first.

        "path": from the root to it. "branches": everything that hangs on that path. "tail": it and what follows; it
        becomes a root.
        """
        match mode:
            case "path":
                return self.path(id)
            case "branches":
                return tuple(self.below(self.path(id)[0]))
            case "tail":
                return tuple(self.below(id))
            case _:
                assert_never(mode)

    def _check(self) -> None:
        reached = sum(1 for _ in self.below(None))
        if reached != len(self._nodes):
            seen = set(self.below(None))
            lost = next(id for id in self._nodes if id not in seen)
            raise ValueError(f"the parents of the message {lost} lead round in a circle")
