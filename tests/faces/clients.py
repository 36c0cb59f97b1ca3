"""The five faces as their official SDKs see them, behind one small interface, so that tests can compare them."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import anthropic
import httpx
import httpx2
import ollama
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types

Finish = Literal["stop", "length", "tool_calls", "refusal", "other"]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@dataclass(frozen=True)
class Called:
    """One call of a tool."""

    name: str
    arguments: Any
    id: str = ""


@dataclass
class Said:
    """What a client got. `turn` is what it keeps of it for its history, in its own form."""

    text: str = ""
    reasoning: str = ""
    calls: list[Called] = field(default_factory=list)
    finish: Finish = "other"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    thought_tokens: int | None = None
    cites: set[str] = field(default_factory=set)
    turn: Any = None


class Refused(Exception):
    """An error as the client raises it; `status` 0: without one."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class Face(Protocol):
    """One SDK. A history is a list in the SDK's own form; `user`, `results` make what is appended to it."""

    def user(self, text: str) -> Any: ...
    def results(self, said: Said, answers: Sequence[str]) -> list[Any]: ...
    async def ask(self, model: str, history: list[Any], *, tools: bool, stream: bool) -> Said: ...


class Chat:
    """openai, chat completions."""

    def __init__(self, client: openai.AsyncOpenAI, sampling: Mapping[str, Any], offers: Sequence[str]) -> None:
        self._client = client
        self._sampling = sampling
        self._offers = offers

    def user(self, text: str) -> Any:
        return {"role": "user", "content": text}

    def results(self, said: Said, answers: Sequence[str]) -> list[Any]:
        return [
            {"role": "tool", "tool_call_id": call.id, "content": answer}
            for call, answer in zip(said.calls, answers, strict=True)
        ]

    async def ask(self, model: str, history: list[Any], *, tools: bool, stream: bool) -> Said:
        offered = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in self._offers]
        more: dict[str, Any] = {**self._sampling, **({"tools": offered} if tools else {})}
        try:
            if stream:
                return await self._stream(model, history, more)
            reply = await self._client.chat.completions.create(
                model=model, messages=history, max_completion_tokens=900, **more
            )
        except openai.APIStatusError as error:
            raise Refused(error.status_code, error.message) from None
        except openai.APIError as error:
            raise Refused(0, error.message) from None
        choice, usage = reply.choices[0], reply.usage
        return self._said(choice.message.model_dump(exclude_none=True), choice.finish_reason, usage)

    async def _stream(self, model: str, history: list[Any], more: dict[str, Any]) -> Said:
        text, reasoning, finish, usage = "", "", None, None
        refusal, notes = "", list[Any]()
        calls: dict[int, dict[str, Any]] = {}
        stream = await self._client.chat.completions.create(
            model=model,
            messages=history,
            stream=True,
            stream_options={"include_usage": True},
            max_completion_tokens=900,
            **more,
        )
        async for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                reasoning += getattr(choice.delta, "reasoning_content", None) or ""
                finish = choice.finish_reason or finish
                refusal += choice.delta.refusal or ""
                notes += getattr(choice.delta, "annotations", None) or ()
                for call in choice.delta.tool_calls or ():
                    made = calls.setdefault(
                        call.index, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
                    )
                    made["id"] += call.id or ""
                    if call.function:
                        made["function"]["name"] += call.function.name or ""
                        made["function"]["arguments"] += call.function.arguments or ""
        message: dict[str, Any] = {"role": "assistant", "content": text or None, "reasoning_content": reasoning}
        message |= ({"refusal": refusal} if refusal else {}) | ({"annotations": notes} if notes else {})
        if calls:
            message["tool_calls"] = [calls[index] for index in sorted(calls)]
        return self._said(message, finish, usage)

    def _said(self, message: dict[str, Any], finish: str | None, usage: Any) -> Said:
        known: dict[str | None, Finish] = {
            "stop": "stop",
            "length": "length",
            "tool_calls": "tool_calls",
            "content_filter": "refusal",
        }
        reasoning = message.pop("reasoning_content", "") or ""  # a plain client does not send it back
        return Said(
            text=(message.get("content") or "") + (message.get("refusal") or ""),
            reasoning=reasoning,
            calls=[
                Called(call["function"]["name"], json.loads(call["function"]["arguments"] or "{}"), call["id"])
                for call in message.get("tool_calls", ())
            ],
            finish="refusal" if message.get("refusal") else known.get(finish, "other"),
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
            cached_tokens=getattr(usage and usage.prompt_tokens_details, "cached_tokens", None),
            thought_tokens=getattr(usage and usage.completion_tokens_details, "reasoning_tokens", None),
            cites={note["url_citation"]["url"] for note in message.pop("annotations", ())},
            turn=[message],
        )


class Responses:
    """openai, responses; the client keeps all output items, encrypted reasoning among them."""

    def __init__(self, client: openai.AsyncOpenAI, sampling: Mapping[str, Any], offers: Sequence[str]) -> None:
        self._client = client
        self._sampling = sampling
        self._offers = offers

    def user(self, text: str) -> Any:
        return {"role": "user", "content": text}

    def results(self, said: Said, answers: Sequence[str]) -> list[Any]:
        return [
            {"type": "function_call_output", "call_id": call.id, "output": answer}
            for call, answer in zip(said.calls, answers, strict=True)
        ]

    async def ask(self, model: str, history: list[Any], *, tools: bool, stream: bool) -> Said:
        offered = [{"type": "function", "name": name, "parameters": SCHEMA, "strict": False} for name in self._offers]
        more: dict[str, Any] = {**self._sampling, **({"tools": offered} if tools else {})}
        more |= {"store": False, "include": ["reasoning.encrypted_content"], "max_output_tokens": 900}
        try:
            if not stream:
                return self._said(await self._client.responses.create(model=model, input=history, **more))
            async with self._client.responses.stream(model=model, input=history, **more) as events:
                final = None
                async for event in events:
                    if event.type == "error":
                        raise Refused(0, event.message)
                    if event.type == "response.failed":
                        raise Refused(0, event.response.error.message if event.response.error else "")
                    if event.type in ("response.completed", "response.incomplete"):
                        final = event.response
        except openai.APIStatusError as error:
            raise Refused(error.status_code, error.message) from None
        except openai.APIError as error:
            raise Refused(0, error.message) from None
        if final is None:
            raise Refused(0, "the stream ended without its last event")
        return self._said(final)

    def _said(self, reply: Any) -> Said:
        output = [item.model_dump(exclude_none=True, exclude={"parsed_arguments", "parsed"}) for item in reply.output]
        said = Said(turn=output)
        for item in output:
            if item["type"] == "message":
                for part in item["content"]:
                    part.pop("parsed", None)
                    said.cites |= {note["url"] for note in part.get("annotations", ()) if "url" in note}
                    said.text += part.get("text", "") + part.get("refusal", "")
                    if part["type"] == "refusal":
                        said.finish = "refusal"
            elif item["type"] == "function_call":
                said.calls.append(Called(item["name"], json.loads(item["arguments"] or "{}"), item["call_id"]))
            elif item["type"] == "reasoning":
                said.reasoning += "".join(part["text"] for part in [*item.get("summary", ()), *item.get("content", ())])
        if said.finish != "refusal":
            cut = reply.incomplete_details.reason if reply.incomplete_details else ""
            ended: Finish = "stop" if reply.status == "completed" else "other"
            said.finish = {"max_output_tokens": "length", "content_filter": "refusal"}.get(cut, ended)  # type: ignore[assignment]
            said.finish = "tool_calls" if said.calls and said.finish == "stop" else said.finish
        if reply.usage:
            said.prompt_tokens, said.completion_tokens = reply.usage.input_tokens, reply.usage.output_tokens
            said.cached_tokens = reply.usage.input_tokens_details.cached_tokens
            said.thought_tokens = reply.usage.output_tokens_details.reasoning_tokens
        return said


class Messages:
    """anthropic."""

    def __init__(self, client: anthropic.AsyncAnthropic, sampling: Mapping[str, Any], offers: Sequence[str]) -> None:
        self._client = client
        self._sampling = sampling
        self._offers = offers

    def user(self, text: str) -> Any:
        return {"role": "user", "content": text}

    def results(self, said: Said, answers: Sequence[str]) -> list[Any]:
        blocks = [
            {"type": "tool_result", "tool_use_id": call.id, "content": answer}
            for call, answer in zip(said.calls, answers, strict=True)
        ]
        return [{"role": "user", "content": blocks}]

    async def ask(self, model: str, history: list[Any], *, tools: bool, stream: bool) -> Said:
        offered = [{"name": name, "input_schema": SCHEMA} for name in self._offers]
        more: dict[str, Any] = {"tools": offered} if tools else {}
        more |= {"extra_body": self._sampling}  # the SDK itself has lost these, servers and older clients have not
        try:
            if not stream:
                return self._said(
                    await self._client.messages.create(model=model, max_tokens=900, messages=history, **more)
                )
            async with self._client.messages.stream(model=model, max_tokens=900, messages=history, **more) as events:
                return self._said(await events.get_final_message())
        except anthropic.APIStatusError as error:
            raise Refused(error.status_code if error.status_code != 200 else 0, error.message) from None
        except anthropic.APIError as error:
            raise Refused(0, error.message) from None

    def _said(self, reply: Any) -> Said:
        known: dict[str | None, Finish] = {
            "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls",
            "refusal": "refusal", "model_context_window_exceeded": "length",
        }  # fmt: skip
        usage = reply.usage
        said = Said(
            finish=known.get(reply.stop_reason, "other"),
            prompt_tokens=usage.input_tokens
            + (usage.cache_read_input_tokens or 0)
            + (usage.cache_creation_input_tokens or 0),
            completion_tokens=usage.output_tokens,
            cached_tokens=usage.cache_read_input_tokens,
            thought_tokens=usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else None,
            turn=[{"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in reply.content]}],
        )
        for block in reply.content:
            if block.type == "text":
                said.text += block.text
                said.cites |= {url for cite in block.citations or () if (url := getattr(cite, "url", None))}
            elif block.type == "thinking":
                said.reasoning += block.thinking
            elif block.type == "tool_use":
                said.calls.append(Called(block.name, block.input, block.id))
        return said


class Gemini:
    """google-genai."""

    def __init__(self, client: genai.Client, sampling: Mapping[str, Any], offers: Sequence[str]) -> None:
        self._client = client
        self._sampling = sampling
        self._offers = offers

    def user(self, text: str) -> Any:
        return types.Content(role="user", parts=[types.Part(text=text)])

    def results(self, said: Said, answers: Sequence[str]) -> list[Any]:
        parts = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id or None, name=call.name, response={"result": answer}
                )
            )
            for call, answer in zip(said.calls, answers, strict=True)
        ]
        return [types.Content(role="user", parts=parts)]

    async def ask(self, model: str, history: list[Any], *, tools: bool, stream: bool) -> Said:
        declared = [
            types.FunctionDeclaration(name=name, description="x", parameters_json_schema=SCHEMA)
            for name in self._offers
        ]
        config = types.GenerateContentConfig(
            tools=[types.Tool(function_declarations=declared)] if tools else None,
            thinking_config=types.ThinkingConfig(include_thoughts=True),
            max_output_tokens=900,
            **self._sampling,
        )
        try:
            if stream:
                chunks = await self._client.aio.models.generate_content_stream(
                    model=model, contents=history, config=config
                )
                return self._said([chunk async for chunk in chunks])
            return self._said(
                [await self._client.aio.models.generate_content(model=model, contents=history, config=config)]
            )
        except genai_errors.APIError as error:
            raise Refused(error.code if error.code != 200 else 0, str(error.message)) from None
        except (httpx2.TransportError, genai_errors.UnknownApiResponseError, ValueError) as error:
            raise Refused(0, str(error)) from None

    def _said(self, replies: list[types.GenerateContentResponse]) -> Said:
        said, parts, finish = Said(), [], None
        for reply in replies:
            for candidate in reply.candidates or ():
                finish = candidate.finish_reason or finish
                said.cites |= _gemini_cites(candidate)
                for part in (candidate.content.parts if candidate.content else None) or ():
                    parts.append(part)
                    if part.function_call:
                        call = part.function_call
                        said.calls.append(Called(call.name or "", dict(call.args or {}), call.id or ""))
                    elif part.thought:
                        said.reasoning += part.text or ""
                    else:
                        said.text += part.text or ""
            if reply.usage_metadata:
                usage = reply.usage_metadata
                said.prompt_tokens = usage.prompt_token_count
                said.completion_tokens = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
                said.cached_tokens = usage.cached_content_token_count or 0
                said.thought_tokens = usage.thoughts_token_count or 0
        known: dict[Any, Finish] = {
            "STOP": "stop",
            "MAX_TOKENS": "length",
            "SAFETY": "refusal",
            "PROHIBITED_CONTENT": "refusal",
            "RECITATION": "refusal",
            "BLOCKLIST": "refusal",
            "SPII": "refusal",
            "IMAGE_SAFETY": "refusal",
        }
        ended = known.get(finish.value if finish else None, "other")
        said.finish = "tool_calls" if said.calls and ended == "stop" else ended
        said.turn = [types.Content(role="model", parts=parts)]
        if finish is None:
            raise Refused(0, "the reply ended without a reason")
        return said


def _gemini_cites(candidate: types.Candidate) -> set[str]:
    grounded = candidate.grounding_metadata.grounding_chunks if candidate.grounding_metadata else None
    cited = candidate.citation_metadata.citations if candidate.citation_metadata else None
    return {chunk.web.uri or "" for chunk in grounded or () if chunk.web} | {cite.uri or "" for cite in cited or ()}


class Ollama:
    """ollama, chat."""

    def __init__(self, client: ollama.AsyncClient, sampling: Mapping[str, Any], offers: Sequence[str]) -> None:
        self._client = client
        self._sampling = sampling
        self._offers = offers

    def user(self, text: str) -> Any:
        return {"role": "user", "content": text}

    def results(self, said: Said, answers: Sequence[str]) -> list[Any]:
        return [
            {"role": "tool", "tool_name": call.name, "content": answer} | ({"tool_call_id": call.id} if call.id else {})
            for call, answer in zip(said.calls, answers, strict=True)
        ]

    async def ask(self, model: str, history: list[Any], *, tools: bool, stream: bool) -> Said:
        named = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in self._offers]
        offered = named if tools else None
        options = {"num_predict": 900, **self._sampling}
        try:
            if not stream:
                return self._said(
                    [await self._client.chat(model=model, messages=history, tools=offered, options=options)]
                )
            parts = await self._client.chat(model=model, messages=history, tools=offered, stream=True, options=options)
            return self._said([part async for part in parts])
        except ollama.ResponseError as error:
            raise Refused(max(error.status_code, 0), error.error) from None
        except (httpx.TransportError, ValueError) as error:
            raise Refused(0, str(error)) from None

    def _said(self, parts: list[Any]) -> Said:
        last, message = parts[-1], {"role": "assistant", "content": ""}
        if not last.done:
            raise Refused(0, "the reply ended without its last line")
        said = Said(prompt_tokens=last.prompt_eval_count, completion_tokens=last.eval_count)
        called = []
        for part in parts:
            said.text += part.message.content or ""
            said.reasoning += part.message.thinking or ""
            for call in part.message.tool_calls or ():
                said.calls.append(Called(call.function.name, dict(call.function.arguments)))
                called.append(call)
        message = {"role": "assistant", "content": said.text} | ({"tool_calls": called} if called else {})
        known: dict[str | None, Finish] = {
            "stop": "stop",
            "length": "length",
            "content_filter": "refusal",
            "refusal": "refusal",
        }
        said.finish = "tool_calls" if said.calls else known.get(last.done_reason, "other")
        said.turn = [message]
        return said


FACES = ("chat", "responses", "messages", "gemini", "ollama")


@asynccontextmanager
async def face(
    name: str, address: str, key: str = "key", *, offers: Sequence[str] = ("weather",), **sampling: float
) -> AsyncIterator[Face]:
    """The SDK of a face, pointed at an address; `sampling` goes with every request, `offers` are the tools' names."""
    match name:
        case "chat" | "responses":
            async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0) as client:
                yield (Chat if name == "chat" else Responses)(client, sampling, offers)
        case "messages":
            async with anthropic.AsyncAnthropic(base_url=address, api_key=key, max_retries=0) as claude:
                yield Messages(claude, sampling, offers)
        case "gemini":
            options = types.HttpOptions(
                base_url=address,
                async_client_args={"transport": httpx2.AsyncHTTPTransport()},  # its other way, aiohttp, warns of itself
                retry_options=types.HttpRetryOptions(attempts=1),
            )
            google = genai.Client(api_key=key, http_options=options)
            yield Gemini(google, sampling, offers)
            await google.aio.aclose()
            google.close()
        case _:
            local = ollama.AsyncClient(host=address, headers={"authorization": f"Bearer {key}"})
            yield Ollama(local, sampling, offers)
            await local._client.aclose()  # pyright: ignore[reportPrivateUsage]  # it has no door of its own
