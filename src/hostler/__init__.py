"""One door to every language model: hosted vendors and your own machines.

    async with hostler.open() as client:
        print((await client.ask("here/demo", "Hello")).text)

Knows: the public names and where each lives. Loads nothing before it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hostler.app import open_here as open
    from hostler.client.asking import Prompt
    from hostler.client.client import Client, ModelInfo
    from hostler.core.deltas import (
        Delta,
        Finished,
        ReasoningDelta,
        TextDelta,
        ToolCallDelta,
        ToolCallStarted,
        UsageDelta,
    )
    from hostler.core.messages import Media, Message, Reasoning, Text, ToolCall, ToolResult
    from hostler.core.requests import OutputFormat, ReasoningOptions, Reply, ToolChoice
    from hostler.core.tools import FunctionTool, Tool, function_tool
    from hostler.core.usage import Usage
    from hostler.errors import HostlerError

__version__ = "0.1.0"

_PLACES: Final = {
    "open": "hostler.app:open_here",
    "Prompt": "hostler.client.asking",
    "Client": "hostler.client.client",
    "ModelInfo": "hostler.client.client",
    "Delta": "hostler.core.deltas",
    "Finished": "hostler.core.deltas",
    "ReasoningDelta": "hostler.core.deltas",
    "TextDelta": "hostler.core.deltas",
    "ToolCallDelta": "hostler.core.deltas",
    "ToolCallStarted": "hostler.core.deltas",
    "UsageDelta": "hostler.core.deltas",
    "Media": "hostler.core.messages",
    "Message": "hostler.core.messages",
    "Reasoning": "hostler.core.messages",
    "Text": "hostler.core.messages",
    "ToolCall": "hostler.core.messages",
    "ToolResult": "hostler.core.messages",
    "OutputFormat": "hostler.core.requests",
    "ReasoningOptions": "hostler.core.requests",
    "Reply": "hostler.core.requests",
    "ToolChoice": "hostler.core.requests",
    "FunctionTool": "hostler.core.tools",
    "Tool": "hostler.core.tools",
    "function_tool": "hostler.core.tools",
    "Usage": "hostler.core.usage",
    "HostlerError": "hostler.errors",
}

__all__ = [
    "Client",
    "Delta",
    "Finished",
    "FunctionTool",
    "HostlerError",
    "Media",
    "Message",
    "ModelInfo",
    "OutputFormat",
    "Prompt",
    "Reasoning",
    "ReasoningDelta",
    "ReasoningOptions",
    "Reply",
    "Text",
    "TextDelta",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallStarted",
    "ToolChoice",
    "ToolResult",
    "Usage",
    "UsageDelta",
    "__version__",
    "function_tool",
    "open",
]


def __getattr__(name: str) -> object:
    """The named lazy place of the Python interface: a public name is imported when it is first used."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module 'hostler' has no attribute {name!r}")
    module, _, other = place.partition(":")
    found: object = getattr(import_module(module), other or name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
