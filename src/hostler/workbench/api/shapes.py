"""Bodies and answers that only the API has; all others are records of the parts that it asks. Knows shapes only."""

from typing import Any  # edge: preferences are any JSON

import msgspec

from hostler.client.sessions.parts import Parts
from hostler.client.sessions.records import NO_PARAMS, Folder, ForkMode, Hit, Message, Params, Prompt, SessionSummary
from hostler.workbench.views import EngineState, MachineMemory, ModelView, Problem, ProviderView, PullState


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body: a name that nobody knows is a mistake worth telling."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer."""


class Refusal(Answer, frozen=True):
    """Any answer that is no success."""

    error: Problem


# ------------------------------------------------------------------------- sessions and messages


class TurnBody(Given, frozen=True):
    """What a person says after `parent` (null: at the beginning) to up to eight models."""

    parts: Parts
    models: tuple[str, ...]
    parent: str | None = None
    params: Params = NO_PARAMS


class RegenerateBody(Given, frozen=True):
    """Which models answer again; none: the one that did."""

    models: tuple[str, ...] = ()
    params: Params = NO_PARAMS


class EditBody(Given, frozen=True):
    """A message in other words; with `send` a person's is answered, by `models` or by those that answered it before."""

    parts: Parts
    send: bool = False
    models: tuple[str, ...] = ()
    params: Params = NO_PARAMS


class ForkBody(Given, frozen=True):
    """Where a session is forked off, and what is taken along."""

    message: str
    mode: ForkMode = "path"


class Nothing(Given, frozen=True):
    """An empty object."""


class Replies(Answer, frozen=True):
    """Replies that have begun."""

    replies: tuple[Message, ...]


class OneMessage(Answer, frozen=True):
    """A message."""

    message: Message


class Messages(Answer, frozen=True):
    """Messages, parents before children."""

    messages: tuple[Message, ...]


class Gone(Answer, frozen=True):
    """What was deleted."""

    id: str


class GoneMessages(Answer, frozen=True):
    """Messages that were deleted."""

    ids: tuple[str, ...]


class Sessions(Answer, frozen=True):
    """Sessions, as lists show them."""

    sessions: tuple[SessionSummary, ...]


class Folders(Answer, frozen=True):
    """Folders by name."""

    folders: tuple[Folder, ...]


class Hits(Answer, frozen=True):
    """What a search found, the best first."""

    hits: tuple[Hit, ...]


# ------------------------------------------------------------------------- models, engines, pulls


class Models(Answer, frozen=True):
    """Every model that is known, the default provider, and what the person likes."""

    default: str
    favorites: tuple[str, ...]
    models: tuple[ModelView, ...]


class Providers(Answer, frozen=True):
    """The providers file and what came of it. `error`: why its newest text is not used."""

    path: str
    exists: bool
    error: str
    warnings: tuple[str, ...]
    default: str
    providers: tuple[ProviderView, ...]


class EngineMemory(Answer, frozen=True):
    """Bytes: what the machine has and can give, what engines may take together (0: no limit), what they leave."""

    total: int
    available: int
    limit: int
    reserve: int


class Engines(Answer, frozen=True):
    """Every engine that runs, starts, or waits out a failure."""

    engines: tuple[EngineState, ...]
    memory: EngineMemory


class MachinesMemory(Answer, frozen=True):
    """Other machines, and the models in their memory."""

    machines: tuple[MachineMemory, ...]


class ModelBody(Given, frozen=True):
    """A model id."""

    model: str


class Loading(Answer, frozen=True):
    """The model that is being loaded, or is there already."""

    model: str


class Stopped(Answer, frozen=True):
    """Whether the model was in memory, or on its way there."""

    stopped: bool


class LogLines(Answer, frozen=True):
    """The end of an engine's log, oldest first."""

    lines: tuple[str, ...]


class PullBody(Given, frozen=True):
    """ORG/NAME or ORG/NAME:QUANT."""

    spec: str


class Pulls(Answer, frozen=True):
    """Downloads since the start, oldest first."""

    pulls: tuple[PullState, ...]


# ------------------------------------------------------------------------- what a person keeps


class Preferences(Answer, frozen=True):
    """Values by key; any JSON."""

    preferences: dict[str, Any]


class Prompts(Answer, frozen=True):
    """Texts for use again, by name."""

    prompts: tuple[Prompt, ...]


class NewPrompt(Given, frozen=True):
    """A text to keep."""

    name: str
    text: str
