"""What translation cannot say, line by line, as data: docs.py writes it down, and the tests hold every codec to it.

Knows: the names in `x-hostler-dropped`, what becomes of each, and which published list of fields shows why.
Does not know: any codec. A name that is in no line here is one that no codec may tell.
"""

from dataclasses import dataclass
from typing import Final

FIELD: Final = "FIELD"
"""Stands for a field that only the client's own wire has, by its path; `OWN_FIELDS` lists the published ones."""
SERVER_TOOL: Final = "tools[].NAME"
"""Stands for a tool that the client's own vendor runs, by its name."""
MEDIA: Final = ("image", "audio", "video", "document")

LISTS: Final = {
    "chat": "CreateChatCompletionRequest",
    "chat message": "ChatCompletionRequestMessage and its parts",
    "chat tool": "ChatCompletionTool",
    "chat reply": "ChatCompletionResponseMessage",
    "responses": "CreateResponse",
    "responses item": "InputItem",
    "responses reply": "OutputItem",
    "messages": "MessageCreateParams",
    "messages block": "MessageParam, ContentBlockParam",
    "messages tool": "Tool",
    "messages output": "OutputConfig",
    "messages reply": "ContentBlock",
    "gemini": "GenerateContentRequest",
    "gemini config": "GenerationConfig",
    "gemini part": "Content, Part",
    "gemini tool": "FunctionDeclaration, FunctionCallingConfig",
    "gemini reply": "Candidate, Part",
    "ollama": "ChatRequest",
    "ollama message": "Message",
    "ollama tool": "Tool",
    "ollama prompt": "GenerateRequest",
    "dashscope": "parameters",
    "dashscope message": "messages",
    "dashscope tool": "tools",
    "dashscope reply": "output",
    "vendor": "the vendor's own list",
}
"""Published lists of fields, and what each is called by its vendor. Where they stand is for the pages to say."""


@dataclass(frozen=True, slots=True)
class Loss:
    """One line. `shown`: the key in `LISTS` of the list that lacks the word; "vendor": where one of them departs."""

    name: str
    becomes: str
    shown: str


def _each(names: str, becomes: str, shown: str) -> tuple[Loss, ...]:  # signature: as Loss
    """One line for each of several names of which the same is true."""
    return tuple(Loss(name, becomes, shown) for name in names.split())


_OUT: Final = "left out"
_FOREIGN: Final = "thinking that another maker signed is left out"
_BLOCKS: Final = "blocks and signatures of other makers are left out, their text goes"
_BROKEN: Final = "arguments that are no JSON object travel under the key `INVALID_JSON`"
_SERVER: Final = "tools that another vendor runs itself are left out"
_AS_FUNCTION: Final = "a free-form tool becomes a function with one string, `input`; its grammar is told in words"
_NEAREST: Final = "the nearest word that is known, else nothing"
_AS_USER: Final = "system text behind the first turn becomes user text in `<system>` tags"
_ANY_JSON: Final = "any JSON object is asked for"
_IN_WORDS: Final = "any JSON object is asked for, and the schema told in words"
_FREE_CHOICE: Final = "where no call may be forced, the model chooses, of a named tool only among that one"
_NO_CHOICE: Final = "what is said of tools goes where none is left"
_OWN: Final = "a field that only the client's own wire has, by its path there"
_STAYS: Final = "signatures and blocks of other makers stay here; hostler puts them back when the conversation goes on"
_GO_ON: Final = "the beginning of an answer, where no model goes on from one: the user asks to go on"
_KEPT_NAME: Final = "names of pictures and sound are left out"
_ASSISTANT_MEDIA: Final = " ".join(f"messages[].{kind}" for kind in MEDIA)
_OPAQUE_REPLY: Final = "message.content[].opaque message.reasoning.opaque message.tool_calls[].opaque"
_NO_SOURCES: Final = "the addresses of sources are left out"
_ENDS: Final = "the end itself is told"

TO_WIRE: Final[dict[str, tuple[Loss, ...]]] = {
    "openai-chat": (
        Loss("messages[].reasoning", f"{_FOREIGN}, and readable thinking where the vendor wants none", "chat message"),
        *_each("messages[].content[].opaque messages[].tool_calls[].opaque", _BLOCKS, "chat message"),
        *_each(f"messages[].content[].is_error {_ASSISTANT_MEDIA}", _OUT, "chat message"),
        Loss("messages[].content[].filename", _KEPT_NAME, "chat message"),
        Loss("messages[].name", _OUT, "vendor"),
        Loss("messages[].role", _AS_USER, "vendor"),
        *_each(
            "messages[].cache_control cache_control",
            "left out where the vendor has no breakpoints; it has four at most",
            "chat message",
        ),
        Loss("tools[].cache_control", _OUT, "chat tool"),
        Loss("messages[-1]", _GO_ON, "vendor"),
        Loss("tool_choice", f"{_FREE_CHOICE}; {_NO_CHOICE}", "vendor"),
        Loss("thinking", "switched off for a forced call, where both do not go; else the model's own measure", "chat"),
        *_each("parallel_tool_calls tools[].strict", "left out where the vendor does not know them", "vendor"),
        Loss("tools[].custom", _AS_FUNCTION, "vendor"),
        Loss(SERVER_TOOL, _SERVER, "chat tool"),
        *_each("thinking.budget_tokens thinking.display", "the nearest effort, else nothing", "chat"),
        Loss("reasoning_effort", _NEAREST, "vendor"),
        Loss("response_format.json_schema", _IN_WORDS, "vendor"),
        Loss("max_tokens", "0, which only fills a cache, becomes 1", "chat"),
        *_each(
            "temperature top_p top_k min_p presence_penalty frequency_penalty user logit_bias logprobs top_logprobs",
            "left out where the vendor or the model refuses them",
            "vendor",
        ),
        Loss(FIELD, _OWN, "chat"),
    ),
    "anthropic": (
        Loss("messages[].reasoning", "thinking of other makers is left out", "messages block"),
        *_each("messages[].content[].opaque messages[].tool_calls[].opaque", _BLOCKS, "messages block"),
        Loss("messages[].role", f"{_AS_USER}, as does a prompt of system text alone", "messages block"),
        *_each("messages[].name messages[].content[].image_url.detail", _OUT, "messages block"),
        Loss(
            "messages[].content[].filename", "names of pictures are left out; documents keep theirs", "messages block"
        ),
        *_each(
            "messages[].cache_control tools[].cache_control",
            "four breakpoints, the last ones; an hour behind five minutes becomes five minutes",
            "messages",
        ),
        Loss("messages[].tool_calls[].arguments", _BROKEN, "messages block"),
        *_each(
            "messages[].cache_control tools[].cache_control",
            "four breakpoints at most, the last ones; none of an hour behind one of five minutes",
            "messages block",
        ),
        Loss("messages[-1]", _GO_ON, "vendor"),
        Loss("tools[].custom", _AS_FUNCTION, "messages tool"),
        Loss(SERVER_TOOL, _SERVER, "messages tool"),
        Loss(
            "tools[].parameters",
            "bounds of numbers, lengths and counts are left out of what is followed strictly",
            "messages output",
        ),
        Loss(
            "response_format.json_schema.schema",
            "bounds of numbers, lengths and counts are left out",
            "messages output",
        ),
        Loss("response_format.json_schema.description", _OUT, "messages output"),
        Loss("response_format", "JSON without a schema is not asked for", "messages output"),
        Loss("response_format.json_schema", "told in words", "vendor"),
        Loss("tool_choice", f"{_FREE_CHOICE}; {_NO_CHOICE}", "vendor"),
        Loss("parallel_tool_calls", _OUT, "vendor"),
        Loss(
            "thinking",
            "thinking that cannot be switched off, or that does not go with a forced call or so few tokens",
            "messages",
        ),
        Loss("reasoning_effort", "the nearest effort", "messages output"),
        Loss("thinking.budget_tokens", "an effort instead", "vendor"),
        Loss("temperature", "above 1, beside thinking, or where version or model refuse it", "messages"),
        *_each(
            "top_p top_k", "beside thinking, beside `temperature`, or where version or model refuse them", "messages"
        ),
        *_each("min_p seed presence_penalty frequency_penalty prompt_cache_key", _OUT, "messages"),
        Loss("stop", "blank sequences are left out", "messages"),
        Loss(FIELD, _OWN, "messages"),
    ),
    "gemini": (
        *_each("messages[].cache_control", "left out; Gemini caches on its own", "gemini part"),
        Loss("tools[].cache_control", "left out; Gemini caches on its own", "gemini tool"),
        *_each("cache_control prompt_cache_key", "left out; Gemini caches on its own", "gemini"),
        Loss("messages[].reasoning", "thinking of other makers is left out", "gemini part"),
        *_each("messages[].content[].opaque messages[].tool_calls[].opaque", _BLOCKS, "gemini part"),
        Loss("messages[].role", f"{_AS_USER}, as does a prompt of system text alone", "gemini part"),
        Loss("messages[].name", _OUT, "gemini part"),
        Loss("user", _OUT, "gemini"),
        *_each(
            "messages[].content[].filename messages[].content[].image_url.detail",
            "left out; the file itself goes",
            "gemini part",
        ),
        Loss("messages[].tool_calls[].arguments", _BROKEN, "gemini part"),
        Loss("tools[].custom", "a free-form tool becomes a function with one string, `input`", "gemini tool"),
        Loss(
            "tools[].strict", "one switch for all tools (mode `VALIDATED`), and for a free choice alone", "gemini tool"
        ),
        Loss(SERVER_TOOL, _SERVER, "gemini tool"),
        Loss("tool_choice", _NO_CHOICE, "gemini tool"),
        Loss("parallel_tool_calls", _OUT, "gemini tool"),
        Loss("min_p", _OUT, "gemini config"),
        Loss("stop", "at most five sequences", "gemini config"),
        *_each(
            "reasoning_effort thinking.budget_tokens",
            "the nearest level; models of the second generation take a budget as it is",
            "gemini config",
        ),
        Loss("response_format.json_schema.description", _OUT, "gemini config"),
        Loss("response_format.json_schema", _ANY_JSON, "vendor"),
        Loss(FIELD, _OWN, "gemini"),
    ),
    "openai-responses": (
        *_each("top_k min_p seed stop presence_penalty frequency_penalty", _OUT, "responses"),
        Loss("max_tokens", "at least 16", "responses"),
        Loss("thinking", "left to the model's own measure", "responses"),
        Loss("thinking.budget_tokens", "the nearest effort", "responses"),
        Loss("reasoning_effort", _NEAREST, "vendor"),
        Loss(
            "messages[].reasoning",
            "thinking of other makers is left out, as is thinking that no answer follows",
            "responses item",
        ),
        *_each("messages[].content[].opaque messages[].tool_calls[].opaque", _BLOCKS, "responses item"),
        *_each("messages[].content[].is_error messages[].name", _OUT, "responses item"),
        Loss("messages[].content[].filename", "names of pictures are left out; files keep theirs", "responses item"),
        *_each("messages[].cache_control", "left out; the vendor caches on its own", "responses item"),
        *_each("tools[].cache_control cache_control", "left out; the vendor caches on its own", "responses"),
        *_each(_ASSISTANT_MEDIA, "media in what the assistant said are left out", "responses item"),
        Loss(SERVER_TOOL, _SERVER, "responses"),
        *_each("tool_choice parallel_tool_calls", _NO_CHOICE, "responses"),
        Loss("response_format.json_schema", _ANY_JSON, "vendor"),
        Loss("tools[].custom", _AS_FUNCTION, "vendor"),
        *_each("temperature top_p", "left out where the vendor or the model refuses them", "vendor"),
        Loss(FIELD, _OWN, "responses"),
    ),
    "ollama": (
        Loss("tool_choice", "of a named tool only that one is offered, of `none` no tool at all", "ollama"),
        *_each("parallel_tool_calls user cache_control prompt_cache_key", _OUT, "ollama"),
        *_each("tools[].strict tools[].cache_control", _OUT, "ollama tool"),
        *_each("messages[].cache_control messages[].content[].is_error messages[].name", _OUT, "ollama message"),
        Loss("tools[].custom", _AS_FUNCTION, "ollama tool"),
        Loss(SERVER_TOOL, _SERVER, "ollama tool"),
        Loss("tools", "a prompt without roles (`generate`) has none", "ollama prompt"),
        Loss("messages[].tool_calls[].arguments", _BROKEN, "ollama message"),
        *_each("messages[].content[].opaque messages[].tool_calls[].opaque", _BLOCKS, "ollama message"),
        Loss(
            "messages[].reasoning",
            "signed thinking is left out; readable thinking goes where the server wants it",
            "ollama message",
        ),
        *_each("messages[].content[].filename messages[].content[].image_url.detail", _OUT, "ollama message"),
        Loss("messages[].role", _AS_USER, "vendor"),
        *_each(
            "reasoning_effort thinking.budget_tokens",
            "the nearest of `low`, `medium`, `high`, `max`, or on and off",
            "ollama",
        ),
        Loss("thinking.display", _OUT, "ollama"),
        Loss("response_format.json_schema.description", _OUT, "ollama"),
        Loss("response_format.json_schema", _ANY_JSON, "vendor"),
        Loss(FIELD, _OWN, "ollama"),
    ),
    "dashscope": (
        *_each("min_p frequency_penalty user cache_control prompt_cache_key", _OUT, "dashscope"),
        Loss(
            "tool_choice",
            "there is no `required`: one tool alone is named, among several the model chooses",
            "dashscope",
        ),
        Loss("thinking", "switched off for a forced call, where a model refuses both", "vendor"),
        Loss("thinking.display", _OUT, "dashscope"),
        *_each("tools[].strict tools[].cache_control", _OUT, "dashscope tool"),
        Loss("tools[].custom", _AS_FUNCTION, "dashscope tool"),
        Loss(SERVER_TOOL, _SERVER, "dashscope tool"),
        Loss("parallel_tool_calls", _OUT, "vendor"),
        Loss(
            "messages[].cache_control",
            "four breakpoints of five minutes, the last ones; on texts and media alone",
            "dashscope message",
        ),
        Loss(
            "messages[].reasoning",
            "left out, as the vendor bills what it gets back; sent where a dialect wants it",
            "dashscope message",
        ),
        *_each("messages[].content[].opaque messages[].tool_calls[].opaque", _BLOCKS, "dashscope message"),
        *_each("messages[].content[].is_error messages[].name", _OUT, "dashscope message"),
        *_each("messages[].content[].filename messages[].content[].image_url.detail", _OUT, "dashscope message"),
        Loss("messages[].role", _AS_USER, "vendor"),
        Loss("response_format.json_schema", _ANY_JSON, "vendor"),
        Loss(FIELD, _OWN, "dashscope"),
    ),
    "gemini-cli": (
        *_each(
            "tools tool_choice max_tokens thinking response_format user stop temperature top_p top_k min_p seed"
            " presence_penalty frequency_penalty",
            "the program takes a prompt alone",
            "vendor",
        ),
        *_each(f"messages[].reasoning {_ASSISTANT_MEDIA}", "the program takes text alone", "vendor"),
        Loss(FIELD, _OWN, "vendor"),
    ),
}
"""What a request to each wire cannot say. `gemini-cli` is a program that takes a prompt."""

TO_FACE: Final[dict[str, tuple[Loss, ...]]] = {
    "openai-chat": (
        *_each(_OPAQUE_REPLY, _STAYS, "chat reply"),
        Loss("stop_details.category", "the kind of a refusal, whose words stand in `refusal`", "chat reply"),
        Loss("stop_sequence", "which one was met", "chat reply"),
    ),
    "anthropic": (
        *_each(_OPAQUE_REPLY, _STAYS, "messages reply"),
        Loss("message.tool_calls[].arguments", _BROKEN, "messages reply"),
    ),
    "gemini": (
        *_each(_OPAQUE_REPLY, _STAYS, "gemini reply"),
        Loss("message.tool_calls[].arguments", _BROKEN, "gemini reply"),
        *_each("stop_details.category stop_sequence", _ENDS, "gemini reply"),
    ),
    "openai-responses": (
        *_each(_OPAQUE_REPLY, f"{_STAYS}; readable thinking becomes a summary", "responses reply"),
        *_each("stop_details.category stop_sequence", _ENDS, "responses reply"),
    ),
    "ollama": (
        *_each(_OPAQUE_REPLY, _STAYS, "ollama message"),
        Loss("message.tool_calls[].arguments", _BROKEN, "ollama message"),
        Loss("message.tool_calls", "a prompt's reply (`generate`) has none", "ollama prompt"),
        Loss("message.content[].citations", _NO_SOURCES, "ollama message"),
        *_each("stop_details.category stop_sequence", _ENDS, "ollama message"),
    ),
    "dashscope": (
        *_each(_OPAQUE_REPLY, _STAYS, "dashscope reply"),
        Loss("message.content[].citations", _NO_SOURCES, "dashscope reply"),
        *_each("stop_details.category stop_sequence", _ENDS, "dashscope reply"),
    ),
}
"""What a reply to a client of each wire cannot say."""

BY_MODEL: Final[tuple[Loss, ...]] = (
    Loss("thinking", "a wish to think, where the model is known not to", "vendor"),
    Loss("max_tokens", "the longest reply that the model is known to make", "vendor"),
    Loss("tools", "`degrade`: where the model is known to call none", "vendor"),
    *_each("messages[].image messages[].audio messages[].video", "`degrade`: where the model takes none", "vendor"),
    Loss("messages", "`degrade`: the oldest turns of a prompt that is longer than the window", "vendor"),
)
"""What a request loses by what is known of its model, whatever the wire."""

OWN_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "openai-chat": (
        "audio", "logit_bias", "logprobs", "metadata", "modalities", "moderation", "n", "prediction",
        "prompt_cache_retention", "service_tier", "store", "stream_options", "top_logprobs", "verbosity",
        "web_search_options",
    ),
    "anthropic": (
        "container", "context_management", "diagnostics", "inference_geo", "mcp_servers",
        "messages[].content[].citations", "messages[].document.citations", "metadata.FIELD", "output_config.FIELD",
        "service_tier", "speed", "thinking.display", "tools[].FIELD", "user_profile_id", "workspace_id",
    ),
    "gemini": (
        "cachedContent", "contents[].parts[].FIELD", "generationConfig.FIELD", "labels", "modelArmorConfig",
        "safetySettings", "serviceTier", "store", "toolConfig.FIELD", "tools[].FIELD",
    ),
    "openai-responses": (
        "access_programs", "background", "context_management", "conversation", "include", "max_tool_calls", "metadata",
        "moderation", "prompt", "prompt_cache_options", "prompt_cache_retention", "reasoning.summary", "service_tier",
        "store", "stream_options", "text.verbosity", "tools[].FIELD", "tools[].namespace", "top_logprobs", "truncation",
    ),
    "ollama": ("keep_alive", "logprobs", "options.FIELD", "top_logprobs"),
    "dashscope": ("input.FIELD", "parameters.FIELD"),
}  # fmt: skip
"""What a request of each wire may hold that no other wire has; `FIELD` there stands for any field in that place."""
