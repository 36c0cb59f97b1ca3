"""Knows what OpenAI demands of responses requests, and the words in which it refuses.

`read` takes from a request what a script needs and refuses only what nobody could answer; `check` refuses what the
vendor refuses. Written after the published API reference; does not know replies.
"""

import re
from collections.abc import Iterator
from typing import Final

from hostler.providers.fake.answer import count_words, signature_of
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
from hostler.providers.fake.routes import Route

_FIELDS: Final = frozenset((
    "access_programs", "background", "context_management", "conversation", "image", "include", "input", "instructions",
    "max_output_tokens", "max_tool_calls", "metadata", "model", "moderation", "parallel_tool_calls",
    "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning",
    "safety_identifier", "service_tier", "store", "stream", "stream_options", "temperature", "text", "tool_choice",
    "tools", "top_logprobs", "top_p", "truncation", "user", "betas",
))  # fmt: skip
_PARTS: Final = {
    "user": ("input_text", "input_image", "input_file", "input_audio"),
    "system": ("input_text", "input_image", "input_file"),
    "developer": ("input_text", "input_image", "input_file"),
    "assistant": ("output_text", "refusal"),
}
_OUTPUTS: Final = ("input_text", "input_image", "input_file")
_PREFIXES: Final = {
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "function_call_output": "fc",
    "custom_tool_call_output": "ctc",
}
_NEEDS: Final = {
    "message": ("role", "content"),
    "reasoning": ("summary",),
    "function_call": ("call_id", "name", "arguments"),
    "custom_tool_call": ("call_id", "name", "input"),
    "function_call_output": ("call_id", "output"),
    "custom_tool_call_output": ("call_id", "output"),
    "item_reference": ("id",),
}
_KNOWN: Final = frozenset((
    *_NEEDS, "file_search_call", "computer_call", "computer_call_output", "web_search_call", "tool_search_call",
    "tool_search_output", "additional_tools", "configuration_update", "compaction", "image_generation_call",
    "code_interpreter_call", "local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output",
    "apply_patch_call", "apply_patch_call_output", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response",
    "mcp_call", "compaction_trigger", "program", "program_output",
))  # fmt: skip
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
_LONGEST: Final = 64
_LEAST_OUTPUT: Final = 16
_RANGES: Final = {"temperature": (0, 2), "top_p": (0, 1), "top_logprobs": (0, 20)}
_EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_PAIRS: Final = {"function_call_output": "function_call", "custom_tool_call_output": "custom_tool_call"}


def read(route: Route, body: object) -> Asked:
    """What a script needs of a request. Raises Fault when the body is no object or names no model."""
    if not is_object(body):
        raise Fault("We could not parse the JSON body of your request.", kind=KIND)
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise missing("model")
    given = body.get("input", "")
    items = objects_of(given)
    last = items[-1] if items else {}
    result = text_at(last, "type") in _PAIRS
    said = [texts_of(item.get("content")) for item in items if text_at(item, "role") == "user"]
    text = texts_of(last.get("output")) if result else next((t for t in reversed(said) if t), "")
    return Asked(
        wire="openai-responses",
        operation=route.operation,
        model=model,
        stream=body.get("stream") is True,
        include_usage=True,
        text=given if isinstance(given, str) else text,
        system="\n".join(_system_texts(body, items)),
        tool_result=result,
        tools=tuple(_tools(body)),
        tool_choice=_tool_choice(body),
        words=count_words(given) + count_words(body.get("instructions")) + count_words(body.get("tools")),
        body=body,
    )


def _system_texts(body: Json, items: list[Json]) -> Iterator[str]:
    if instructions := text_at(body, "instructions"):
        yield instructions
    for item in items:
        if text_at(item, "role") in ("system", "developer"):
            yield texts_of(item.get("content"))


def _tools(body: Json) -> Iterator[AskedTool]:
    for tool in array_at(body, "tools"):
        inner = array_at(tool, "tools") if text_at(tool, "type") == "namespace" else [tool]
        space = text_at(tool, "name") if text_at(tool, "type") == "namespace" else ""
        for one in inner:
            kind = text_at(one, "type")
            if kind == "function" or kind == "custom":
                yield AskedTool(text_at(one, "name"), object_at(one, "parameters"), kind, space)


def _tool_choice(body: Json) -> str:
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, str):
        return "any" if choice == "required" else choice
    return text_at(choice, "name") or "auto"


# ---------------------------------------------------------------------------- what the vendor refuses


def check(asked: Asked, rules: Rules) -> None:
    """Raise Fault with the vendor's words for the first thing that it would refuse."""
    body = asked.body
    for name in body:
        if name not in _FIELDS:
            raise unknown(name)
        if name in rules.dialect.forbidden:
            raise unsupported(name)
    if not any(name in body for name in ("input", "prompt", "conversation", "previous_response_id")):
        raise missing("input")
    items = _checked_items(body)
    _check_pairs(items)
    _check_reasoning(items, rules)
    _check_tools(body, rules)
    _check_numbers(body)
    _check_format(body)


def _checked_items(body: Json) -> list[Json]:
    given = body.get("input", "")
    if isinstance(given, str):
        return []
    if not is_array(given):
        raise wrong_type("input", "one of a string or array of input items", value=given)
    items: list[Json] = []
    for place, item in enumerate(given):
        where = f"input[{place}]"
        if not is_object(item):
            raise wrong_type(where, "an input item", value=item)
        _check_item(item, where)
        items.append(item)
    return items


def _check_item(item: Json, where: str) -> None:
    kind = text_at(item, "type") or ("message" if "role" in item else "")
    if kind not in _KNOWN:
        raise wrong_value(where, kind, known=sorted(_KNOWN))
    for name in _NEEDS.get(kind, ()):
        if name not in item:
            raise missing(f"{where}.{name}")
    _check_ids(item, kind, where=where)
    for name in ("arguments", "input"):
        if name in _NEEDS.get(kind, ()) and not isinstance(item[name], str):
            raise wrong_type(f"{where}.{name}", "a string", value=item[name])
    if kind == "message":
        _check_content(item, where)
    if kind in _PAIRS:
        _check_parts(item["output"], _OUTPUTS, where=f"{where}.output")


def _check_ids(item: Json, kind: str, *, where: str) -> None:
    prefix = _PREFIXES.get(kind)
    own = item.get("id")
    if prefix and isinstance(own, str) and not own.startswith(prefix):
        text = f"Invalid '{where}.id': '{own}'. Expected an ID that begins with '{prefix}'."
        raise Fault(text, kind=KIND, param=f"{where}.id", code="invalid_value")
    for name in ("id", "call_id"):
        _check_length(item.get(name), f"{where}.{name}")
    if kind in ("function_call", "custom_tool_call"):
        _check_name(item["name"], f"{where}.name")


def _check_content(item: Json, where: str) -> None:
    role = item["role"]
    if not isinstance(role, str) or role not in _PARTS:
        raise wrong_value(f"{where}.role", role, known=("assistant", "system", "developer", "user"))
    _check_parts(item["content"], _PARTS[role], where=f"{where}.content")


def _check_parts(content: object, allowed: tuple[str, ...], *, where: str) -> None:
    if isinstance(content, str):
        return
    if not is_array(content):
        raise wrong_type(where, "one of an array of objects or string", value=content)
    for place, part in enumerate(content):
        kind = text_at(part, "type")
        if kind not in allowed:
            raise wrong_value(f"{where}[{place}]", kind, known=allowed)
        name = kind.removeprefix("input_").removeprefix("output_")
        if name == "text" and not isinstance(object_of(part).get("text"), str):
            raise missing(f"{where}[{place}].text")
        if kind == "input_image" and not any(object_of(part).get(k) for k in ("image_url", "file_id")):
            raise missing(f"{where}[{place}].image_url")


def _check_length(value: object, where: str) -> None:
    if isinstance(value, str) and len(value) > _LONGEST:
        raise too_long(where, most=_LONGEST, length=len(value))


def _check_name(name: object, where: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise wrong_pattern(where)
    _check_length(name, where)


def _check_pairs(items: list[Json]) -> None:
    """Each call has its output somewhere behind it, and each output its call before it."""
    called: dict[tuple[str, str], bool] = {}
    for item in items:
        kind, call_id = text_at(item, "type"), text_at(item, "call_id")
        if kind in _PAIRS.values():
            called[kind, call_id] = False
        if kind in _PAIRS:
            if (_PAIRS[kind], call_id) not in called:
                sort = "function" if kind == "function_call_output" else "custom tool"
                raise Fault(
                    f"No tool call found for {sort} call output with call_id {call_id}.", kind=KIND, param="input"
                )
            called[_PAIRS[kind], call_id] = True
    for (kind, call_id), answered in called.items():
        if not answered:
            sort = "function" if kind == "function_call" else "custom tool"
            raise Fault(f"No tool output found for {sort} call {call_id}.", kind=KIND, param="input")


def _check_reasoning(items: list[Json], rules: Rules) -> None:
    """Reasoning comes back as it was given, and with what it led to."""
    for place, item in enumerate(items):
        if text_at(item, "type") != "reasoning":
            continue
        own = text_at(item, "id")
        follower = items[place + 1] if place + 1 < len(items) else {}
        if not (text_at(follower, "type").endswith(("_call", "reasoning")) or follower.get("role") == "assistant"):
            text = f"Item '{own}' of type 'reasoning' was provided without its required following item."
            raise Fault(text, kind=KIND, param="input")
        sealed = item.get("encrypted_content")
        if not isinstance(sealed, str):
            text = (
                f"Item with id '{own}' not found. Items are not persisted when `store` is set to false. "
                "Try again with `store` set to true, or remove this item from your input."
            )
            raise Fault(text, 404, kind=KIND, param="input")
        if not _opens(sealed, item, rules=rules):
            text = (
                f"The encrypted content {sealed[:4]}...{sealed[-4:]} could not be verified. "
                "Reason: Encrypted content could not be decrypted or parsed."
            )
            raise Fault(text, kind=KIND, code="invalid_encrypted_content")


def _opens(sealed: str, item: Json, *, rules: Rules) -> bool:
    """Whether the fake sealed this; a summary that came along must be the one that it gave."""
    if sealed in rules.signatures:
        return True
    summary = array_at(item, "summary")
    if summary:
        return sealed == signature_of(texts_of(summary))
    return re.fullmatch(r"fake-[0-9a-f]{40}", sealed) is not None


def _check_tools(body: Json, rules: Rules) -> None:
    tools = array_at(body, "tools")
    if tools and not rules.dialect.tools:
        raise Fault("Unsupported parameter: 'tools' is not supported with this model.", kind=KIND, param="tools")
    for place, tool in enumerate(tools):
        kind = text_at(tool, "type")
        if not kind:
            raise missing(f"tools[{place}].type")
        if kind in ("function", "custom", "namespace"):
            if "name" not in object_of(tool):
                raise missing(f"tools[{place}].name")
            _check_name(object_of(tool)["name"], f"tools[{place}].name")
        parameters = object_of(tool).get("parameters")
        if kind == "function" and parameters is not None and text_at(parameters, "type") != "object":
            text = (
                f"Invalid schema for function '{text_at(tool, 'name')}': schema must be a JSON Schema of "
                f"'type: \"object\"', got 'type: \"{text_at(parameters, 'type') or 'None'}\"'."
            )
            raise Fault(text, kind=KIND, param=f"tools[{place}].parameters", code="invalid_function_parameters")
    _check_choice(body, rules)


def _check_choice(body: Json, rules: Rules) -> None:
    choice = body.get("tool_choice")
    if choice is None:
        return
    if isinstance(choice, str) and choice not in ("none", "auto", "required"):
        raise wrong_value("tool_choice", choice, known=("none", "auto", "required"))
    forced = choice == "required" or text_at(choice, "type") in ("function", "custom")
    if forced and not rules.dialect.forced_tools:
        raise Fault("tool_choice other than 'auto' or 'none' is not supported by this model.", kind=KIND)
    named = text_at(choice, "name")
    if named and named not in {tool.name for tool in _tools(body)}:
        raise Fault(f"Tool choice '{named}' not found in 'tools' parameter.", kind=KIND, param="tool_choice")
    if choice == "required" and not array_at(body, "tools"):
        text = "Tool choice 'required' must be specified with 'tools' parameter."
        raise Fault(text, kind=KIND, param="tool_choice")


def _check_numbers(body: Json) -> None:
    limit = body.get("max_output_tokens")
    if limit is not None:
        if not isinstance(limit, int) or isinstance(limit, bool):
            raise wrong_type("max_output_tokens", "an integer", value=limit)
        if limit < _LEAST_OUTPUT:
            raise out_of_range("max_output_tokens", limit, least=_LEAST_OUTPUT, most=None, kind="integer")
    for name, (least, most) in _RANGES.items():
        value = body.get(name)
        if value is None:
            continue
        if not is_number(value):
            raise wrong_type(name, "a decimal", value=value)
        if not least <= value <= most:
            raise out_of_range(name, value, least=least if value < least else None, most=most)
    effort = object_at(body, "reasoning").get("effort")
    if effort is not None and effort not in _EFFORTS:
        raise wrong_value("reasoning.effort", effort, known=_EFFORTS)
    if body.get("stream_options") is not None and body.get("stream") is not True:
        text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise Fault(text, kind=KIND, param="stream_options")


def _check_format(body: Json) -> None:
    wanted = object_at(object_at(body, "text"), "format")
    kind = wanted.get("type")
    if wanted and kind not in ("text", "json_object", "json_schema"):
        raise wrong_value("text.format.type", kind, known=("json_object", "json_schema", "text"))
    if kind == "json_schema":
        for name in ("name", "schema"):
            if name not in wanted:
                raise missing(f"text.format.{name}")
    given = body.get("input")
    said = given if isinstance(given, str) else " ".join(texts_of(item.get("content")) for item in objects_of(given))
    if kind == "json_object" and "json" not in f"{said} {text_at(body, 'instructions')}".lower():
        text = "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
        raise Fault(f"{text}'json_object'.", kind=KIND, param="input")
