"""How a command ends: its exit status, and what standard error says.

Knows: which error means which status. Does not know: any command.
"""

from typing import Final

from hostler.errors import HostlerError, UpstreamRefused

DONE: Final = 0
FAILED: Final = 1
MISUSED: Final = 2
NOT_FOUND: Final = 3
INTERRUPTED: Final = 130

_NOT_FOUND_CODES: Final = frozenset(
    {"model_not_found", "not_found", "upstream_unreachable", "provider_not_ready", "not_running"}
)


class NotRunning(HostlerError):
    """The command needs a running hostler, and none has this data folder."""

    status = 503
    code = "not_running"


def status_of(error: HostlerError) -> int:
    """3 when what was asked for is not there or cannot be reached, else 1."""
    kind = error.kind if isinstance(error, UpstreamRefused) else ""
    return NOT_FOUND if error.code in _NOT_FOUND_CODES or kind in _NOT_FOUND_CODES else FAILED


def lines_of(error: HostlerError) -> str:
    """Message and hint, as standard error shows them."""
    lines = [f"hostler: {error.message}"]
    if error.hint:
        lines.append(f"  {error.hint}")
    tail = getattr(error, "log_tail", ())
    lines += [f"  | {line}" for line in tail]
    return "\n".join(lines)
