"""JSON Schema from Python types, and JSON values back into those types.

Knows: str, int, float, bool, None, lists, tuples, dicts, Literal, unions, Enum, dataclasses, TypedDict, Annotated.
Does not know: functions and docstrings. Raises TypeError that names the place for anything else.
"""

import dataclasses
import types
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import (  # edge: Any is what a person may annotate a parameter with
    Annotated,
    Any,
    Final,
    Literal,
    NewType,
    NotRequired,
    Required,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

Schema = dict[str, object]

_PLAIN: Final[Mapping[object, str]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
    None: "null",
}
_LISTS: Final = cast("tuple[object, ...]", (list, Sequence, tuple, set, frozenset, AbstractSet))
_DICTS: Final = cast("tuple[object, ...]", (dict, Mapping))

_SETS: Final = cast("tuple[object, ...]", (set, frozenset, AbstractSet))
_UNIONS: Final = cast("tuple[object, ...]", (Union, types.UnionType))
_MARKS: Final = cast("tuple[object, ...]", (Required, NotRequired))
_ANYTHING: Final = cast("tuple[object, ...]", (Any, object))


def schema_of(hint: object, where: str, *, seen: tuple[object, ...] = ()) -> Schema:
    """The JSON Schema of a type; `where` names the place for errors, `seen` holds the records around it."""
    if hint in _ANYTHING:
        return {}
    if _is_plain(hint):
        return {"type": _PLAIN[hint]}
    if isinstance(hint, NewType):
        return schema_of(cast("object", hint.__supertype__), where, seen=seen)
    if (choices := _choices(hint)) is not None:
        return _values([cast("object", member.value) for member in choices], where)
    if _is_record(hint):
        return _record(cast("type", hint), where, seen=seen)
    return _composed(hint, where, seen=seen)


def _class(hint: object) -> type[object] | None:
    return cast("type[object]", hint) if isinstance(hint, type) else None


def _choices(hint: object) -> type[Enum] | None:
    kind = _class(hint)
    return kind if kind is not None and issubclass(kind, Enum) else None


def _is_plain(hint: object) -> bool:
    return hint is None or (_class(hint) is not None and hint in _PLAIN)


def _is_record(hint: object) -> bool:
    kind = _class(hint)
    return kind is not None and (dataclasses.is_dataclass(kind) or is_typeddict(kind))


def _composed(hint: object, where: str, *, seen: tuple[object, ...]) -> Schema:
    origin, args = _parts(hint)
    if origin is Annotated:
        return described(schema_of(args[0], where, seen=seen), annotation_text(hint))
    if origin in _MARKS:
        return schema_of(args[0], where, seen=seen)
    if origin is Literal:
        return _values(list(args), where)
    if origin in _UNIONS:
        return {"anyOf": [schema_of(arg, where, seen=seen) for arg in args]}
    if origin in _LISTS:
        return _array(hint, where, seen=seen)
    if origin in _DICTS:
        return _object(args, where, seen=seen)
    raise TypeError(
        f"{where}: {_show(hint)} has no JSON form; use str, int, float, bool, list, dict, Literal, Enum, "
        "a dataclass or a TypedDict"
    )


def _values(values: list[object], where: str) -> Schema:
    """An enumeration; with a type where all values share one."""
    kinds = {_PLAIN.get(type(value)) for value in values}
    if None in kinds:
        raise TypeError(f"{where}: the choices {values!r} are not all strings, numbers, booleans or None")
    schema: Schema = {"enum": values}
    return {"type": kinds.pop(), **schema} if len(kinds) == 1 else schema


def _array(hint: object, where: str, *, seen: tuple[object, ...]) -> Schema:
    origin, args = _parts(hint)
    schema: Schema = {"type": "array"}
    if origin is tuple and args and args[-1] is not Ellipsis:
        items = [schema_of(arg, f"{where}[{i}]", seen=seen) for i, arg in enumerate(args)]
        return schema | {"prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if args:
        schema["items"] = schema_of(args[0], f"{where}[]", seen=seen)
    if origin in _SETS:
        schema["uniqueItems"] = True
    return schema


def _object(args: tuple[object, ...], where: str, *, seen: tuple[object, ...]) -> Schema:
    if args and args[0] is not str:
        raise TypeError(f"{where}: the keys of a JSON object are strings, not {_show(args[0])}")
    schema: Schema = {"type": "object"}
    values = schema_of(args[1], f"{where}{{}}", seen=seen) if args else {}
    return schema | {"additionalProperties": values} if values else schema


def _record(kind: type, where: str, *, seen: tuple[object, ...]) -> Schema:
    if kind in seen:
        raise TypeError(f"{where}: {kind.__name__} holds itself, which a tool's schema cannot say")
    inner = (*seen, kind)
    hints = _hints(kind, where)
    needed = _needed(kind)
    names = [name for name in hints if name in _fields(kind)]
    return {
        "type": "object",
        "properties": {name: schema_of(hints[name], f"{where}.{name}", seen=inner) for name in names},
        "required": [name for name in names if name in needed],
        "additionalProperties": False,
    }


def _hints(kind: type, where: str) -> dict[str, object]:
    try:
        return get_type_hints(kind, include_extras=True)
    except NameError as error:
        raise TypeError(f"{where}: the types of {kind.__name__} cannot be read: {error}") from None


def _fields(kind: type) -> frozenset[str]:
    if dataclasses.is_dataclass(kind):
        return frozenset(field.name for field in dataclasses.fields(kind) if field.init)
    return frozenset(cast("frozenset[str]", kind.__required_keys__ | kind.__optional_keys__))  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def _needed(kind: type) -> frozenset[str]:
    if dataclasses.is_dataclass(kind):
        missing = dataclasses.MISSING
        return frozenset(
            f.name for f in dataclasses.fields(kind) if f.init and f.default is missing and f.default_factory is missing
        )
    return cast("frozenset[str]", kind.__required_keys__)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def annotation_text(hint: object) -> str:
    """The text of `Annotated[..., "text"]`; "" where there is none."""
    texts = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((text for text in texts if isinstance(text, str)), "")


def described(schema: Schema, text: str) -> Schema:
    """The schema with a description, where there is a text."""
    return {**schema, "description": text} if text else schema


def json_default(value: object) -> object:
    """A default as JSON. Raises TypeError when it has no JSON form."""
    if isinstance(value, Enum):
        return json_default(cast("object", value.value))
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple):
        return [json_default(item) for item in cast("Sequence[object]", value)]
    if isinstance(value, dict):
        return {str(key): json_default(item) for key, item in cast("dict[object, object]", value).items()}
    raise TypeError(f"{value!r} has no JSON form")


def from_json(hint: object, value: object) -> object:
    """A JSON value as the type asks for: enum members, records, tuples and sets are made; the rest stays.

    Raises ValueError or TypeError when it does not fit.
    """
    origin, args = _parts(hint)
    if origin is Annotated or origin in _MARKS:
        return from_json(args[0], value)
    if isinstance(hint, NewType):
        return from_json(cast("object", hint.__supertype__), value)
    if origin in _UNIONS:
        return _first_fit(args, value)
    if (choices := _choices(hint)) is not None:
        return choices(value)
    if hint is float and type(value) is int:
        return float(value)
    if isinstance(value, dict | list):
        return _from_container(hint, cast("dict[str, object] | list[object]", value))
    if not _accepts(hint, value):
        raise ValueError(f"{value!r} is no {_show(hint)}")
    return value


def _parts(hint: object) -> tuple[object, tuple[object, ...]]:
    return cast("object", get_origin(hint)) or hint, cast("tuple[object, ...]", get_args(hint))


def _from_container(hint: object, value: dict[str, object] | list[object]) -> object:
    origin, args = _parts(hint)
    if hint in _ANYTHING:
        return value
    if isinstance(value, list):
        if origin in _LISTS:
            return _make_list(hint, value)
    elif _is_record(hint):
        return _make_record(cast("type", hint), value)
    elif origin in _DICTS:
        return {key: from_json(args[1], item) for key, item in value.items()} if args else value
    raise ValueError(f"{value!r} is no {_show(hint)}")


def _first_fit(args: tuple[object, ...], value: object) -> object:
    for arg in args:
        try:
            return from_json(arg, value)
        except (ValueError, TypeError):
            continue
    raise ValueError(f"{value!r} is none of {', '.join(map(_show, args))}")


def _accepts(hint: object, value: object) -> bool:
    """Whether a JSON value that is no container is one of the type's."""
    origin, args = _parts(hint)
    if origin is Literal:
        return any(value == arg and type(value) is type(arg) for arg in args)
    if _is_plain(origin):
        return _PLAIN.get(type(value)) == _PLAIN[origin]
    return origin in _ANYTHING


def _make_list(hint: object, items: list[object]) -> object:
    origin, args = _parts(hint)
    if origin is tuple and args and args[-1] is not Ellipsis:
        if len(items) != len(args):
            raise ValueError(f"{len(args)} items are wanted, not {len(items)}")
        return tuple(from_json(arg, item) for arg, item in zip(args, items, strict=True))
    made = [from_json(args[0], item) for item in items] if args else items
    make = cast("Callable[[list[object]], object]", origin if origin in (tuple, set, frozenset) else list)
    return make(made)


def _make_record(kind: type, value: dict[str, object]) -> object:
    hints = get_type_hints(kind, include_extras=True)
    unknown = value.keys() - _fields(kind)
    if unknown:
        raise ValueError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    if missing := _needed(kind) - value.keys():
        raise ValueError(f"{kind.__name__} lacks {', '.join(sorted(missing))}")
    return kind(**{name: from_json(hints[name], item) for name, item in value.items()})


def _show(hint: object) -> str:
    kind = _class(hint)
    return kind.__name__ if kind is not None and not get_args(hint) else str(hint)
