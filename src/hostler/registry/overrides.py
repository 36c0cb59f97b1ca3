"""The overrides file: what the user says of models, over everything that others say.

Knows: its keys, near names, that a bad edit keeps the last good state. Does not know: what facts are used for.
"""

import asyncio
import difflib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, cast

from hostler.core.capabilities import FIELDS, NOTHING_KNOWN, USER, Capabilities, Scalar, fits, make, merge
from hostler.errors import ConfigError
from hostler.registry.file_format import Refused, load_object
from hostler.registry.json_places import Path as Place
from hostler.registry.json_places import line_of, show
from hostler.registry.watched_file import Reading, Signature, read_changed

MAX_BYTES: Final = 1 << 20
POLL_S: Final = 1.0
DOCS: Final = "See docs/capabilities.md."

_KEY: Final = "models"
_WILD: Final = frozenset("*?[")
_KINDS: Final = {
    "text": "a text",
    "answer": "true or false",
    "tokens": "a number of tokens",
    "usd_per_million": "US dollars per million tokens",
    "tiers": 'a text such as "200000: 6/22.5/0.6/7.5"',
}
_log: Final = logging.getLogger(__name__)

Publish = Callable[[str, dict[str, object]], object]


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the user says, by model id or pattern of ids."""

    models: Mapping[str, Capabilities] = field(default_factory=dict[str, Capabilities])

    def facts(self, model_id: str) -> Capabilities:
        """What is said of one model: patterns from the shortest to the longest, the exact id last."""
        fitting = [rule for rule in self.models if rule == model_id or (_is_wild(rule) and fnmatchcase(model_id, rule))]
        fitting.sort(key=lambda rule: (rule == model_id, len(rule)))
        return merge(self.models[rule] for rule in fitting) if fitting else NOTHING_KNOWN


@dataclass(frozen=True, slots=True)
class OverridesStatus:
    """What became of the file. `error` says why the newest text is not used; the last good one then still holds."""

    path: Path
    exists: bool
    overrides: Overrides = Overrides()
    error: str = ""


class OverridesFile:
    """The file's newest good state; `version` grows with each. Nothing here raises because of the file's contents.

    Every change is told to `publish(kind, data)`: `overrides.loaded` or `overrides.refused`.
    """

    def __init__(self, path: Path, publish: Publish | None = None) -> None:
        self.path: Final = path
        self.version = 0
        self.status = OverridesStatus(path, exists=False)
        self._publish: Final[Publish] = publish or (lambda kind, data: None)
        self._signature: Signature | None = None
        self._retry = False
        self.load()

    def facts(self, model_id: str) -> Capabilities:
        """What the user says of a model."""
        return self.status.overrides.facts(model_id)

    def load(self) -> OverridesStatus:
        """Read the file now, on this thread."""
        self._take(read_changed(self.path, None, always=True, most=MAX_BYTES), settled=True)
        return self.status

    async def watch(self, interval: float = POLL_S) -> None:
        """Look every `interval` seconds, on a thread, whether the file changed; ends when it is cancelled."""
        while True:
            await asyncio.sleep(interval)
            reading = await asyncio.to_thread(
                read_changed, self.path, self._signature, always=self._retry, most=MAX_BYTES
            )
            self._take(reading, settled=self._retry)

    def _take(self, reading: Reading | None, *, settled: bool) -> None:
        """What cannot be read right after a change is read once more before anybody is told: it may be half written."""
        if reading is None:
            return
        self._signature = reading.signature
        self._retry = bool(reading.problem)
        if reading.problem:
            self._refuse(reading.problem)
        elif reading.data is None:
            if self.status.exists or self.status.error:
                self._tell(OverridesStatus(self.path, exists=False))
        else:
            written = reading.signature[0] / 1e9 if reading.signature else 0.0
            as_of = datetime.fromtimestamp(written, UTC).date().isoformat()
            self._take_text(reading.data, as_of=as_of, settled=settled)

    def _take_text(self, data: bytes, *, as_of: str, settled: bool) -> None:
        try:
            overrides = read_overrides(data, str(self.path), as_of=as_of)
        except ConfigError as error:
            self._retry = not settled
            if settled:
                self._refuse(error.text)
            return
        if not self.status.exists or self.status.error or overrides != self.status.overrides:
            self._tell(OverridesStatus(self.path, exists=True, overrides=overrides))

    def _refuse(self, error: str) -> None:
        if error != self.status.error:
            self._tell(OverridesStatus(self.path, exists=True, overrides=self.status.overrides, error=error))

    def _tell(self, status: OverridesStatus) -> None:
        self.status = status
        self.version += 1
        if status.error:
            _log.error("%s The last good state stays in force.", status.error)
            self._publish("overrides.refused", {"path": str(self.path), "error": status.error})
        else:
            self._publish("overrides.loaded", {"path": str(self.path), "models": len(status.overrides.models)})


def read_overrides(data: bytes, where: str, *, as_of: str = "") -> Overrides:
    """What a text says, as of an ISO date.

    Raises ConfigError with line and place of the first thing that is wrong, and near names.
    """
    try:
        if len(data) > MAX_BYTES:
            raise Refused(f"the file is larger than {MAX_BYTES >> 20} MiB")
        text, tree = load_object(data)
    except Refused as refused:
        raise ConfigError(f"{where}: {refused.problem}", hint=DOCS) from None

    def wrong(place: Place, message: str, near: str = "") -> ConfigError:
        line = line_of(text, place)
        hint = f"Did you mean '{near}'?" if near else DOCS
        return ConfigError(f"{where}: line {line or 1}: {show(place) or 'the file'}: {message}", hint=hint)

    top = cast("dict[str, object]", tree)
    for key in top:
        if key not in (_KEY, "$schema"):
            raise wrong((key,), "there is no such key", _KEY)
    models = top.get(_KEY, {})
    if not isinstance(models, dict):
        raise wrong((_KEY,), "it must be an object of model ids")
    read: dict[str, Capabilities] = {}
    for rule, said in cast("dict[str, object]", models).items():
        if "/" not in rule and not _is_wild(rule):
            raise wrong((_KEY, rule), "a model's id has a provider before a slash")
        if not isinstance(said, dict):
            raise wrong((_KEY, rule), "it must be an object of capabilities")
        read[rule] = _said(cast("dict[str, object]", said), (_KEY, rule), as_of=as_of, wrong=wrong)
    return Overrides(read)


def _said(said: Mapping[str, object], place: Place, *, as_of: str, wrong: Callable[..., ConfigError]) -> Capabilities:
    """One model's facts."""
    for name, value in said.items():
        if name not in FIELDS:
            near = difflib.get_close_matches(name, FIELDS, 1)
            raise wrong((*place, name), "there is no such capability", near[0] if near else "")
        if not fits(FIELDS[name].kind, value):
            raise wrong((*place, name), f"it must be {_KINDS[FIELDS[name].kind]}")
    return make(cast("Mapping[str, Scalar]", said), source=USER, as_of=as_of)


def _is_wild(rule: str) -> bool:
    return not _WILD.isdisjoint(rule)
