"""What a case of the contract is, and the decorator that runs it over every wire, whole and streamed.

Knows: the items that the contract must cover, and that a case leaves no wire out. Does not know: servers, requests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

import pytest

from hostler.core.wires import GEMINI, WIRES, Wire
from hostler.providers.fake.script import Dialect, Reply

Item = Literal[
    "plain", "system", "multi-turn", "stream", "single call", "parallel calls", "call without arguments",
    "bad JSON arguments", "image", "PDF", "audio", "readable reasoning", "summarised reasoning", "signed reasoning",
    "redacted reasoning", "encrypted reasoning", "empty reasoning with a signature", "tagged reasoning",
    "cache counts", "structured output", "stop", "length", "refusal",
    "400", "401", "402", "404", "413", "429", "500", "529", "timeout", "broken stream", "cancel", "split UTF-8",
]  # fmt: skip
"""What every wire has to show at least once."""
Form = Literal["whole", "streamed"]
FORMS: Final[tuple[Form, ...]] = ("whole", "streamed")
Test = TypeVar("Test", bound=Callable[..., object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a case runs on one wire: by which provider of the stage, on a model of which name, with whose habits."""

    provider: str = ""
    """The wire's own when empty."""
    model: str = "m"
    """How the model's name begins."""
    dialect: str | Dialect | None = None


USUAL: Final[Mapping[Wire, Place]] = {GEMINI: Place(model="gemini-3-pro")}
"""Where a case runs that says nothing: by a wire's own provider; on one wire the name tells whether a model signs."""
PLAIN: Final = Place()


@dataclass(frozen=True, slots=True)
class Case:
    """One promise: what the vendor answers, turn by turn, and which items of the contract that shows."""

    name: str
    shows: tuple[Item, ...]
    replies: tuple[Reply, ...]
    at: Mapping[Wire, Place] = field(default_factory=dict[Wire, Place])

    def place(self, wire: Wire) -> Place:
        """Where it runs on a wire."""
        return self.at.get(wire) or USUAL.get(wire, PLAIN)

    def model(self, wire: Wire, form: Form) -> str:
        """The name of its model, which nobody else asks for."""
        return f"{self.place(wire).model}-{self.name}-{wire}-{form}"


def case(
    *replies: Reply, shows: Item | tuple[Item, ...] = (), at: Mapping[Wire, Place] | None = None
) -> Callable[[Test], Test]:
    """A test as one case, named after it, on each wire and in both forms; it is given the `talk`."""

    def mark(test: Test) -> Test:
        name = test.__name__.removeprefix("test_").replace("_", "-")
        return cases(Case(name, (shows,) if isinstance(shows, str) else shows, replies, at or {}))(test)

    return mark


def cases(*rows: Case) -> Callable[[Test], Test]:
    """A test as several cases that are alike."""

    def mark(test: Test) -> Test:
        test.cases = rows  # type: ignore[attr-defined]
        runs = [
            pytest.param((row, wire, form), id=f"{row.name}-{wire}-{form}")
            for row in rows
            for wire in WIRES
            for form in FORMS
        ]
        test = pytest.mark.parametrize("talk", runs, indirect=True)(test)
        return pytest.mark.asyncio(loop_scope="module")(test)

    return mark


def cases_of(module: object) -> list[Case]:
    """All cases of a module of tests."""
    return [row for test in vars(module).values() for row in getattr(test, "cases", ())]
