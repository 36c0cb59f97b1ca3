"""Knows the sentences in which OpenAI refuses a part of a request, on both of its wires. Does not know any rule."""

from collections.abc import Sequence
from typing import Final

from hostler.providers.fake.asked import Fault
from hostler.providers.fake.json_values import kind_of

KIND: Final = "invalid_request_error"


def missing(where: str) -> Fault:
    """Something that has to be there is not."""
    return Fault(f"Missing required parameter: '{where}'.", kind=KIND, param=where, code="missing_required_parameter")


def wrong_type(where: str, wanted: str, *, value: object) -> Fault:
    """It is of another type."""
    text = f"Invalid type for '{where}': expected {wanted}, but got {kind_of(value)} instead."
    return Fault(text, kind=KIND, param=where, code="invalid_type")


def wrong_value(where: str, value: object, *, known: Sequence[str]) -> Fault:
    """It is none of the words that may stand there."""
    names = [f"'{name}'" for name in known]
    listed = " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])}, and {names[-1]}"
    text = f"Invalid value: '{value}'. Supported values are: {listed}."
    return Fault(text, kind=KIND, param=where, code="invalid_value")


def wrong_pattern(where: str) -> Fault:
    """A name has signs that names may not have."""
    text = (
        f"Invalid '{where}': string does not match pattern. "
        "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
    )
    return Fault(text, kind=KIND, param=where, code="invalid_value")


def too_long(where: str, *, most: int, length: int) -> Fault:
    """A text has more signs than it may have."""
    text = (
        f"Invalid '{where}': string too long. Expected a string with maximum length {most}, "
        f"but got a string with length {length} instead."
    )
    return Fault(text, kind=KIND, param=where, code="string_above_max_length")


def out_of_range(where: str, value: float, *, least: int | None, most: int | None, kind: str = "decimal") -> Fault:
    """A number is too small (when `least` is given), or too large."""
    if least is not None:
        text = f"Invalid '{where}': {kind} below minimum value. Expected a value >= {least}, but got {value} instead."
        return Fault(text, kind=KIND, param=where, code=f"{kind}_below_min_value")
    text = f"Invalid '{where}': {kind} above maximum value. Expected a value <= {most}, but got {value} instead."
    return Fault(text, kind=KIND, param=where, code=f"{kind}_above_max_value")


def unknown(name: str) -> Fault:
    """A parameter that nobody knows."""
    return Fault(f"Unknown parameter: '{name}'.", kind=KIND, param=name, code="unknown_parameter")


def unsupported(name: str, *, instead: str = "") -> Fault:
    """A parameter that this model does not take."""
    hint = f" Use '{instead}' instead." if instead else ""
    text = f"Unsupported parameter: '{name}' is not supported with this model.{hint}"
    return Fault(text, kind=KIND, param=name, code="unsupported_parameter")
