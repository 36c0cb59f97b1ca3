"""Knows the field names of Gemini's requests, in both spellings, and where free JSON begins. Does not know their rules.

After the published REST reference (v1beta).
"""

import re
from collections.abc import Mapping
from typing import Final

from hostler.providers.fake.json_values import Json, is_array, is_object

_UNDERSCORE: Final = re.compile(r"(?<=[a-z0-9])_([a-z0-9])")
_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")
_FREE: Final = frozenset((
    "args", "response", "parametersJsonSchema", "responseJsonSchema", "labels", "defs", "default",
    "example", "partMetadata", "metadata",
))  # fmt: skip

FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "request": {
        "model": "", "contents": "content[]", "tools": "tool[]", "toolConfig": "toolConfig", "safetySettings": "",
        "systemInstruction": "content", "generationConfig": "config", "cachedContent": "", "serviceTier": "",
        "store": "", "labels": "", "generateContentRequest": "request",
    },
    "content": {"role": "", "parts": "part[]"},
    "part": {
        "text": "", "thought": "", "thoughtSignature": "", "inlineData": "blob", "fileData": "file",
        "functionCall": "call", "functionResponse": "result", "executableCode": "", "codeExecutionResult": "",
        "toolCall": "", "toolResponse": "", "videoMetadata": "", "mediaResolution": "", "partMetadata": "",
        "audioTranscription": "", "mediaProcessing": "", "speechMetadata": "",
    },
    "blob": {"mimeType": "", "data": "", "displayName": ""},
    "file": {"mimeType": "", "fileUri": "", "displayName": ""},
    "call": {"id": "", "name": "", "args": "", "partialArgs": "", "willContinue": ""},
    "result": {"id": "", "name": "", "response": "", "parts": "", "willContinue": "", "scheduling": ""},
    "tool": {
        "functionDeclarations": "function[]", "googleSearch": "", "googleSearchRetrieval": "", "codeExecution": "",
        "urlContext": "", "computerUse": "", "fileSearch": "", "googleMaps": "", "mcpServers": "", "retrieval": "",
    },
    "function": {
        "name": "", "description": "", "behavior": "", "parameters": "", "parametersJsonSchema": "", "response": "",
        "responseJsonSchema": "",
    },
    "toolConfig": {
        "functionCallingConfig": "calling", "retrievalConfig": "", "includeServerSideToolInvocations": "",
    },
    "calling": {"mode": "", "allowedFunctionNames": "", "streamFunctionCallArguments": ""},
    "config": {
        "stopSequences": "", "responseMimeType": "", "responseSchema": "", "responseJsonSchema": "",
        "responseFormat": "", "responseModalities": "", "candidateCount": "", "maxOutputTokens": "", "temperature": "",
        "topP": "", "topK": "", "seed": "", "presencePenalty": "", "frequencyPenalty": "", "responseLogprobs": "",
        "logprobs": "", "enableEnhancedCivicAnswers": "", "speechConfig": "", "thinkingConfig": "thinking",
        "imageConfig": "", "mediaResolution": "", "audioTimestamp": "", "translationConfig": "",
        "audioTranscriptionConfig": "", "modelSelectionConfig": "", "routingConfig": "", "enableAffectiveDialog": "",
    },
    "thinking": {"includeThoughts": "", "thinkingBudget": "", "thinkingLevel": ""},
}  # fmt: skip
"""By kind of object: its fields, and the kind of what stands under each (`[]`: a list of them; empty: anything)."""

SCHEMA_FIELDS: Final = frozenset((
    "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required",
    "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering",
    "default", "items", "minimum", "maximum",
))  # fmt: skip
"""What a schema of the older kind may say: a part of OpenAPI 3.0's."""


def camel(value: Json) -> Json:
    """The object with its field names as the reference spells them; free JSON is left alone."""
    made: Json = {}
    for name, inner in value.items():
        if name == "properties" and is_object(inner):  # the names in there are the user's own
            made[name] = {own: _camel(schema) for own, schema in inner.items()}
            continue
        spelt = _UNDERSCORE.sub(lambda found: found[1].upper(), name)
        made[spelt] = inner if spelt in _FREE else _camel(inner)
    return made


def _camel(value: object) -> object:
    if is_object(value):
        return camel(value)
    return [_camel(one) for one in value] if is_array(value) else value


def snake(name: str) -> str:
    """A path as the vendor's messages spell it."""
    return _CAPITAL.sub(lambda found: "_" + found[1].lower(), name)
