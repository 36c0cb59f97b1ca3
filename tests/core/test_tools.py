"""Tools from Python signatures: the schema, the words, the errors, and arguments on their way back."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NewType, NotRequired, Optional, TypedDict

import pytest

from hostler.core.tool_docs import read_docs
from hostler.core.tools import function_tool, tool_from_function


class Unit(Enum):
    C = "celsius"
    F = "fahrenheit"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Place:
    lat: float
    lon: float
    tags: list[str] = field(default_factory=list)
    internal: int = field(default=0, init=False)


class Window(TypedDict):
    start: int
    end: NotRequired[Annotated[int, "behind the last"]]


@dataclass
class Node:
    next: "Node | None" = None


UserId = NewType("UserId", int)


def weather(city: str, *, days: int = 3, unit: Unit = Unit.C) -> str:
    """Tell the weather.

    Asks the office
    of the city.

    Args:
        city: Name of the city,
            with its country.
        days (int): How many days.

    Returns:
        A sentence.
    """
    return f"{city} {days} {unit}"


def schema(hint: Any) -> Any:
    def f(x: object) -> None: ...

    f.__annotations__["x"] = hint
    return tool_from_function(f).parameters["properties"]["x"]  # type: ignore[index]


def test_a_function_becomes_a_tool() -> None:
    tool = tool_from_function(weather)
    assert tool.name == "weather"
    assert tool.description == "Tell the weather.\n\nAsks the office of the city."
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Name of the city, with its country."},
            "days": {"type": "integer", "description": "How many days.", "default": 3},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (None, {"type": "null"}),
        (Any, {}),
        (object, {}),
        (list, {"type": "array"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (Sequence[str], {"type": "array", "items": {"type": "string"}}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, str],
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        ),
        (set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        (dict, {"type": "object"}),
        (dict[str, Any], {"type": "object"}),
        (Mapping[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (Level, {"type": "integer", "enum": [1, 2]}),
        (UserId, {"type": "integer"}),
        (Annotated[int, 5, "years"], {"type": "integer", "description": "years"}),
        (list[Annotated[int, "one"]], {"type": "array", "items": {"type": "integer", "description": "one"}}),
        (
            Place,
            {
                "type": "object",
                "properties": {
                    "lat": {"type": "number"},
                    "lon": {"type": "number"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["lat", "lon"],
                "additionalProperties": False,
            },
        ),
        (
            Window,
            {
                "type": "object",
                "properties": {
                    "start": {"type": "integer"},
                    "end": {"type": "integer", "description": "behind the last"},
                },
                "required": ["start"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_types_become_schemas(hint: Any, expected: dict[str, object]) -> None:
    assert schema(hint) == expected


@pytest.mark.parametrize(
    ("hint", "reason"),
    [
        (complex, "complex has no JSON form"),
        (dict[int, str], "keys"),
        (Node, "Node holds itself"),
        (Literal[b"x"], "choices"),
        (list[complex], "complex"),
    ],
)
def test_types_without_a_json_form_are_refused(hint: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=reason) as caught:
        schema(hint)
    assert "parameter 'x'" in str(caught.value)


def test_signatures_that_no_model_can_use_are_refused() -> None:
    def many(*numbers: int) -> None: ...
    def more(**options: int) -> None: ...
    def bare(x) -> None: ...  # type: ignore[no-untyped-def]
    def first(x: int, /) -> None: ...
    def strange(x: object = object()) -> None: ...
    def lost(x: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    for function, reason in (
        (many, r"\*numbers"),
        (more, r"\*\*options"),
        (bare, "no annotation"),
        (first, "positional-only"),
        (strange, "default"),
        (lost, "Nowhere"),
        (lambda: None, "no tool name"),
    ):
        with pytest.raises(TypeError, match=reason):
            tool_from_function(function)
    assert tool_from_function(lambda: None, name="nothing").name == "nothing"


def test_methods_and_callables_are_tools_without_their_self() -> None:
    class Box:
        def open(self, lid: int) -> None:
            """Open it."""

        def __call__(self, key: str) -> None: ...

    assert list(tool_from_function(Box().open).parameters["properties"]) == ["lid"]  # type: ignore[call-overload]
    assert tool_from_function(Box(), name="box").parameters["required"] == ["key"]


def test_decorated_functions_keep_their_signature() -> None:
    @functools.wraps(weather)
    def wrapped(*args: Any, **kwargs: Any) -> str:
        return weather(*args, **kwargs)

    assert tool_from_function(wrapped) == tool_from_function(weather)


def test_an_annotations_text_wins_over_the_docstring() -> None:
    def f(x: Annotated[int, "from the annotation"]) -> None:
        """F.

        :param x: from the docstring
        """

    assert tool_from_function(f).parameters["properties"]["x"]["description"] == "from the annotation"  # type: ignore[index]


NUMPY = """Do it.

More words.

Parameters
----------
a : int, optional
    First thing
    goes on.
b, c : str
    Both.

Returns
-------
int
    Nothing of interest.
"""
REST = """Do it.

More words.

:param a: First thing
    goes on.
:param str b: Both.
:type c: str
:returns: Nothing
    of interest.
"""
GOOGLE = """Do it.

More words.

Args:
    a (int): First thing
        goes on.
    b: Both.
    **c: Both.

Raises:
    ValueError: never.
"""


@pytest.mark.parametrize("text", [NUMPY, REST, GOOGLE])
def test_docstrings_of_three_styles(text: str) -> None:
    docs = read_docs(text.strip())
    assert docs.description == "Do it.\n\nMore words."
    assert docs.parameters["a"] == "First thing goes on."
    assert docs.parameters["b"] == "Both."
    if text is not REST:
        assert docs.parameters["c"] == "Both."


def test_a_docstring_may_be_missing_or_plain() -> None:
    assert read_docs("").description == ""
    assert read_docs("Note: this is no section.").description == "Note: this is no section."
    assert read_docs("One.\n\nArgs:\n").parameters == {}


def test_arguments_come_back_as_python_values() -> None:
    def f(
        unit: Unit,
        place: Place,
        pair: tuple[int, Unit],
        *,
        names: set[str] | None = None,
        level: Level | None = None,
        ratio: float = 1.0,
    ) -> None: ...

    ready = function_tool(f).arguments(
        {
            "unit": "celsius",
            "place": {"lat": 1, "lon": 2.5},
            "pair": [1, "fahrenheit"],
            "names": ["a", "a"],
            "level": 2,
            "ratio": 2,
        }
    )
    assert ready == {
        "unit": Unit.C,
        "place": Place(1.0, 2.5),
        "pair": (1, Unit.F),
        "names": {"a"},
        "level": Level.HIGH,
        "ratio": 2.0,
    }


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "lacks the argument city"),
        ({"city": "x", "day": 1}, "no argument day; it takes city, days, unit"),
        ({"city": 5}, "argument city: 5 is no str"),
        ({"city": "x", "days": True}, "argument days"),
        ({"city": "x", "days": "3"}, "argument days"),
        ({"city": "x", "unit": "kelvin"}, "kelvin"),
        ({"city": None}, "argument city"),
    ],
)
def test_arguments_that_do_not_fit_are_named(given: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        function_tool(weather).arguments(given)


def test_arguments_of_records_are_checked() -> None:
    def f(place: Place, window: Window | None = None, kind: Literal["a", 1] = "a") -> None: ...

    tool = function_tool(f)
    place = {"lat": 1.0, "lon": 2.0}
    assert tool.arguments({"place": place, "window": {"start": 1}, "kind": 1})["window"] == {"start": 1}
    for given, reason in (
        ({"place": {"lat": 1.0}}, "lacks lon"),
        ({"place": {**place, "x": 1}}, "has no x"),
        ({"place": []}, "no Place"),
        ({"place": place, "window": {"end": 1}}, "none of"),
        ({"place": place, "kind": True}, "argument kind"),
    ):
        with pytest.raises(ValueError, match=reason):
            tool.arguments(given)
