"""Why an engine ended, as an error that says what to do. Pure.

Knows: exit statuses, the kinds of failure, hints, the backoff. Does not know: any engine's log (Engine.diagnose).
"""

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from hostler.engines.engine import Engine, Failure
from hostler.errors import EngineCrashed, EngineError, EngineFailed, HostlerError, ModelFileError, NotEnoughMemory

TAIL = 12
"""Log lines that an error carries."""
MAX_BACKOFF_S = 60.0
MEMORY_HINT = "Take a smaller context, a smaller or more quantised model, or unload others (`hostler engine stop`)."
FILE_HINT = "Check the file; `hostler pull` fetches a model again."


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended."""

    returncode: int
    """Negative: the signal that ended it."""
    log: tuple[str, ...]
    """What it had logged, oldest first."""
    out_of_memory: bool
    """The kernel killed something for lack of memory while it ran."""


def describe_exit(end: End) -> str:
    """`exit status 1`, or the signal's name with what it usually means."""
    if end.returncode >= 0:
        return f"exit status {end.returncode}"
    try:
        name = signal.Signals(-end.returncode).name
    except ValueError:
        name = f"signal {-end.returncode}"
    if name == "SIGKILL" and end.out_of_memory:
        return "killed by the kernel, which had run out of memory"
    if name == "SIGKILL":
        return "killed by SIGKILL; unless somebody did that, the system had run out of memory"
    return f"killed by {name}"


def why(engine: Engine, end: End) -> Failure:
    """What the log says, else what the exit status says."""
    if end.returncode == -signal.SIGKILL and end.out_of_memory:
        return Failure("memory", describe_exit(end))
    return engine.diagnose(end.log) or Failure("other", describe_exit(end))


def start_error(model_id: str, end: End, *, engine: Engine) -> EngineError:
    """The error for an engine that ended before it was ready."""
    failure = why(engine, end)
    tail = end.log[-TAIL:]
    match failure.kind:
        case "memory":
            return NotEnoughMemory(
                f"{model_id} could not be loaded, memory ran out: {failure.reason}", hint=MEMORY_HINT, log_tail=tail
            )
        case "model file":
            return ModelFileError(
                f"{model_id} could not be loaded, the model file is no good: {failure.reason}",
                hint=FILE_HINT,
                log_tail=tail,
            )
        case "port" | "other":
            return EngineFailed(f"the engine of {model_id} ended before it was ready: {failure.reason}", log_tail=tail)


def crash_error(model_id: str, end: End, *, engine: Engine) -> EngineCrashed:
    """The error for an engine that ended while it was serving."""
    failure = why(engine, end)
    return EngineCrashed(
        f"the engine of {model_id} ended while it was serving: {failure.reason}",
        hint=MEMORY_HINT if failure.kind == "memory" else "It is started again by the next call.",
        log_tail=end.log[-TAIL:],
    )


def backoff_s(failures: int, *, served: bool, base: float = 1.0) -> float:
    """Seconds to leave an engine alone after this many failures in a row.

    The first crash of an engine that had served costs nothing; failed starts cost 1, 2, 4, ... up to 60 s.
    """
    steps = failures - 1 if served else failures
    return 0.0 if steps <= 0 else min(MAX_BACKOFF_S, base * 2.0 ** min(steps - 1, 16))


def copy_of(error: HostlerError, *, retry_after: float | None) -> HostlerError:
    """The same error for another caller, with the seconds that are left; one that is shared would gather tracebacks."""
    if isinstance(error, EngineError):
        return type(error)(error.message, hint=error.hint, retry_after=retry_after, log_tail=error.log_tail)
    return error


def tail_of(lines: Sequence[str]) -> tuple[str, ...]:
    """The part of a log that an error carries."""
    return tuple(lines[-TAIL:])
