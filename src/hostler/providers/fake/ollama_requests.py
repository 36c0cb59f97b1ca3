"""Knows what Ollama demands of requests, and the words in which it refuses.

`read` takes from a request what a script needs and refuses only what nobody could answer; `check` refuses what the
server refuses: values of the wrong Go type above all, for it ignores what it does not know. Written after the published
API reference and its server's source; does not know replies.
"""

import base64
import binascii
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
)
from hostler.providers.fake.routes import Route

_ROLES: Final = ("system", "user", "assistant", "tool")
_LEVELS: Final = ("high", "medium", "low", "max")
_STRINGS: Final = ("prompt", "suffix", "system", "template")
_GO: Final = {"str": "string", "bool": "bool", "int": "number", "float": "number", "list": "array", "dict": "object"}
_INTEGERS: Final = ("num_ctx", "num_predict", "seed", "top_k", "num_keep", "repeat_last_n")
_NUMBERS: Final = ("temperature", "top_p", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty")


def read(route: Route, body: object) -> Asked:
    """What a script needs of a request. Raises Fault when the body is no object or names no model."""
    if not is_object(body):
        raise Fault("missing request body" if body is None else f"json: cannot unmarshal {_kind(body)}")
    model = text_at(body, "model") or text_at(body, "name")
    if not model:
        raise Fault("model is required")
    messages = objects_of(body.get("messages"))
    last = messages[-1] if messages else {}
    result = text_at(last, "role") == "tool"
    said = [text_at(message, "content") for message in messages if text_at(message, "role") == "user"]
    system = [text_at(message, "content") for message in messages if text_at(message, "role") == "system"]
    bare = body.get("prompt", body.get("input", ""))
    text = next((t for t in reversed(said) if t), "") or (bare if isinstance(bare, str) else "")
    return Asked(
        wire="ollama",
        operation=route.operation,
        model=model.removesuffix(":latest"),
        stream=body.get("stream") is not False and route.operation in ("chat", "generate"),
        include_usage=True,
        text=text_at(last, "content") if result else text,
        system="\n".join(filter(None, [text_at(body, "system"), *system])),
        tool_result=result,
        tools=tuple(_tools(body)),
        words=count_words(messages) + count_words(bare) + count_words(body.get("tools")),
        body=body,
    )


def _tools(body: Json) -> Iterator[AskedTool]:
    for tool in array_at(body, "tools"):
        function = object_at(tool, "function")
        if function:
            yield AskedTool(text_at(function, "name"), object_at(function, "parameters"))


# ---------------------------------------------------------------------------- what the server refuses


def check(asked: Asked, rules: Rules) -> None:
    """Raise Fault with the server's words for the first thing that it would refuse."""
    body = asked.body
    if asked.operation == "embeddings":
        if "input" in body and not (isinstance(body["input"], str) or is_array(body["input"])):
            raise Fault("invalid input type")
        return
    kind = "GenerateRequest" if asked.operation == "generate" else "ChatRequest"
    for name in _STRINGS:
        if asked.operation == "generate":
            _typed(body.get(name), str, where=f"{kind}.{name}", go="string")
    _typed(body.get("stream"), bool, where=f"{kind}.stream", go="bool")
    _check_options(body, kind)
    _check_think(body)
    _check_format(body)
    if asked.operation == "generate":
        _check_images(body, f"{kind}.images")
        return
    _check_messages(body)
    _check_tools(body)
    if asked.tools and not rules.dialect.tools:
        raise Fault(f"registry.ollama.ai/library/{asked.model} does not support tools")


def _typed(value: object, wanted: type | tuple[type, ...], *, where: str, go: str) -> None:
    if value is not None and not isinstance(value, wanted):
        raise Fault(f"json: cannot unmarshal {_kind(value)} into Go struct field {where} of type {go}")


def _kind(value: object) -> str:
    return _GO.get(type(value).__name__, "value")


def _check_options(body: Json, kind: str) -> None:
    options = body.get("options")
    _typed(options, dict, where=f"{kind}.options", go="map[string]interface {}")
    for name in _INTEGERS:
        if (value := object_of(options).get(name)) is not None and not is_number(value):
            raise Fault(f'option "{name}" must be of type integer')
    for name in _NUMBERS:
        if (value := object_of(options).get(name)) is not None and not is_number(value):
            raise Fault(f'option "{name}" must be of type float32')
    stop = object_of(options).get("stop")
    if stop is not None and not is_array(stop):
        raise Fault('option "stop" must be of type array')


def _check_think(body: Json) -> None:
    think = body.get("think")
    if think is None or isinstance(think, bool):
        return
    if not isinstance(think, str):
        raise Fault('think must be a boolean or string ("high", "medium", "low", true, or false)')
    if think not in _LEVELS:
        raise Fault(f'invalid think value: "{think}" (must be "high", "medium", "low", true, or false)')


def _check_format(body: Json) -> None:
    wanted = body.get("format")
    if wanted in (None, "", "json") or is_object(wanted):
        return
    raise Fault(f'invalid format: "{wanted}"; expected "json" or a valid JSON Schema object')


def _check_messages(body: Json) -> None:
    messages = body.get("messages")
    _typed(messages, list, where="ChatRequest.messages", go="[]api.Message")
    for message in array_at(body, "messages"):
        where = "ChatRequest.messages"
        _typed(message, dict, where=where, go="api.Message")
        made = object_of(message)
        role = text_at(made, "role").lower()
        if role not in _ROLES:
            raise Fault(f"invalid role: {role}, must be one of [system, user, assistant, tool]", 500)
        for name in ("content", "thinking", "tool_name", "tool_call_id"):
            _typed(made.get(name), str, where=f"{where}.{name}", go="string")
        _check_images(made, f"{where}.images")
        _check_calls(made, where)


def _check_calls(message: Json, where: str) -> None:
    _typed(message.get("tool_calls"), list, where=f"{where}.tool_calls", go="[]api.ToolCall")
    for call in array_at(message, "tool_calls"):
        function = object_at(call, "function")
        _typed(function.get("name"), str, where=f"{where}.tool_calls.function.name", go="string")
        arguments = function.get("arguments")
        _typed(arguments, dict, where=f"{where}.tool_calls.function.arguments", go="api.ToolCallFunctionArguments")


def _check_images(value: Json, where: str) -> None:
    """Images are bare base64: no address, no data URL."""
    _typed(value.get("images"), list, where=where, go="[]api.ImageData")
    for image in array_at(value, "images"):
        try:
            base64.b64decode(str(image), validate=True)
        except (binascii.Error, ValueError):
            place = next((n for n, sign in enumerate(str(image)) if not (sign.isalnum() or sign in "+/=")), 0)
            raise Fault(f"illegal base64 data at input byte {place}") from None


def _check_tools(body: Json) -> None:
    _typed(body.get("tools"), list, where="ChatRequest.tools", go="api.Tools")
    for tool in array_at(body, "tools"):
        function = object_of(tool).get("function")
        _typed(function, dict, where="ChatRequest.tools.function", go="api.ToolFunction")
        _typed(object_of(function).get("parameters"), dict, where="ChatRequest.tools.function.parameters",
               go="api.ToolFunctionParameters")  # fmt: skip
