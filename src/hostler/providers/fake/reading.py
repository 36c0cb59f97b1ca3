"""Knows how a script is read from YAML or JSON, strictly: a key that nobody knows is an error that names its place.

Does not know: what a reply does.
"""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from hostler.errors import ConfigError
from hostler.providers.fake import script
from hostler.providers.fake.default_script import DEFAULT
from hostler.providers.fake.dialects import PRESETS
from hostler.providers.fake.json_values import is_array
from hostler.providers.fake.script import Dialect, Script

_UNKNOWN: Final = re.compile(r"unknown field `(\w+)`")
_VALUE: Final = re.compile(r"[Ii]nvalid enum value '?(\S+?)'?(?: |$)")
_PLACE: Final = re.compile(r" - at `\$?\.?(.*?)`$")
_RECORDS: Final = (
    script.Script, script.Model, script.Reply, script.When, script.Call, script.Counts, script.Chunks,
    script.Pace, script.Framing, script.Failure, script.Retry, script.Break, script.Dialect,
)  # fmt: skip
KEYS: Final = tuple(sorted({name for record in _RECORDS for name in record.__struct_fields__}))
"""Every key that a script may hold."""


def read_script(source: "Script | Mapping[str, object] | Path | str | None") -> Script:
    """A script from a record, a mapping, a file's path, or a text in YAML or JSON; None is the built-in one.

    Raises ConfigError naming the file, the place and, for a misspelt key, the nearest known one.
    """
    match source:
        case None:
            return parse_script(DEFAULT, "the built-in script")
        case Script():
            return source
        case Path():
            try:
                return parse_script(source.read_text("utf-8"), str(source))
            except OSError as error:
                raise ConfigError(f"{source}: cannot be read ({error.strerror})") from error
            except UnicodeDecodeError as error:
                raise ConfigError(f"{source}: is not UTF-8 text") from error
        case str():
            return parse_script(source, "the script")
        case _:
            return _converted(dict(source), "the script")


def parse_script(text: str, name: str) -> Script:
    """A script from YAML or JSON text; `name` says in errors where the text is from."""
    return _converted(_loaded(text, name), name)


def _loaded(text: str, name: str) -> object:
    # lazy: the parser takes 60 ms to import, and most runs of hostler read no YAML
    from ruamel.yaml import YAML  # lazy: see above
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # lazy: see above

    try:
        loaded: object = YAML(typ="safe", pure=True).load(text)  # pyright: ignore[reportUnknownMemberType]
    except MarkedYAMLError as error:
        line: object = getattr(getattr(error, "problem_mark", None), "line", None)  # the package has no types
        where = f"{name}, line {line + 1}" if isinstance(line, int) else name
        raise ConfigError(f"{where}: {getattr(error, 'problem', None) or 'this is no YAML'}") from error
    except YAMLError as error:
        raise ConfigError(f"{name}: {error}") from error
    return loaded


def _converted(loaded: object, name: str) -> Script:
    if is_array(loaded):
        loaded = {"models": loaded}
    try:
        made = msgspec.convert(loaded, Script)
    except msgspec.ValidationError as error:
        raise _explained(str(error), name) from error
    _check(made, name)
    return made


def _explained(message: str, name: str) -> ConfigError:
    place = _PLACE.search(message)
    where = f"{name}, {place[1]}" if place and place[1] else name
    text = _PLACE.sub("", message)
    hint = None
    if unknown := _UNKNOWN.search(text):
        near = difflib.get_close_matches(unknown[1], KEYS, 1)
        text = f"unknown key '{unknown[1]}'"
        hint = f"Did you mean '{near[0]}'?" if near else None
    elif value := _VALUE.search(text):
        text = f"'{value[1]}' is not one of the words that may stand here"
    return ConfigError(f"{where}: {text}", hint=hint)


def _check(made: Script, name: str) -> None:
    """What the types cannot say."""
    if not made.models:
        raise ConfigError(f"{name}: there is no model")
    _check_dialect(made.dialect, name)
    seen: set[str] = set()
    for place, model in enumerate(made.models):
        if model.id in seen:
            raise ConfigError(f"{name}, models[{place}]: the model '{model.id}' is there twice")
        seen.add(model.id)
        _check_dialect(model.dialect, f"{name}, models[{place}]")
        if not model.replies:
            raise ConfigError(f"{name}, models[{place}]: the model '{model.id}' has no reply")
        for number, reply in enumerate(model.replies):
            pattern = reply.when.matches if reply.when else None
            try:
                re.compile(pattern or "")
            except re.error as error:
                where = f"{name}, models[{place}].replies[{number}].when.matches"
                raise ConfigError(f"{where}: {error}") from error


def _check_dialect(given: str | Dialect | None, where: str) -> None:
    if isinstance(given, str) and given not in PRESETS:
        near = difflib.get_close_matches(given, PRESETS, 1)
        hint = f"Did you mean '{near[0]}'?" if near else f"Known are {', '.join(PRESETS)}."
        raise ConfigError(f"{where}.dialect: '{given}' is not a known dialect", hint=hint)
