"""The vendors' published types, as their official SDKs have them: those are made from the vendors' API descriptions.

Knows: what each document is called in the SDKs, and what these leave out of what is published. Knows no code of ours.
"""

from functools import cache
from typing import Any, Literal

import anthropic.types
import ollama
import openai.types
from google.genai import types as gemini
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.shared import ErrorObject
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

from tests.published.strict import Json, Schemas

Vendor = Literal["openai", "anthropic", "others"]


class _Named(BaseModel):
    """A document that no SDK has a type for; fields as published."""

    model_config = ConfigDict(alias_generator=to_camel)


class OpenAiError(BaseModel):
    error: ErrorObject


class OpenAiModels(BaseModel):
    object: Literal["list"]
    data: list[openai.types.Model]


class AnthropicModels(BaseModel):
    data: list[anthropic.types.ModelInfo]
    has_more: bool
    first_id: str | None
    last_id: str | None


class RpcStatus(BaseModel):
    """google.rpc.Status, in the JSON of an HTTP error."""

    code: int
    message: str
    status: str
    details: list[dict[str, Any]] = []


class GeminiError(BaseModel):
    error: RpcStatus


class GeminiModel(_Named):
    name: str
    base_model_id: str = ""
    version: str = ""
    display_name: str = ""
    description: str = ""
    input_token_limit: int = 0
    output_token_limit: int = 0
    supported_generation_methods: list[str] = []
    thinking: bool = False
    temperature: float = 0
    max_temperature: float = 0
    top_p: float = 0
    top_k: int = 0


class GeminiModels(_Named):
    models: list[GeminiModel]
    next_page_token: str = ""


class GeminiVector(_Named):
    values: list[float]
    shape: list[int] = []


class GeminiEmbedding(_Named):
    embedding: GeminiVector
    usage_metadata: gemini.UsageMetadata = gemini.UsageMetadata()


class GeminiEmbeddings(_Named):
    embeddings: list[GeminiVector]
    usage_metadata: gemini.UsageMetadata = gemini.UsageMetadata()


class OllamaError(BaseModel):
    error: str


class OllamaVersion(BaseModel):
    version: str


_OPENAI: dict[str, Any] = {
    "chat": ChatCompletion,
    "chat.chunk": ChatCompletionChunk,
    "completion": openai.types.Completion,
    "response": Response,
    "response.event": ResponseStreamEvent,
    "openai.embeddings": openai.types.CreateEmbeddingResponse,
    "openai.models": OpenAiModels,
    "openai.model": openai.types.Model,
    "openai.error": OpenAiError,
}
_ANTHROPIC: dict[str, Any] = {
    "messages": anthropic.types.Message,
    "messages.event": anthropic.types.RawMessageStreamEvent,
    "anthropic.count": anthropic.types.MessageTokensCount,
    "anthropic.models": AnthropicModels,
    "anthropic.model": anthropic.types.ModelInfo,
    "anthropic.error": anthropic.types.ErrorResponse,
}
_OTHERS: dict[str, Any] = {
    "gemini": gemini.GenerateContentResponse,
    "gemini.count": gemini.CountTokensResponse,
    "gemini.embedding": GeminiEmbedding,
    "gemini.embeddings": GeminiEmbeddings,
    "gemini.models": GeminiModels,
    "gemini.model": GeminiModel,
    "gemini.error": GeminiError,
    "ollama.chat": ollama.ChatResponse,
    "ollama.generate": ollama.GenerateResponse,
    "ollama.tags": ollama.ListResponse,
    "ollama.show": ollama.ShowResponse,
    "ollama.ps": ollama.ProcessResponse,
    "ollama.embed": ollama.EmbedResponse,
    "ollama.embeddings": ollama.EmbeddingsResponse,
    "ollama.version": OllamaVersion,
    "ollama.error": OllamaError,
}

_DOCUMENTS: dict[Vendor, dict[str, Any]] = {"openai": _OPENAI, "anthropic": _ANTHROPIC, "others": _OTHERS}
VENDORS: tuple[Vendor, ...] = tuple(_DOCUMENTS)

REQUIRED_LAST = frozenset({"Response.top_p", "Choice.finish_reason"})
"""Required fields that may be null, and stand behind the others: where the order does not tell."""
NULLABLE = frozenset(
    {
        *("ChatCompletion.moderation", "ChatCompletionChunk.usage", "ChatCompletionChunk.moderation"),
        *(
            "Choice.logprobs",
            "ChoiceDelta.content",
            "ChoiceDelta.refusal",
            "ChatCompletionMessage.audio",
            "Model.shutdown_date",
        ),
        *("Response.background", "Response.completed_at", "Response.conversation", "Response.max_output_tokens"),
        *("Response.max_tool_calls", "Response.moderation", "Response.previous_response_id", "Response.reasoning"),
        *("Response.truncation", "ResponseReasoningItem.encrypted_content", "ResponseOutputMessage.phase"),
        *("Response.prompt_cache_key", "Response.safety_identifier", "Reasoning.effort", "Reasoning.summary"),
        *("ResponseFunctionToolCall.caller", "ResponseCustomToolCall.caller"),
        *("Delta.stop_details", "Delta.stop_reason", "Delta.stop_sequence"),
    }
)
"""Fields that need not be there, and may be null all the same. The SDKs allow that for every field."""
UNHEARD_OF = frozenset({"Response.access_programs"})
"""Required by a type that is newer than the clients in use; it tells of the vendor's own business with a customer."""


@cache
def published(vendor: Vendor) -> Schemas:
    """The strict schemas of a vendor's documents, by the names that the tests have for them."""
    types = {document: TypeAdapter[Any](each) for document, each in _DOCUMENTS[vendor].items()}
    made, held = TypeAdapter.json_schemas(
        [(document, "validation", each) for document, each in types.items()], ref_template="#/$defs/{model}"
    )
    definitions = {**held["$defs"], **{document: schema for (document, _), schema in made.items()}}
    told = {name: _as_published(schema, vendor) for name, schema in definitions.items()}
    return Schemas({document: f"#/$defs/{document}" for document in types}, told)


def _as_published(schema: Json, vendor: Vendor) -> Json:
    """A type's schema with what the SDK does not say: which fields may be null, and which of those must be there.

    The makers of the two typed SDKs put required fields before the others. So what stands before a surely required one
    may be null, and is required; the one vendor of the two that declares everything required leaves out much of it.
    """
    fields: Json = schema.get("properties", {})
    if not fields:
        return schema
    required, told = list(schema.get("required", ())), dict(fields)
    names = list(fields)
    last = max((names.index(name) for name in required), default=-1) if vendor != "others" else -1
    for place, (name, field) in enumerate(fields.items()):
        known = f"{schema.get('title')}.{name}"
        if name in required or "anyOf" not in field:
            continue
        if place < last or known in REQUIRED_LAST:
            required += [name] if vendor == "openai" and known not in UNHEARD_OF else []
        elif known not in NULLABLE:
            kept = [each for each in field["anyOf"] if each != {"type": "null"}]
            told[name] = kept[0] if len(kept) == 1 else {**field, "anyOf": kept}
    return {**schema, "properties": told, "required": required}
