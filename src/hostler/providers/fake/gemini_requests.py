"""Knows what Google demands of Gemini requests, and the words in which it refuses.

`read` takes from a request what a script needs and refuses only what nobody could answer; `check` refuses what the
vendor refuses. Field names are taken in both spellings, as the vendor does. Written after the published API reference;
does not know replies.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from hostler.providers.fake.answer import call_signature, count_words
from hostler.providers.fake.asked import Asked, AskedTool, Fault, Rules
from hostler.providers.fake.gemini_fields import FIELDS, SCHEMA_FIELDS, camel, snake
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
from hostler.providers.fake.routes import Route

DUMMIES: Final = frozenset(("skip_thought_signature_validator", "context_engineering_is_the_way_to_go"))
"""Signatures that the vendor documents for history that is not its own."""
_ROLES: Final = ("user", "model", "function", "")
_DATA: Final = (
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult",
    "toolCall", "toolResponse",
)  # fmt: skip
_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
_MODES: Final = ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")
_LEVELS: Final = ("THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")
_RANGES: Final = {"temperature": (0, 2), "topP": (0, 1), "maxOutputTokens": (1, None), "candidateCount": (1, 8)}
_SIGNED: Final = re.compile(r"fake-[0-9a-f]{40}")


def read(route: Route, body: object) -> Asked:
    """What a script needs of a request. Raises Fault when the body is no object."""
    if not is_object(body):
        raise Fault('Invalid JSON payload received. Expected an object key or }.\n{"\n^', param="")
    made = camel(body)
    inner = object_at(made, "generateContentRequest") or made
    contents = objects_of(inner.get("contents"))
    last = contents[-1] if contents else {}
    results = [object_at(part, "functionResponse") for part in array_at(last, "parts") if is_result(part)]
    said = [_text(content) for content in contents if text_at(content, "role") in ("user", "")]
    if route.operation == "embeddings":
        said = [texts_of(object_at(made, "content").get("parts"))]
    system = texts_of(object_at(inner, "systemInstruction").get("parts"))
    return Asked(
        wire="gemini",
        operation=route.operation,
        model=route.model.removeprefix("models/"),
        stream=route.stream,
        include_usage=True,
        text="\n".join(map(_result, results)) if results else next((t for t in reversed(said) if t), ""),
        system=system,
        tool_result=bool(results),
        tools=tuple(_tools(inner)),
        tool_choice=_tool_choice(inner),
        words=count_words(contents) + count_words(system) + count_words(inner.get("tools")),
        array=route.array,
        body=made,
    )


def is_result(part: object) -> bool:
    """Whether a part brings the result of a call."""
    return is_object(part) and "functionResponse" in part


def _text(content: Json) -> str:
    return texts_of([part for part in objects_of(content.get("parts")) if not part.get("thought")])


def _result(result: Json) -> str:
    """What a result says: its one text, as clients wrap it, or all its texts."""
    response = object_at(result, "response")
    for name in ("output", "result", "content", "error"):
        if isinstance(text := response.get(name), str):
            return text
    return " ".join(value for value in response.values() if isinstance(value, str))


def _tools(body: Json) -> Iterator[AskedTool]:
    for tool in array_at(body, "tools"):
        for one in array_at(tool, "functionDeclarations"):
            schema = object_at(one, "parametersJsonSchema") or lowered(object_at(one, "parameters"))
            yield AskedTool(text_at(one, "name"), schema)


def lowered(schema: Json) -> Json:
    """A schema of the older kind with type names as JSON Schema spells them."""
    made: Json = {}
    for name, value in schema.items():
        if name == "type" and isinstance(value, str):
            made[name] = value.lower()
        elif name == "properties" and is_object(value):
            made[name] = {key: lowered(inner) if is_object(inner) else inner for key, inner in value.items()}
        elif is_object(value):
            made[name] = lowered(value)
        elif name == "anyOf" and is_array(value):
            made[name] = [lowered(inner) if is_object(inner) else inner for inner in value]
        else:
            made[name] = value
    return made


def _tool_choice(body: Json) -> str:
    config = object_at(object_at(body, "toolConfig"), "functionCallingConfig")
    names = [name for name in array_at(config, "allowedFunctionNames") if isinstance(name, str)]
    match config.get("mode"):
        case "NONE":
            return "none"
        case "ANY":
            return names[0] if len(names) == 1 else "any"
        case _:
            return "auto"


# ---------------------------------------------------------------------------- what the vendor refuses


def check(asked: Asked, rules: Rules) -> None:
    """Raise Fault with the vendor's words for the first thing that it would refuse."""
    body = asked.body
    if asked.operation == "embeddings":
        if not body.get("content") and not body.get("requests"):
            raise _field("EmbedContentRequest.content", "contents is not specified")
        return
    _check_fields(body, "", kind="request")
    body = object_at(body, "generateContentRequest") or body
    contents = _checked_contents(body)
    _check_turns(contents)
    if rules.dialect.signatures:
        _check_signatures(contents, rules.signatures)
    _check_tools(body, rules)
    _check_config(object_at(body, "generationConfig"))


def _check_fields(value: Json, where: str, *, kind: str) -> None:
    """Names that the schema does not have are refused, at each level that is listed."""
    known = FIELDS[kind]
    for name, inner in value.items():
        if name not in known:
            place = f" at '{snake(where)}'" if where else ""
            text = f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.'
            raise Fault(text, param=snake(where))
        below = known[name]
        path = f"{where}.{name}" if where else name
        if below.endswith("[]"):
            if not is_array(inner):
                raise Fault(f"Invalid value at '{snake(path)}' (type.googleapis.com/...), expected a list", param=path)
            for number, one in enumerate(inner):
                if is_object(one):
                    _check_fields(one, f"{path}[{number}]", kind=below[:-2])
        elif below and is_object(inner):
            _check_fields(inner, path, kind=below)


def _checked_contents(body: Json) -> list[Json]:
    contents = objects_of(body.get("contents"))
    if not contents:
        raise _field("GenerateContentRequest.contents", "contents is not specified")
    for place, content in enumerate(contents):
        where = f"GenerateContentRequest.contents[{place}]"
        if text_at(content, "role") not in _ROLES:
            raise Fault("Please use a valid role: user, model.")
        parts = array_at(content, "parts")
        if not parts:
            raise _field(f"{where}.parts", "contents.parts must not be empty.")
        for number, part in enumerate(parts):
            _check_part(part, f"{where}.parts[{number}]", path=f"contents[{place}].parts[{number}]")
    return contents


def _check_part(part: object, where: str, *, path: str) -> None:
    given = [name for name in _DATA if is_object(part) and part.get(name) is not None]
    if len(given) > 1:
        raise Fault(f"Invalid value at '{snake(path)}' (oneof), oneof field 'data' is already set.", param=snake(path))
    signed = is_object(part) and bool(part.get("thoughtSignature"))
    if not given and not signed:
        raise _field(f"{where}.data", "required oneof field 'data' must have one initialized field")
    blob = object_at(part, "inlineData")
    if "inlineData" in given:
        if not text_at(blob, "mimeType"):
            raise _field(f"{where}.inline_data.mime_type", "mime_type must not be empty")
        if not decodes(text_at(blob, "data")):
            raise Fault(
                f"Invalid value at '{snake(path)}.inline_data.data' (TYPE_BYTES), Base64 decoding failed for "
                f'"{text_at(blob, "data")[:40]}"',
                param=f"{snake(path)}.inline_data.data",
            )
    for name, needed in (("functionCall", "name"), ("functionResponse", "name"), ("fileData", "fileUri")):
        if name in given and not text_at(object_at(part, name), needed):
            raise _field(f"{where}.{snake(name)}.{snake(needed)}", f"{snake(needed)} must not be empty")
    for name, needed in (("functionCall", "args"), ("functionResponse", "response")):
        found = object_at(part, name).get(needed)
        if found is not None and not is_object(found):
            raise Fault(f"Invalid value at '{snake(path)}.{snake(name)}.{needed}' (type.googleapis.com/google.protobuf."
                        f'Struct), "{found}"', param=snake(path))  # fmt: skip


def decodes(text: str) -> bool:
    """Whether it is base64, in either alphabet."""
    try:
        base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return bool(text)


def _check_turns(contents: list[Json]) -> None:
    """Calls come after the user or results; results right after calls, as many as there were."""
    for place, content in enumerate(contents):
        before = contents[place - 1] if place else {}
        calls, results = parts_with(content, "functionCall"), parts_with(content, "functionResponse")
        called = parts_with(before, "functionCall")
        if calls and (not place or (text_at(before, "role") == "model")):
            raise Fault(
                "Please ensure that function call turn comes immediately after a user turn or after a function "
                "response turn."
            )
        if results and not called:
            raise Fault("Please ensure that function response turn comes immediately after a function call turn.")
        if called and len(results) != len(called):
            raise Fault(
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            )
        names = sorted(text_at(call, "name") for call in called)
        if results and sorted(text_at(result, "name") for result in results) != names:
            raise Fault("Please ensure that function response names match the names of the function calls.")
        ids = {text_at(call, "id") for call in called} - {""}
        if ids and {text_at(result, "id") for result in results} - {"", *ids}:
            raise Fault("Function response id does not match any function call id of the function call turn.")
    if parts_with(contents[-1], "functionCall"):
        raise Fault(
            "Please ensure that single turn requests end with a user role or the role field is empty, and that "
            "function calls are followed by function responses."
        )


def parts_with(content: Json, name: str) -> list[Json]:
    """What stands under this name in the parts of a content."""
    return [object_at(part, name) for part in array_at(content, "parts") if is_object(part) and name in part]


def _check_signatures(contents: list[Json], scripted: frozenset[str]) -> None:
    """Since the last words of the user, the first call of each step brings its signature; and each is whole."""
    turn = max((n for n, c in enumerate(contents) if _spoken_by_user(c)), default=0)
    for place, content in enumerate(contents):
        first = True
        for number, part in enumerate(objects_of(content.get("parts"))):
            signature = text_at(part, "thoughtSignature")
            call = object_at(part, "functionCall")
            if signature and not _genuine(signature, call, scripted=scripted):
                raise Fault("Corrupted thought signature.")
            if call and first:
                first = False
                if not signature and place > turn:
                    raise _unsigned(text_at(call, "name"), number)


def _spoken_by_user(content: Json) -> bool:
    return text_at(content, "role") != "model" and not parts_with(content, "functionResponse")


def _genuine(signature: str, call: Json, *, scripted: frozenset[str]) -> bool:
    """Whether the fake gave it, for this call; or whether it is one of those for history that is not its own."""
    if signature in DUMMIES:
        return True
    try:
        raw = base64.b64decode(signature, validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    if raw in DUMMIES or raw in scripted:
        return True
    if call:
        return raw == call_signature(text_at(call, "name"), object_at(call, "args"))
    return _SIGNED.fullmatch(raw) is not None


def _unsigned(name: str, place: int) -> Fault:
    return Fault(
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
        "correctly, and missing thought_signature may lead to degraded model performance. Additional data, function "
        f"call `default_api:{name}` , position {place + 1}. Please refer to "
        "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
    )


def _check_tools(body: Json, rules: Rules) -> None:
    names: set[str] = set()
    for place, tool in enumerate(objects_of(body.get("tools"))):
        for number, one in enumerate(objects_of(tool.get("functionDeclarations"))):
            name = text_at(one, "name")
            path = f"tools[{place}].function_declarations[{number}]"
            if not _NAME.fullmatch(name):
                raise _field(
                    f"GenerateContentRequest.{path}.name",
                    "[FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be "
                    "alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a "
                    "maximum length of 64.",
                )
            if name in names:
                raise Fault(f"Duplicate function declaration found: {name}")
            names.add(name)
            if one.get("parameters") is not None and one.get("parametersJsonSchema") is not None:
                raise Fault("Only one of parameters and parameters_json_schema may be set.", param=path)
            _check_schema(one.get("parameters"), f"{path}.parameters")
    if names and not rules.dialect.tools:
        raise Fault("Function calling is not enabled for this model")
    config = object_at(object_at(body, "toolConfig"), "functionCallingConfig")
    _check_choice(config, names, forced=rules.dialect.forced_tools)


def _check_choice(config: Json, names: set[str], *, forced: bool) -> None:
    mode = config.get("mode")
    if mode is not None and mode not in _MODES:
        path = "tool_config.function_calling_config.mode"
        text = f"Invalid value at '{path}' (type.googleapis.com/google.ai.generativelanguage.v1beta."
        raise Fault(f'{text}FunctionCallingConfig.Mode), "{mode}"', param=path)
    if mode == "ANY" and not forced:
        raise Fault("Function calling config mode ANY is not supported for this model.")
    if mode in ("ANY", "VALIDATED") and not names:
        raise Fault("Function calling config is set without function_declarations.")
    allowed = array_at(config, "allowedFunctionNames")
    if allowed and mode not in ("ANY", "VALIDATED"):
        raise Fault("Allowed function names should be set only when function calling mode is ANY or VALIDATED.")
    if other := [str(name) for name in allowed if name not in names]:
        raise Fault(f"Allowed function names contain an undeclared function: {', '.join(other)}")


def _check_schema(schema: object, where: str) -> None:
    """Schemas of the older kind are a part of OpenAPI's, not JSON Schema."""
    if not is_object(schema):
        return
    for name, inner in schema.items():
        if name not in SCHEMA_FIELDS:
            text = f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field."
            raise Fault(text, param=where)
        if name == "type" and is_array(inner):
            raise Fault(f"Invalid JSON payload received. Unknown name \"type\" at '{where}': Proto field is not "
                        "repeating, cannot start list.", param=where)  # fmt: skip
    for name, inner in object_at(schema, "properties").items():
        _check_schema(inner, f"{where}.properties[{name}].value")
    _check_schema(schema.get("items"), f"{where}.items")
    for number, inner in enumerate(array_at(schema, "anyOf")):
        _check_schema(inner, f"{where}.any_of[{number}]")


def _check_config(config: Json) -> None:
    for name, (least, most) in _RANGES.items():
        value = config.get(name)
        if is_number(value) and (value < least or (most is not None and value > most)):
            bounds = f"[{least}, {most}]" if most is not None else f"[{least}, 65536]"
            raise Fault(f"Unable to submit request because it has a {name} value of {value} but the supported range "
                        f"is {bounds}. Update the value and try again.")  # fmt: skip
    thinking = object_at(config, "thinkingConfig")
    if thinking.get("thinkingBudget") is not None and thinking.get("thinkingLevel") is not None:
        raise Fault("You can only set only one of thinking budget and thinking level.")
    level = thinking.get("thinkingLevel")
    if level is not None and str(level).upper() not in _LEVELS:
        path = "generation_config.thinking_config.thinking_level"
        text = f"Invalid value at '{path}' (type.googleapis.com/google.ai.generativelanguage.v1beta."
        raise Fault(f'{text}ThinkingConfig.ThinkingLevel), "{level}"', param=path)
    wanted = [name for name in ("responseSchema", "responseJsonSchema") if config.get(name) is not None]
    if len(wanted) > 1:
        raise Fault("Only one of response_schema and response_json_schema may be set.")
    if wanted and text_at(config, "responseMimeType") not in ("application/json", "text/x.enum"):
        raise _field(f"GenerateContentRequest.generation_config.{snake(wanted[0])}",
                     "only allowed when response_mime_type is application/json or text/x.enum")  # fmt: skip
    if "responseSchema" in wanted:
        _check_schema(config["responseSchema"], "generation_config.response_schema")


def _field(where: str, what: str) -> Fault:
    return Fault(f"* {where}: {what}\n", param=where)
