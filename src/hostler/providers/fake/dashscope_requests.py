"""Knows what Alibaba demands of DashScope requests, and the words in which it refuses.

`read` takes from a request what a script needs and refuses only what nobody could answer; `check` refuses what the
vendor refuses. Written after the published API reference; does not know replies.
"""

import re
from collections.abc import Iterator
from typing import Final

from hostler.providers.fake.answer import count_words
from hostler.providers.fake.asked import Asked, AskedTool, Fault, Rules
from hostler.providers.fake.json_values import (
    Json,
    array_at,
    is_array,
    is_number,
    is_object,
    object_at,
    object_of,
    objects_of,
    text_at,
    texts_of,
)
from hostler.providers.fake.routes import Route

_ROLES: Final = ("system", "user", "assistant", "tool", "function", "plugin")
_PARTS: Final = ("text", "image", "audio", "video", "file", "cache_control", "type", "fps", "min_pixels", "max_pixels")
_RANGES: Final = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "max_tokens": (1, None),
    "n": (1, 4),
    "thinking_budget": (0, None),
}
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ALGORITHM: Final = "<400> InternalError.Algo.InvalidParameter: "


def read(route: Route, body: object) -> Asked:
    """What a script needs of a request. Raises Fault when the body is no object or names no model."""
    if not is_object(body):
        raise Fault("Required body invalid, please check the request body format.")
    model = text_at(body, "model")
    if not model:
        raise Fault('Required parameter "model" missing or invalid, please check the request parameters.')
    given, parameters = object_at(body, "input"), object_at(body, "parameters")
    messages = objects_of(given.get("messages"))
    last = messages[-1] if messages else {}
    result = text_at(last, "role") in ("tool", "function")
    said = [texts_of(message.get("content")) for message in messages if text_at(message, "role") == "user"]
    system = [texts_of(message.get("content")) for message in messages if text_at(message, "role") == "system"]
    bare = text_at(given, "prompt") or " ".join(text for text in array_at(given, "texts") if isinstance(text, str))
    return Asked(
        wire="dashscope",
        operation=route.operation,
        model=model,
        stream=route.stream and route.operation == "chat",
        include_usage=True,
        text=texts_of(last.get("content")) if result else next((t for t in reversed(said) if t), bare),
        system="\n".join(system),
        tool_result=result,
        tools=tuple(_tools(parameters)),
        tool_choice=_tool_choice(parameters.get("tool_choice", "auto")),
        words=count_words(given) + count_words(parameters.get("tools")),
        parts=route.parts,
        body=body,
    )


def _tools(parameters: Json) -> Iterator[AskedTool]:
    for tool in array_at(parameters, "tools"):
        function = object_at(tool, "function")
        if function:
            yield AskedTool(text_at(function, "name"), object_at(function, "parameters"))


def _tool_choice(choice: object) -> str:
    if isinstance(choice, str):
        return "any" if choice == "required" else choice
    return text_at(object_at(choice, "function"), "name") or "auto"


# ---------------------------------------------------------------------------- what the vendor refuses


def check(asked: Asked, rules: Rules) -> None:
    """Raise Fault with the vendor's words for the first thing that it would refuse."""
    given, parameters = object_at(asked.body, "input"), object_at(asked.body, "parameters")
    if asked.operation == "embeddings":
        if not array_at(given, "texts"):
            raise Fault('Required parameter "input.texts" missing or invalid, please check the request parameters.')
        return
    if not array_at(given, "messages") and not text_at(given, "prompt"):
        raise Fault('Either "prompt" or "messages" must exist and cannot both be none')
    messages = given.get("messages")
    if messages is not None:
        _check_messages(messages, parts=asked.parts)
        _check_pairs(objects_of(messages))
    _check_stream(asked, parameters, rules=rules)
    _check_tools(asked, parameters, rules=rules)
    _check_numbers(parameters)
    said = " ".join(texts_of(m.get("content")) for m in objects_of(messages)) + text_at(given, "prompt")
    if text_at(object_at(parameters, "response_format"), "type") == "json_object" and "json" not in said.lower():
        text = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        raise Fault(_ALGORITHM + text)


def _check_messages(messages: object, *, parts: bool) -> None:
    if not is_array(messages):
        raise Fault(_ALGORITHM + "The messages must be a list.")
    leading = True
    for place, message in enumerate(messages):
        role = text_at(message, "role")
        leading = leading and role == "system"
        if role not in _ROLES:
            names = ", ".join(f"'{name}'" for name in _ROLES)
            raise Fault(f"{_ALGORITHM}'{role}' is not one of [{names}] - 'messages.{place}.role'")
        if role == "system" and not leading:
            raise Fault(_ALGORITHM + "The system message must be at the beginning of messages.")
        _check_content(object_of(message), place, parts=parts)


def _check_content(message: Json, place: int, *, parts: bool) -> None:
    content = message.get("content")
    role = text_at(message, "role")
    if is_array(content):
        if not parts and any("text" not in object_of(part) for part in content):
            raise Fault("url error, please check url！ For details, see: https://help.aliyun.com/error-code#error-url")
        for part in content:
            if not is_object(part) or not any(name in _PARTS for name in part):
                raise Fault(f"{_ALGORITHM}Invalid content part in messages.{place}.content")
        return
    if parts and role != "tool" and not isinstance(content, str):
        raise Fault("Input should be a valid list: input.messages.content")
    if role == "assistant" and array_at(message, "tool_calls"):
        return
    if content is None:
        raise Fault(f"{_ALGORITHM}[] is too short - 'messages.{place}.content'")
    if not isinstance(content, str):
        raise Fault(f"{_ALGORITHM}{content} is not of type 'string' - 'messages.{place}.content'")
    if not content and role == "user":
        raise Fault("Role must be user or assistant and Content length must be greater than 0")


def _check_pairs(messages: list[Json]) -> None:
    """Each call is answered before anybody else speaks, and nothing is answered that was not called."""
    waiting: list[str] = []
    for message in messages:
        if text_at(message, "role") == "tool":
            own = text_at(message, "tool_call_id")
            if own not in waiting:
                text = 'messages with role "tool" must be a response to a preceeding message with "tool_calls".'
                raise Fault(_ALGORITHM + text)
            waiting.remove(own)
            continue
        if waiting:
            raise _unanswered(waiting)
        for call in array_at(message, "tool_calls"):
            if not isinstance(object_at(call, "function").get("arguments"), str):
                raise Fault(f'{_ALGORITHM}The "function.arguments" parameter of the code model must be in JSON format.')
        waiting = [text_at(call, "id") for call in array_at(message, "tool_calls")]
    if waiting:
        raise _unanswered(waiting)


def _unanswered(ids: list[str]) -> Fault:
    return Fault(
        f'{_ALGORITHM}An assistant message with "tool_calls" must be followed by tool messages responding to each '
        f'"tool_call_id". The following tool_call_ids did not have response messages: {", ".join(ids)}'
    )


def _check_stream(asked: Asked, parameters: Json, *, rules: Rules) -> None:
    if rules.dialect.stream_only and not asked.stream:
        raise Fault("This model only support stream mode, please enable the stream parameter to access the model.")
    thinks = parameters.get("enable_thinking") is True
    if thinks and not asked.stream:
        raise Fault("parameter.enable_thinking must be set to false for non-streaming calls")
    incremental = parameters.get("incremental_output")
    if rules.dialect.text == "incremental" and asked.stream and incremental is not True:
        raise Fault('The incremental_output parameter must be "true" when enable_thinking is true')
    if incremental is True and not asked.stream:
        raise Fault("parameter.incremental_output only support set true in stream mode")
    wanted = parameters.get("result_format")
    if wanted not in (None, "message", "text"):
        raise Fault(f"{_ALGORITHM}'{wanted}' is not one of ['text', 'message'] - 'result_format'")


def _check_tools(asked: Asked, parameters: Json, *, rules: Rules) -> None:
    tools = array_at(parameters, "tools")
    if not tools:
        return
    if not rules.dialect.tools:
        raise Fault(_ALGORITHM + "The tool call is not supported.")
    if not asked.parts and parameters.get("result_format") != "message":
        raise Fault(_ALGORITHM + 'The result_format must be "message" when tools are used.')
    for place, tool in enumerate(tools):
        if text_at(tool, "type") != "function" or not text_at(object_at(tool, "function"), "name"):
            raise Fault(f"{_ALGORITHM}'function' is a required property - 'tools.{place}'")
        name = text_at(object_at(tool, "function"), "name")
        if not _NAME.fullmatch(name):
            raise Fault(
                f"{_ALGORITHM}'{name}' does not match '^[a-zA-Z0-9_-]{{1,64}}$' - 'tools.{place}.function.name'"
            )
    choice = parameters.get("tool_choice")
    thinks = parameters.get("enable_thinking") is True
    if choice == "required" or (is_object(choice) and (thinks or not rules.dialect.forced_tools)):
        raise Fault(f'{_ALGORITHM}The tool_choice parameter does not support being set to "{choice}"')
    named = _tool_choice(choice) if is_object(choice) else ""
    if named and named not in {tool.name for tool in asked.tools}:
        raise Fault(f"{_ALGORITHM}The tool_choice names a tool that is not in tools: {named}")


def _check_numbers(parameters: Json) -> None:
    for name, (least, most) in _RANGES.items():
        value = parameters.get(name)
        if value is None:
            continue
        if not is_number(value):
            raise Fault(f"{_ALGORITHM}{value} is not of type 'number' - '{name}'")
        if value < least or (most is not None and value > most) or (name == "temperature" and value == most):
            top = f"{most})" if name == "temperature" else f"{most or 32768}]"
            raise Fault(f"Range of {name} should be [{least}, {top}")
