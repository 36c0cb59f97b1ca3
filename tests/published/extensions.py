"""Where we knowingly write what the published schemas do not have, each with its reason. It judges nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

ANY: Final = object()
GONE: Final = object()
SDK: Final = "the SDK"


@dataclass(frozen=True, slots=True)
class Extension:
    """One departure. `path`: members by name, `[]` for each item of a list, at the end the member itself.

    `value`: the only value that is excused, if not all are. `published`: what stands in for it before a judge.
    `lacking`: the one judge that lacks it, where another has it.
    """

    document: str
    path: str
    why: str
    value: object = ANY
    published: object = GONE
    lacking: str = ""


OLLAMA_0_33: Final = "api/types.go of the server 0.33 has it; its SDK or its description lags behind"
EXTENSIONS = (
    Extension("chat", "choices[].message.reasoning_content", "readable thinking, as DeepSeek, vLLM, llama.cpp have it"),
    Extension("chat", "choices[].message.reasoning_details", "signed thinking, as OpenRouter has it"),
    Extension("chat", "choices[].finish_reason", "a failed reply must not look whole", "error", "stop"),
    Extension("chat.chunk", "choices[].delta.reasoning_content", "as in a whole reply"),
    Extension("chat.chunk", "choices[].delta.reasoning_details", "as in a whole reply"),
    Extension("chat.chunk", "choices[].delta.annotations", "published for whole replies, not yet for chunks"),
    Extension("chat.chunk", "choices[].finish_reason", "as in a whole reply", "error", "stop"),
    Extension("chat.chunk", "choices[].delta.tool_calls[].custom", "published for whole replies, not yet for chunks"),
    Extension("chat.chunk", "choices[].delta.tool_calls[].type", "the same", "custom", "function"),
    Extension("response", "store", "stands in the vendor's own examples of replies"),
    Extension("response.event", "response.store", "the same"),
    Extension("response.event", "response.usage", "null in the vendor's own examples until it is counted", None),
    Extension("response.event", "error", "the vendor sends an error event's fields once more in this form"),
    Extension("response.event", "name", "required by the description of August 2026, not in newer types", lacking=SDK),
    *(
        Extension(
            "response.event", "response.error.code", "the vendor sends it, its agent reads it", code, "server_error"
        )
        for code in ("context_length_exceeded", "insufficient_quota", "server_is_overloaded", "usage_not_included")
    ),
    Extension("openai.error", "request_id", "the number to ask us about, where only bodies are kept"),
    Extension("anthropic.error", "error.type", "documented for too long bodies", "request_too_large", "api_error"),
    Extension("anthropic.error", "error.type", "published among types of errors", "conflict_error", "api_error"),
    Extension("openai.models", "data[].context_length", "as OpenRouter has it: clients ask for it"),
    Extension("openai.model", "context_length", "as in the list"),
    Extension("ollama.chat", "message.tool_calls[].id", OLLAMA_0_33),
    Extension("ollama.chat", "message.tool_calls[].function.index", OLLAMA_0_33),
    Extension("ollama.tags", "models[].name", OLLAMA_0_33, lacking=SDK),
    Extension("ollama.tags", "models[].capabilities", OLLAMA_0_33),
    Extension("ollama.tags", "models[].details.context_length", OLLAMA_0_33),
    Extension("ollama.tags", "models[].details.parent_model", OLLAMA_0_33, lacking="ollama's description"),
    Extension("ollama.show", "details.context_length", OLLAMA_0_33),
    Extension("ollama.show", "modelfile", OLLAMA_0_33, lacking="ollama's description"),
)


def plain(document: str, value: Any, *, judge: str) -> tuple[Any, set[Extension]]:
    """`value`, changed in place, without what a judge would not know; and the departures that were met."""
    met: set[Extension] = set()
    for extension in EXTENSIONS:
        if extension.document == document and extension.lacking in ("", judge):
            for holder, member in _places(value, extension.path.replace("[]", ".[]").split(".")):
                if extension.value not in (ANY, holder[member]):
                    continue
                met.add(extension)
                if extension.published is GONE:
                    del holder[member]
                else:
                    holder[member] = extension.published
    return value, met


def _places(value: Any, steps: list[str]) -> Iterator[tuple[dict[str, Any], str]]:
    """The objects that hold what a path leads to."""
    step, *rest = steps
    if step == "[]":
        for each in value if isinstance(value, list) else ():
            yield from _places(each, rest)
    elif isinstance(value, dict) and step in value:
        if rest:
            yield from _places(value[step], rest)
        else:
            yield value, step
