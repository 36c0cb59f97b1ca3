"""Model ids: `provider/model`, everywhere. Knows how to split and join them; does not know which providers exist."""

from collections.abc import Container
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelId:
    """`provider` never holds a slash; `model` may."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


def parse(name: str, *, known: Container[str], default: str) -> ModelId:
    """Read a model name by invariant 1: split at the FIRST slash, and only if the left part is a known provider.

    Anything else is a bare name of `default`, so `org/name` survives; `default/that/name` sends a slashed name
    to the default provider.
    """
    left, slash, right = name.partition("/")
    if slash and right and left in known:
        return ModelId(left, right)
    return ModelId(default, name)
