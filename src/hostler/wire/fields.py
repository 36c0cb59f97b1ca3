"""Narrowing of parsed JSON, field by field, with the place in every complaint. Knows JSON types; knows no wire."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TypeVar, cast

import msgspec

from hostler.errors import WireError

Members = Mapping[str, object]
"""A JSON object."""

MAX_COUNT = 1 << 53
"""The largest count that is believed: more than anybody has, and safe in every client's numbers and in a database."""

_decode = msgspec.json.Decoder().decode
_T = TypeVar("_T")


def parse_object(body: bytes) -> dict[str, object]:
    """The JSON object that `body` is; raises WireError for anything else."""
    try:
        value: object = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"The body is not valid JSON: {error}.") from error
    if not isinstance(value, dict):
        raise WireError("The body must be a JSON object.")
    return cast("dict[str, object]", value)


def parse(raw: msgspec.Raw | bytes, kind: type[_T], *, path: str) -> _T:
    """Read `raw` as `kind`; a `WireError` names the place."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # msgspec's message, with its place in our form: `- at `$.a`` becomes `(a)`
        text, found, place = str(error).partition(" - at `$")
        said = f"{text} ({place.strip('`').lstrip('.')})" if found else text
        raise WireError(f"{path}: {said}") from error


@contextmanager
def whole_json() -> Generator[None]:
    """Around whatever looks into parts of a body that the scan passed over: they may be no JSON. Raises WireError."""
    try:
        yield
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"The body is not valid JSON: {error}.") from None


def as_members(value: object) -> Members:
    """`value` if it is a JSON object, else an empty one: for replies, which are read with tolerance."""
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # see need_members


def as_items(value: object) -> list[object]:
    """`value` if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]  # see need_members


def as_text(value: object) -> str:
    """`value` if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def as_count(value: object) -> int | None:
    """`value` if it is a whole number from 0 to MAX_COUNT (some servers write 12.0), else None."""
    if type(value) is int:
        return value if 0 <= value <= MAX_COUNT else None
    return int(value) if isinstance(value, float) and 0 <= value <= MAX_COUNT and value.is_integer() else None


def need_members(value: object, path: str) -> Members:
    """`value` as a JSON object, or WireError naming `path`."""
    if not isinstance(value, dict):
        raise WireError(f"{path} must be an object.")
    return value  # pyright: ignore[reportUnknownVariableType]  # JSON's keys are text; a cast costs time at every field


def need_items(value: object, path: str) -> list[object]:
    """`value` as a JSON array, or WireError naming `path`."""
    if not isinstance(value, list):
        raise WireError(f"{path} must be an array.")
    return value  # pyright: ignore[reportUnknownVariableType]  # see need_members


def need_text(value: object, path: str) -> str:
    """`value` as a string, or WireError naming `path`."""
    if not isinstance(value, str):
        raise WireError(f"{path} must be a string.")
    return value


def text_or_none(members: Members, key: str, *, path: str = "") -> str | None:
    """A string that may be absent or null."""
    value = members.get(key)
    return None if value is None else need_text(value, f"{path}{key}")


def flag_or_none(members: Members, key: str, *, path: str = "") -> bool | None:
    """A boolean that may be absent or null."""
    value = members.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise WireError(f"{path}{key} must be true or false.")


def number_or_none(members: Members, key: str, *, path: str = "") -> float | None:
    """A number that may be absent or null."""
    value = members.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WireError(f"{path}{key} must be a number.")
    return value


def whole_or_none(members: Members, key: str, *, path: str = "") -> int | None:
    """A whole number that may be absent or null; 12.0 is taken for 12."""
    value = number_or_none(members, key, path=path)
    if value is None or isinstance(value, int):
        return value
    if not value.is_integer():
        raise WireError(f"{path}{key} must be a whole number.")
    return int(value)
