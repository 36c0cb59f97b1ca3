"""Knows what OpenAI demands of chat, completions and embeddings requests, and the words in which it refuses.

`read_*` take from a request what a script needs and refuse only what nobody could answer; `check_*` refuse what the
vendor refuses. Written after the published API reference; does not know replies.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from hostler.providers.fake.answer import count_words, signature_of
from hostler.providers.fake.asked import OPEN, Asked, AskedTool, Fault, Rules
from hostler.providers.fake.json_values import (
    Json,
    array_at,
    is_array,
    is_number,
    is_object,
    object_at,
    objects_of,
    text_at,
    texts_of,
)
from hostler.providers.fake.openai_faults import (
    KIND,
    missing,
    out_of_range,
    too_long,
    unknown,
    unsupported,
    wrong_pattern,
    wrong_type,
    wrong_value,
)
from hostler.providers.fake.script import Dialect, Operation

_ROLES: Final = ("system", "assistant", "user", "function", "tool", "developer")
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
_NAME_LENGTH: Final = 64
_PARTS: Final = {
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "system": ("text",),
    "developer": ("text",),
    "tool": ("text",),
    "function": ("text",),
}
_FIELDS: Final = frozenset((
    "messages", "model", "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
    "max_completion_tokens", "max_tokens", "metadata", "modalities", "moderation", "n", "parallel_tool_calls",
    "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream",
    "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
    "web_search_options",
))  # fmt: skip
_RANGES: Final = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "n": (1, 128),
    "max_tokens": (1, None),
    "max_completion_tokens": (1, None),
    "top_logprobs": (0, 20),
}
_MESSAGE_FIELDS: Final = frozenset((
    "role", "content", "name", "refusal", "audio", "annotations", "tool_calls", "tool_call_id", "function_call",
))  # fmt: skip
_REASONING_FIELDS: Final = frozenset(("reasoning_content", "reasoning", "reasoning_details"))
_CHOICES: Final = ("none", "auto", "required")
_INSTEAD: Final = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}


def read(operation: Operation, body: object) -> Asked:
    """What a script needs of a request. Raises Fault when the body is no object or names no model."""
    if not is_object(body):
        raise Fault("We could not parse the JSON body of your request.", kind=KIND)
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Fault("you must provide a model parameter", kind=KIND)
    messages = array_at(body, "messages")
    last = messages[-1] if messages else None
    users = [message for message in messages if text_at(message, "role") == "user"]
    bare = body.get("prompt", body.get("input", ""))
    text = texts_of(users[-1].get("content")) if users and is_object(users[-1]) else _bare_text(bare)
    result = text_at(last, "role") in ("tool", "function")
    return Asked(
        wire="openai-chat",
        operation=operation,
        model=model,
        stream=body.get("stream") is True,
        include_usage=object_at(body, "stream_options").get("include_usage") is True,
        text=texts_of(last.get("content")) if result and is_object(last) else text,
        system="\n".join(_system_texts(messages)),
        tool_result=result,
        tools=tuple(_tools(body)),
        tool_choice=_tool_choice(body),
        words=count_words(messages) + count_words(body.get("tools")) + count_words(bare),
        body=body,
    )


def _bare_text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "\n".join(part for part in value if isinstance(part, str)) if is_array(value) else ""


def _system_texts(messages: list[object]) -> Iterator[str]:
    for message in messages:
        if is_object(message) and text_at(message, "role") in ("system", "developer"):
            yield texts_of(message.get("content"))


def _tools(body: Json) -> Iterator[AskedTool]:
    for tool in array_at(body, "tools"):
        if text_at(tool, "type") == "function":
            function = object_at(tool, "function")
            yield AskedTool(text_at(function, "name"), object_at(function, "parameters"))
        elif text_at(tool, "type") == "custom":
            yield AskedTool(text_at(object_at(tool, "custom"), "name"), {}, "custom")


def _tool_choice(body: Json) -> str:
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, str):
        return "any" if choice == "required" else choice
    return text_at(object_at(choice, "function"), "name") or "auto"


# ---------------------------------------------------------------------------- what the vendor refuses


def check(asked: Asked, rules: Rules = OPEN) -> None:
    """Raise Fault with the vendor's words for the first thing that it would refuse."""
    body = asked.body
    if asked.operation == "embeddings":
        if "input" not in body:
            raise missing("input")
        return
    if asked.operation == "completions":
        return
    for name in body:
        if name not in _FIELDS and not {name, "*"} & set(rules.dialect.fields):
            raise unknown(name)
        if name in rules.dialect.forbidden:
            raise unsupported(name, instead=_INSTEAD.get(name, ""))
    _check_messages(body, rules.dialect)
    _check_message_fields(body, rules.dialect)
    _check_pairs(array_at(body, "messages"))
    _check_habits(body, rules)
    _check_tools(body)
    _check_numbers(body)
    _check_combinations(body)


def _check_messages(body: Json, dialect: Dialect) -> None:
    if "messages" not in body:
        raise missing("messages")
    messages = body["messages"]
    if not is_array(messages):
        raise wrong_type("messages", "an array of objects", value=messages)
    if not messages:
        text = (
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."
        )
        raise Fault(text, kind=KIND, param="messages", code="empty_array")
    for place, message in enumerate(messages):
        where = f"messages[{place}]"
        if not is_object(message):
            raise wrong_type(where, "an object", value=message)
        if "role" not in message:
            raise missing(f"{where}.role")
        if message["role"] not in _ROLES:
            raise wrong_value(f"{where}.role", message["role"], known=_ROLES)
        _check_content(message, where, thinking=dialect.reasoning == "chunks")
        for number, call in enumerate(array_at(message, "tool_calls")):
            _check_call(call, f"{where}.tool_calls[{number}]")


def _check_message_fields(body: Json, dialect: Dialect) -> None:
    """Who shows no reasoning takes none back either."""
    known = _MESSAGE_FIELDS if dialect.reasoning == "hidden" else _MESSAGE_FIELDS | _REASONING_FIELDS
    for place, message in enumerate(array_at(body, "messages")):
        for name in message if is_object(message) else ():
            if name not in (*known, *dialect.message_fields) and "*" not in dialect.fields:
                raise unknown(f"messages[{place}].{name}")


def _check_content(message: Json, where: str, *, thinking: bool) -> None:
    content = message.get("content")
    role = text_at(message, "role")
    if content is None:
        if role == "assistant" and (
            message.get("tool_calls") or message.get("function_call") or message.get("refusal")
        ):
            return
        text = f"Invalid value for 'content': expected a string, got null. ({where}.content)"
        raise Fault(text, kind=KIND, param=f"{where}.content")
    if isinstance(content, str):
        return
    if not is_array(content):
        raise wrong_type(f"{where}.content", "one of a string or array of objects", value=content)
    for place, part in enumerate(content):
        allowed = (*_PARTS[role], "thinking") if thinking and role == "assistant" else _PARTS[role]
        if not is_object(part):
            raise wrong_type(f"{where}.content[{place}]", "an object", value=part)
        kind = part.get("type")
        if kind not in allowed:
            raise wrong_value(f"{where}.content[{place}].type", kind, known=allowed)
        if kind not in part:
            raise missing(f"{where}.content[{place}].{kind}")


def _check_call(call: object, where: str) -> None:
    if not is_object(call):
        raise wrong_type(where, "an object", value=call)
    for name in ("id", "type"):
        if name not in call:
            raise missing(f"{where}.{name}")
    function = object_at(call, "function")
    if call["type"] == "function":
        if "name" not in function:
            raise missing(f"{where}.function.name")
        _check_name(function["name"], f"{where}.function.name")
        if not isinstance(function.get("arguments"), str):
            raise wrong_type(f"{where}.function.arguments", "a string", value=function.get("arguments"))


def _check_pairs(messages: list[object]) -> None:
    """Each call is answered before anybody else speaks, and nothing is answered that was not called."""
    waiting: list[str] = []
    for place, message in enumerate(messages):
        if text_at(message, "role") == "tool":
            answered = text_at(message, "tool_call_id")
            if not answered:
                raise missing(f"messages[{place}].tool_call_id")
            if answered not in waiting:
                text = (
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message "
                    "with 'tool_calls'."
                )
                raise Fault(text, kind=KIND, param=f"messages.[{place}].role")
            waiting.remove(answered)
            continue
        if waiting:
            raise _unanswered(waiting, place)
        waiting = [text_at(call, "id") for call in array_at(message, "tool_calls")]
    if waiting:
        raise _unanswered(waiting, len(messages) - 1)


def _check_habits(body: Json, rules: Rules) -> None:
    """What single vendors refuse, each in its words."""
    dialect = rules.dialect
    messages = [message for message in array_at(body, "messages") if is_object(message)]
    if array_at(body, "tools") and not dialect.tools:
        raise Fault("This model does not support tools.", kind=KIND, param="tools")
    if dialect.stream_only and body.get("stream") is not True:
        raise Fault(
            "This model only support stream mode, please enable the stream parameter to access the model.",
            kind=KIND,
            code="invalid_parameter_error",
        )
    choice = body.get("tool_choice")
    thinks = text_at(object_at(body, "thinking"), "type") != "disabled"
    if not dialect.forced_tools and thinks and (choice == "required" or is_object(choice)):
        raise Fault("Thinking mode does not support this tool_choice", kind=KIND, code=KIND)
    if not dialect.schemas and text_at(object_at(body, "response_format"), "type") == "json_schema":
        raise Fault("This response_format type is unavailable now", kind=KIND, code=KIND)
    if dialect.reasoning_back == "calls" and array_at(body, "tools"):
        _check_reasoning_back(messages)
    if dialect.tool_id:
        _check_call_ids(messages, dialect.tool_id)
    if dialect.reasoning == "reasoning_details":
        _check_details(messages, rules.signatures)
    _check_order(messages, dialect)


def _check_reasoning_back(messages: list[Json]) -> None:
    for message in messages:
        if array_at(message, "tool_calls") and not isinstance(message.get("reasoning_content"), str):
            text = "The `reasoning_content` in the thinking mode must be passed back to the API."
            raise Fault(text, kind=KIND, code=KIND)


def _check_details(messages: list[Json], scripted: frozenset[str]) -> None:
    """Signed reasoning comes back as it was given: the texts of one index in order, with their signature."""
    for message in messages:
        told: dict[object, str] = {}
        for detail in objects_of(message.get("reasoning_details")):
            index = str(detail.get("index"))
            told[index] = told.get(index, "") + text_at(detail, "text")
            signature = text_at(detail, "signature")
            if signature and signature not in scripted and signature != signature_of(told[index]):
                raise Fault("Provider returned error: Invalid `signature` in `thinking` block", kind=KIND)


def _check_call_ids(messages: list[Json], pattern: str) -> None:
    for message in messages:
        for call in array_at(message, "tool_calls"):
            if not re.fullmatch(pattern, found := text_at(call, "id")):
                text = (
                    f"Tool call id was {found} but must be a-z, A-Z, 0-9, with a length of 9."
                    if pattern == r"[a-zA-Z0-9]{9}"
                    else f"Tool call id was {found} but must match {pattern}."
                )
                raise Fault(text, kind=KIND, code="3280")


def _check_order(messages: list[Json], dialect: Dialect) -> None:
    roles = [text_at(message, "role") for message in messages]
    if dialect.system == "first" and any(role in ("system", "developer") for role in roles[1:]):
        raise Fault("System message must be at the beginning.", kind="BadRequestError", code="400")
    if dialect.turns == "answered" and ("tool", "user") in pairwise(roles):
        raise Fault("Unexpected role 'user' after role 'tool'", kind=KIND, code="3230")
    if dialect.turns == "alternate":
        spoken = [role for role in roles if role in ("user", "assistant")]
        if any(one == other == "user" for one, other in pairwise(spoken)) or spoken[:1] == ["assistant"]:
            text = "Conversation roles must alternate user/assistant/user/assistant/..."
            raise Fault(text, kind="BadRequestError", code="400")


def _unanswered(ids: list[str], place: int) -> Fault:
    text = (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(ids)}"
    )
    return Fault(text, kind=KIND, param=f"messages.[{place}].role")


def _check_tools(body: Json) -> None:
    for place, tool in enumerate(array_at(body, "tools")):
        kind = text_at(tool, "type")
        if kind not in ("function", "custom"):
            raise wrong_value(f"tools[{place}].type", kind, known=("function", "custom"))
        where = f"tools[{place}].{kind}.name"
        name = object_at(tool, kind).get("name")
        if name is None:
            raise missing(where)
        _check_name(name, where)
    if "tool_choice" in body:
        _check_choice(body)


def _check_name(name: object, where: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise wrong_pattern(where)
    if len(name) > _NAME_LENGTH:
        raise too_long(where, most=_NAME_LENGTH, length=len(name))


def _check_choice(body: Json) -> None:
    if not array_at(body, "tools"):
        text = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
        raise Fault(text, kind=KIND, param="tool_choice")
    choice = body["tool_choice"]
    if isinstance(choice, str) and choice not in _CHOICES:
        raise wrong_value("tool_choice", choice, known=_CHOICES)
    named = text_at(object_at(choice, "function"), "name")
    offered = {tool.name for tool in _tools(body)}
    if named and named not in offered:
        text = f"Invalid value for 'tool_choice': tool '{named}' is not among the specified 'tools'."
        raise Fault(text, kind=KIND, param="tool_choice")


def _check_numbers(body: Json) -> None:
    for name, (least, most) in _RANGES.items():
        value = body.get(name)
        if value is None:
            continue
        if not is_number(value):
            raise wrong_type(name, "a decimal", value=value)
        if value < least or (most is not None and value > most):
            raise out_of_range(name, value, least=least if value < least else None, most=most)


def _check_combinations(body: Json) -> None:
    if body.get("stream_options") is not None and body.get("stream") is not True:
        text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Fault(text, kind=KIND, param="stream_options")
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        text = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise Fault(text, kind=KIND, param="max_tokens", code="invalid_parameter_combination")
    if body.get("parallel_tool_calls") is not None and not array_at(body, "tools"):
        text = (
            "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified."
        )
        raise Fault(text, kind=KIND, param="parallel_tool_calls")
    _check_format(body)


def _check_format(body: Json) -> None:
    wanted = object_at(body, "response_format")
    kind = text_at(wanted, "type")
    if kind == "json_schema" and not text_at(object_at(wanted, "json_schema"), "name"):
        raise missing("response_format.json_schema.name")
    said = " ".join(texts_of(m.get("content")) for m in array_at(body, "messages") if is_object(m))
    if kind == "json_object" and "json" not in said.lower():
        text = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        raise Fault(text, kind=KIND, param="messages")
