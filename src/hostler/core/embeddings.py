"""A request for embeddings and its reply, free of any wire. Knows the fields; does not know how a wire spells them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hostler.core.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingRequest:
    """Texts to be turned into vectors, one each, in order. `dimensions`: the length that a vector should have.

    `extra` holds the fields that only the client's own wire knows, by their published names.
    """

    model: str
    texts: tuple[str, ...]
    dimensions: int | None = None
    extra: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingReply:
    """The vectors, in the order of the texts."""

    vectors: tuple[tuple[float, ...], ...]
    model: str = ""
    usage: Usage = Usage()
