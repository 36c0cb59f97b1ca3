"""All that the gateway sends is what the vendors publish: five faces, the six wires behind each, bodies as they are.

The same scripts as in the table of faces; where a face is its upstream's own wire, what the fake vendor says is judged.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hostler.core.wires import ANTHROPIC, GEMINI, Wire
from hostler.providers.fake import FakeVendor
from tests.end_to_end.gate import Gate, Setup, gate
from tests.fakes import serving
from tests.published.extensions import Extension
from tests.published.faces import FACES, judge_stream
from tests.published.judge import complaints, departures, excused

KINDS = {
    "openai-chat": "openai-compatible",
    **{kind: kind for kind in ("openai-responses", "anthropic", "gemini", "ollama", "dashscope")},
}
"""The wires behind, and the kind of a provider that speaks each."""
SAID = ("echo", "tools", "usage", "think", "redacted", "refuse", "unicode")
FAILING = ("fail-400", "fail-401", "fail-402", "fail-404", "fail-413", "fail-429", "fail-500", "fail-529", "fail-page")
BREAKING = ("cut", "error")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
faces = pytest.mark.parametrize("wire", FACES)


@pytest.fixture
async def fake() -> AsyncIterator[FakeVendor]:
    async with serving(strict=True) as fake:
        yield fake


@pytest.fixture
async def door(tmp_path: Path, fake: FakeVendor) -> AsyncIterator[Gate]:
    entries = [
        {"id": wire, "kind": kind, "baseUrl": fake.address, "apiKeyEnv": "FAKE_KEY"} for wire, kind in KINDS.items()
    ]
    async with gate(tmp_path, *entries, setup=Setup(environment={"FAKE_KEY": "sk-fake"})) as door:
        yield door


def asking(wire: Wire, model: str, *, stream: bool, array: bool = False) -> tuple[str, dict[str, Any]]:
    """A face's path and body for one question, with a tool on offer."""
    function = {"name": "weather", "description": "x", "parameters": SCHEMA}
    words = [{"role": "user", "content": "What is the weather?"}]
    match wire:
        case "openai-chat":
            told = {"messages": words, "tools": [{"type": "function", "function": function}], "max_tokens": 900}
            options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
            return "/v1/chat/completions", {"model": model, **told, **options}
        case "openai-responses":
            told = {"input": words, "tools": [{"type": "function", **function, "strict": False}]}
            return "/v1/responses", {"model": model, **told, "stream": stream}
        case "anthropic":
            tools = [{"name": "weather", "input_schema": SCHEMA}]
            return "/v1/messages", {
                "model": model,
                "messages": words,
                "max_tokens": 900,
                "tools": tools,
                "stream": stream,
            }
        case "gemini":
            action = "streamGenerateContent" + ("" if array else "?alt=sse") if stream else "generateContent"
            contents = [{"role": "user", "parts": [{"text": "What is the weather?"}]}]
            body = {"contents": contents, "tools": [{"functionDeclarations": [function]}]}
            return f"/v1beta/models/{model}:{action}", body
        case _:
            tools = [{"type": "function", "function": function}]
            return "/api/chat", {"model": model, "messages": words, "tools": tools, "stream": stream}


async def judged(door: Gate, wire: Wire, model: str, *, stream: bool, array: bool = False) -> list[str]:
    """What is wrong with the answer to one question, with the model that gave it."""
    path, body = asking(wire, model, stream=stream, array=array)
    reply = await door.ask(path, body)
    documents, framing = FACES[wire], "array" if array else None
    if reply.status != 200:
        wrong = complaints(documents.error, reply.body)
    elif stream:
        wrong, failed = judge_stream(wire, reply.body, framing)
        wrong += ["a whole answer"] if model.endswith(BREAKING) and not failed else []
    else:
        wrong = complaints(documents.whole, reply.body)
    good = model.endswith(SAID)
    if good and (reply.status != 200 or (stream and failed)):
        wrong.append(f"no answer: {reply.status}")
    return [f"{model} {'stream' if stream else 'whole'}: {line}" for line in wrong]


@pytest.mark.slow
@faces
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_answers_and_errors(door: Gate, wire: Wire, *, stream: bool) -> None:
    wrong: list[str] = []
    for behind in KINDS:
        for name in (*SAID, *FAILING, *(BREAKING if stream else ())):
            wrong += await judged(door, wire, f"{behind}/{name}", stream=stream)
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
async def test_streams_as_one_array(door: Gate) -> None:
    wrong: list[str] = []
    for behind in KINDS:
        for name in (*SAID, *BREAKING):
            wrong += await judged(door, GEMINI, f"{behind}/{name}", stream=True, array=True)
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
async def test_counts_embeddings_and_pages_about_models(door: Gate) -> None:
    await door.app.discovery.refresh()
    anthropic = {"anthropic-version": "2023-06-01"}
    google = {"x-goog-api-key": "x"}
    texts = {"content": {"parts": [{"text": "a"}]}}
    pages: list[tuple[str, str, object, dict[str, str]]] = [
        ("openai.models", "/v1/models", None, {}),
        ("openai.model", "/v1/models/ollama/echo", None, {}),
        ("anthropic.models", "/v1/models", None, anthropic),
        ("anthropic.model", "/v1/models/anthropic/echo", None, anthropic),
        ("gemini.models", "/v1beta/models", None, google),
        ("gemini.model", "/v1beta/models/gemini/echo", None, google),
        ("ollama.tags", "/api/tags", None, {}),
        ("ollama.ps", "/api/ps", None, {}),
        ("ollama.version", "/api/version", None, {}),
        ("ollama.show", "/api/show", {"model": "ollama/echo"}, {}),
        ("anthropic.count", "/v1/messages/count_tokens", asking(ANTHROPIC, "gemini/echo", stream=False)[1], {}),
        ("gemini.count", "/v1beta/models/anthropic/echo:countTokens", asking(GEMINI, "x", stream=False)[1], {}),
    ]
    for behind in ("openai-chat", "gemini", "ollama"):
        model = f"{behind}/echo"
        pages += [
            ("openai.embeddings", "/v1/embeddings", {"model": model, "input": ["a", "b"]}, {}),
            ("gemini.embedding", f"/v1beta/models/{model}:embedContent", texts, {}),
            ("gemini.embeddings", f"/v1beta/models/{model}:batchEmbedContents", {"requests": [texts, texts]}, {}),
            ("ollama.embed", "/api/embed", {"model": model, "input": ["a"]}, {}),
            ("ollama.embeddings", "/api/embeddings", {"model": model, "prompt": "a"}, {}),
        ]
    wrong: list[str] = []
    met: set[Extension] = set()
    for document, path, body, headers in pages:
        reply = await door.ask(path, body, headers)
        wrong += [f"{path}: {reply.status} {reply.body[:200]!r}"] if reply.status != 200 else []
        wrong += [f"{path}: {line}" for line in complaints(document, reply.body)]
        met |= departures(document, reply.body)
    assert not wrong, "\n".join(wrong)
    assert met == excused({document for document, *_ in pages})
