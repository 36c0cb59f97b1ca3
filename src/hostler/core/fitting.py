"""Whether a request fits what its model is known to be able to do, and what of it must go where it does not.

Knows: which facts speak against which requests. Does not know: wires, who asks, where facts come from. Only a plain no
counts: what is unknown or uncertain fits.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal, NamedTuple

from hostler.core.capabilities import Capabilities, Fact
from hostler.core.messages import Media, MediaKind, Message, Part, Refusal, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest

Checks = Literal["error", "degrade", "off"]
"""What happens to a request that does not fit: it is refused, it loses what does not fit, or it is sent as it is."""

BYTES_PER_TOKEN: Final = 6
"""More than any tokenizer makes of ordinary text or code (3 to 5), so that tokens are counted too low, not too high."""
_ANSWER: Final = 1024
"""Tokens that an answer may take where nobody said."""
_SCHEMA: Final = 100
"""Tokens of a tool's parameters, about."""
_MEDIUM: Final = 1500
"""Tokens of a picture, about."""
_RUNS: Final = ("    ", "----", "====")
"""What tokenizers fold into few tokens however long it is."""
_SENSES: Final[tuple[tuple[MediaKind, str], ...]] = (("image", "vision"), ("audio", "audio"), ("video", "video"))
_WORDS: Final[dict[MediaKind, str]] = {
    "image": "an image",
    "audio": "sound",
    "video": "a film",
    "document": "a document",
}


class Limits(NamedTuple):
    """What is known against requests to one model. `window` and `max_output` in tokens, 0 where they are not known."""

    model_id: str
    blind: frozenset[MediaKind] = frozenset()
    toolless: bool = False
    thoughtless: bool = False
    window: int = 0
    max_output: int = 0
    degrade: bool = False


class Misfit(NamedTuple):
    """One thing that does not fit: where, what, and the least number of tokens of a prompt that is too long."""

    path: str
    message: str
    tokens: int = 0


def limits_of(model_id: str, facts: Capabilities, *, checks: Checks) -> Limits | None:
    """What a request to the model must keep to; None where nothing is known against any."""
    if checks == "off":
        return None
    limits = Limits(
        model_id,
        blind=frozenset(kind for kind, field in _SENSES if _is_no(getattr(facts, field))),
        toolless=_is_no(facts.tool_calling),
        thoughtless=_is_no(facts.reasoning),
        window=_certain(facts.context_window),
        max_output=_certain(facts.max_output),
        degrade=checks == "degrade",
    )
    return None if limits == Limits(model_id, degrade=limits.degrade) else limits


def misfits(limits: Limits, request: ChatRequest) -> tuple[Misfit, ...]:
    """What of the request the model cannot take."""
    found: list[Misfit] = []
    if limits.blind:
        for path, part in _media(request):
            if part.kind in limits.blind:
                text = f"'{limits.model_id}' takes no {part.kind}, and there is {_WORDS[part.kind]} at {path}."
                found.append(Misfit(path, text))
                break
    if limits.toolless and _offers_tools(request):
        count = len(request.tools)
        text = f"'{limits.model_id}' calls no tools, and the request offers {count}."
        found.append(Misfit("tools", text))
    if limits.window and (tokens := least_tokens(request)) > limits.window:
        text = f"'{limits.model_id}': the prompt is too long: at least {tokens} tokens > {limits.window} maximum."
        found.append(Misfit("messages", text, tokens))
    return tuple(found)


def fitted(limits: Limits, request: ChatRequest) -> tuple[ChatRequest, tuple[str, ...]]:
    """The request with what does not fit left out, and the names of that.

    Where such requests are refused, only a wish to think and a reply longer than possible are left out: both are
    wishes, and many clients have them of every model.
    """
    lost: set[str] = set()
    if limits.thoughtless and request.reasoning is not None and request.reasoning.mode != "off":
        request = replace(request, reasoning=None)
        lost.add("thinking")
    if limits.max_output and request.max_tokens is not None and request.max_tokens > limits.max_output:
        request = replace(request, max_tokens=limits.max_output)
        lost.add("max_tokens")
    if limits.degrade:
        if limits.toolless and _offers_tools(request):
            request = replace(request, tools=(), tool_choice=None, parallel_tool_calls=None)
            lost.add("tools")
        request = _without_media(limits, request, lost=lost)
        if limits.window:
            request = _within_window(limits, request, lost=lost)
    return request, tuple(sorted(lost))


def least_tokens(request: ChatRequest) -> int:
    """A number of tokens that the prompt has at least, by its texts alone: media and templates come on top."""
    texts = [text for message in request.messages for text in _texts(message.parts)]
    texts += [f"{tool.name}{tool.description}" for tool in request.tools]
    return _weight(texts) // BYTES_PER_TOKEN


def window_to_ask(known: Fact[int] | None, request: ChatRequest, *, usual: int) -> int | None:
    """The window in tokens to ask a server for that takes `usual` ones unless it is told; None: that is enough.

    A doubled number rather than the exact one, since a server loads its model anew for each other window; of a doubtful
    fact (what a model was trained for may not fit its machine) only as much as is needed.
    """
    answer = _ANSWER if request.max_tokens is None else request.max_tokens
    media = sum(1 for _ in _media(request))
    needed = 2 * least_tokens(request) + _SCHEMA * len(request.tools) + _MEDIUM * media + answer
    if known is None or needed <= usual or known.value <= usual:
        return None
    if not known.uncertain:
        return known.value
    window = usual
    while window < needed:
        window *= 2
    return min(window, known.value)


def _weight(texts: list[str]) -> int:
    """UTF-8 bytes, without those of runs."""
    total = 0
    for text in texts:
        total += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        total -= sum(len(run) * text.count(run) for run in _RUNS)
    return total


def _texts(parts: tuple[Part, ...]) -> Iterator[str]:
    for part in parts:
        match part:
            case Text(text=text) | Refusal(text=text):
                yield text
            case ToolCall(arguments=arguments):
                yield arguments
            case ToolResult(content=content):
                yield from _texts(content)
            case Media(text=str(text)):
                yield text
            case _:
                pass  # whether an upstream counts earlier thinking differs, and media have rates of their own


def _media(request: ChatRequest) -> Iterator[tuple[str, Media]]:
    for m, message in enumerate(request.messages):
        for p, part in enumerate(message.parts):
            if isinstance(part, Media):
                yield f"messages[{m}].content[{p}]", part
            elif isinstance(part, ToolResult):
                for r, inner in enumerate(part.content):
                    if isinstance(inner, Media):
                        yield f"messages[{m}].content[{p}].content[{r}]", inner


def _offers_tools(request: ChatRequest) -> bool:
    return bool(request.tools) and (request.tool_choice is None or request.tool_choice.mode != "none")


def _without_media(limits: Limits, request: ChatRequest, *, lost: set[str]) -> ChatRequest:
    """Each medium that the model does not take gives way to a word that it stood there."""
    if not any(part.kind in limits.blind for _, part in _media(request)):
        return request

    def seen(part: Part) -> Part:
        if isinstance(part, Media) and part.kind in limits.blind:
            lost.add(f"messages[].{part.kind}")
            return Text(text=f"({_WORDS[part.kind]} was here, which this model cannot take)")
        if isinstance(part, ToolResult):
            return replace(part, content=tuple(seen(inner) for inner in part.content))  # pyright: ignore[reportArgumentType]  # a medium becomes text
        return part

    messages = tuple(replace(message, parts=tuple(map(seen, message.parts))) for message in request.messages)
    return replace(request, messages=messages)


def _within_window(limits: Limits, request: ChatRequest, *, lost: set[str]) -> ChatRequest:
    """Without the oldest turns, as far as the last one may be kept; system messages that lead stay."""
    if least_tokens(request) <= limits.window:
        return request
    messages = request.messages
    lead = next((i for i, message in enumerate(messages) if message.role not in ("system", "developer")), 0)
    begins = [i for i in range(lead + 1, len(messages)) if _is_said(messages[i])]
    for start in begins:
        shorter = replace(request, messages=(*messages[:lead], *messages[start:]))
        if least_tokens(shorter) <= limits.window or start == begins[-1]:
            lost.add("messages")
            return shorter
    return request


def _is_said(message: Message) -> bool:
    """Whether a person says something here, so that a history may begin with it."""
    return message.role == "user" and any(not isinstance(part, ToolResult) for part in message.parts)


def _is_no(fact: Fact[bool] | None) -> bool:
    return fact is not None and not fact.value and not fact.uncertain


def _certain(fact: Fact[int] | None) -> int:
    return fact.value if fact is not None and not fact.uncertain else 0
