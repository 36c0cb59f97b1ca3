"""What an engine is to its supervisor: how to start it, how to tell that it is ready, and what its log means.

Knows: the protocol and the records around it. Does not know: any particular engine, processes, events.
A new engine (MLX, vLLM, Ollama) is one class with these methods.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from hostler.engines.recipe import Recipe

LOOPBACK = "127.0.0.1"

EngineState = Literal["stopped", "starting", "ready", "stopping", "failed"]
FailureKind = Literal["model file", "memory", "port", "other"]


@dataclass(frozen=True, slots=True)
class EngineEndpoint:
    """Where a ready engine answers; good until it ends."""

    host: str
    port: int
    api_key: str = field(repr=False)
    """Known to us and to the engine alone; sent as `Authorization: Bearer`."""
    slots: int
    """Calls it serves at once."""
    model: str
    """The name it puts into replies: our model id."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """One engine as people may see it; `failed` ones are those that wait out their backoff."""

    model_id: str
    state: EngineState
    pid: int | None
    port: int | None
    slots: int
    in_flight: int
    """Calls being served."""
    waiting: int
    """Calls that wait for it to be ready."""
    predicted_bytes: int
    idle_s: float | None
    """Seconds since the last call ended; None while there are calls or before it is ready."""
    uptime_s: float | None
    """Seconds since it became ready."""
    recipe_id: str
    failures: int
    """Failures in a row."""
    error: str | None
    """The last failure, while it is in the way."""
    retry_after_s: float | None
    """Seconds until a new start is tried."""
    since: float | None = None
    """Unix seconds when this state began."""
    fraction: float | None = None
    """How much of it is loaded, 0 to 1, while it starts and where that is known."""
    waits_for: tuple[str, ...] = ()
    """The models whose memory its start waits for."""
    error_code: str | None = None
    error_hint: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """What an engine is told for one start."""

    model_id: str
    recipe: Recipe
    """Paths absolute, context named."""
    api_key: str = field(repr=False)
    port: int
    """The port to listen on; 0: the engine chooses and reports it."""


@dataclass(frozen=True, slots=True)
class Spawn:
    """The process to run for one start."""

    argv: tuple[str, ...]
    """No secrets: everybody on the machine can read it."""
    environment: Mapping[str, str] = field(repr=False)
    """The whole environment."""
    stdin: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an engine ended, as its log and exit tell."""

    kind: FailureKind
    reason: str
    """The telling line, or a sentence made from the exit status."""


class Engine(Protocol):
    """One kind of inference server."""

    @property
    def name(self) -> str:
        """As recipes name it: `llama.cpp`."""
        ...

    @property
    def health_path(self) -> str:
        """Answers 200 when the model is loaded, something else before; asked without a key."""
        ...

    @property
    def reports_port(self) -> bool:
        """True: it picks a port and writes it to descriptor 3 once it is ready to be asked. False: it is given one."""
        ...

    def build(self) -> str:
        """What identifies this build of it, for recipe ids. Raises EngineMissing."""
        ...

    def spawn(self, start: Start) -> Spawn:
        """What to run. Raises EngineMissing."""
        ...

    def diagnose(self, log: Sequence[str]) -> Failure | None:
        """What its log says about why it ended; None when it says nothing telling."""
        ...

    def progress(self, line: str) -> str | None:
        """A line of its log while it loads, as people may read it; None for noise."""
        ...
