"""What a caller may say in a request, and the request that it becomes. Knows core's records; sends nothing."""

from collections.abc import Callable, Sequence
from typing import TypedDict, Unpack

from hostler.core.messages import Message, Text
from hostler.core.requests import ChatRequest, OutputFormat, ReasoningOptions, Sampling, ToolChoice
from hostler.core.tools import FunctionTool, Tool, tool_from_function

Prompt = str | Message | Sequence[Message]
"""Text of the user's, one message, or a conversation that ends with the user's message or tool results."""


class Options(TypedDict, total=False):
    """What may be said beside model and prompt; what is left out is the model's own default."""

    system: str
    """Instructions that come before the conversation."""
    tools: "Sequence[Tool | FunctionTool | Callable[..., object]]"
    """What the model may call; a plain function is described by its signature and docstring. Nothing is run."""
    tool_choice: ToolChoice
    parallel_tool_calls: bool
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    seed: int
    presence_penalty: float
    frequency_penalty: float
    stop: Sequence[str]
    """Sequences at which the reply ends."""
    reasoning: ReasoningOptions
    output_format: OutputFormat


def request_of(model: str, prompt: Prompt, **options: Unpack[Options]) -> ChatRequest:
    """The request; raises TypeError for a function that cannot be described as a tool."""
    return ChatRequest(
        model=model,
        messages=(*_system(options.get("system", "")), *_messages(prompt)),
        tools=tuple(_tool(tool) for tool in options.get("tools", ())),
        tool_choice=options.get("tool_choice"),
        parallel_tool_calls=options.get("parallel_tool_calls"),
        max_tokens=options.get("max_tokens"),
        sampling=Sampling(
            temperature=options.get("temperature"),
            top_p=options.get("top_p"),
            top_k=options.get("top_k"),
            min_p=options.get("min_p"),
            seed=options.get("seed"),
            presence_penalty=options.get("presence_penalty"),
            frequency_penalty=options.get("frequency_penalty"),
            stop=tuple(options.get("stop", ())),
        ),
        reasoning=options.get("reasoning"),
        output_format=options.get("output_format"),
        stream=True,
        include_usage=True,
    )


def said(role_text: str) -> Message:
    """A user's message of plain text."""
    return Message("user", (Text(text=role_text),))


def _system(text: str) -> tuple[Message, ...]:
    return (Message("system", (Text(text=text),)),) if text else ()


def _messages(prompt: Prompt) -> tuple[Message, ...]:
    if isinstance(prompt, str):
        return (said(prompt),)
    return (prompt,) if isinstance(prompt, Message) else tuple(prompt)


def _tool(tool: "Tool | FunctionTool | Callable[..., object]") -> Tool:
    if isinstance(tool, Tool):
        return tool
    return tool.tool if isinstance(tool, FunctionTool) else tool_from_function(tool)
