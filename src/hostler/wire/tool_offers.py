"""Which tools a request may offer within a dialect, and what may be said of their choice. Knows no wire's JSON."""

from dataclasses import replace

from hostler.core.requests import ChatRequest, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import Wire
from hostler.wire.dialects import Dialect


def offer_tools(
    request: ChatRequest, dialect: Dialect, *, wire: Wire, dropped: set[str], says_choice: bool = True
) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """The tools that `wire` can offer and the choice among them (None: say nothing); adds to `dropped` what is lost.

    A choice that names tools, where the dialect has only words, becomes fewer tools and a word. `says_choice`: the wire
    has a field for it.
    """
    says_choice = says_choice and dialect.tool_choice
    for tool in request.tools:
        if tool.server is not None and request.wire != wire:
            dropped.add(f"tools[].{tool.name}")
    tools = tuple(tool for tool in request.tools if tool.server is None or request.wire == wire)
    choice = request.tool_choice
    if choice is None:
        return tools, None
    wanted = {choice.name} if choice.mode == "named" else set(choice.allowed)
    named = dialect.named_tool_choice and (dialect.allowed_tools or choice.mode == "named")
    if wanted and not (named and says_choice):
        tools = tuple(tool for tool in tools if tool.name in wanted) or tools
        choice = ToolChoice("required") if choice.mode == "named" else replace(choice, allowed=())
    if dialect.forced_tool_choice == "never" and choice.mode in ("required", "named"):
        tools = tuple(tool for tool in tools if not wanted or tool.name in wanted) or tools
        dropped.add("tool_choice")
        choice = ToolChoice()
    if says_choice and tools:
        return tools, choice
    if choice.mode in ("required", "named"):
        dropped.add("tool_choice")
    return (() if choice.mode == "none" else tools), None


def write_parallel(request: ChatRequest, dialect: Dialect, *, offered: bool, dropped: set[str]) -> dict[str, bool]:
    """The switch for parallel calls on wires that have it, if anything is `offered` and the dialect knows it, too."""
    if request.parallel_tool_calls is None:
        return {}
    if offered and dialect.parallel_tool_calls:
        return {"parallel_tool_calls": request.parallel_tool_calls}
    dropped.add("parallel_tool_calls")
    return {}
