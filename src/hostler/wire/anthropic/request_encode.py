"""`ChatRequest` into the wire's request bodies. Knows every parameter and its equal; does not know message order."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, cast

import msgspec

from hostler.core.messages import Message, Reasoning, Text
from hostler.core.requests import ChatRequest, Sampling, ToolChoice
from hostler.core.tools import Tool
from hostler.core.wires import ANTHROPIC
from hostler.wire import schemas
from hostler.wire.anthropic.content_encode import CUSTOM_INPUT, BlockEncoder
from hostler.wire.anthropic.conversation import Conversation
from hostler.wire.anthropic.thinking import as_asked, as_understood
from hostler.wire.anthropic.vocabulary import cache_to_wire
from hostler.wire.codec import Encoded
from hostler.wire.dialects import Dialect
from hostler.wire.fields import as_items, as_members
from hostler.wire.fill_ins import BEGIN, GO_ON
from hostler.wire.ids import ToolIds
from hostler.wire.losses import lost_of_extra

FALLBACK_MAX_TOKENS: Final = 32_000
"""Sent where neither client nor dialect gives a limit; the wire demands one, and current models allow this much."""

_MOST_MARKS: Final = 4
"""Breakpoints of the prompt cache that a request may have; the one that the vendor chooses counts."""
_SHORT: Final = cache_to_wire("5m")
_COUNTED: Final = frozenset(
    ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control", "speed")
)


def encode_request(request: ChatRequest, dialect: Dialect) -> Encoded:
    """The body for `/v1/messages`; raises Unsupported for history that this wire cannot carry."""
    body, dropped = _build(request, dialect)
    return Encoded(msgspec.json.encode(body), dropped)


def encode_count_tokens(request: ChatRequest, dialect: Dialect) -> Encoded:
    """The body for `/v1/messages/count_tokens`: the same, without what does not count."""
    body, dropped = _build(request, dialect)
    return Encoded(msgspec.json.encode({key: value for key, value in body.items() if key in _COUNTED}), dropped)


def _build(request: ChatRequest, dialect: Dialect) -> tuple[dict[str, object], tuple[str, ...]]:
    writer = _Writer(request, dialect)
    writer.write_messages()
    writer.write_sampling()
    writer.write_tools()
    writer.write_reasoning()
    writer.write_binding()
    writer.write_output_format()
    writer.write_rest()
    return writer.body, tuple(sorted(writer.dropped))


class _Writer:
    def __init__(self, request: ChatRequest, dialect: Dialect) -> None:
        dialect = dialect.of(request.model)
        self._request = request
        self._dialect = dialect
        self._same_wire = request.wire == ANTHROPIC
        max_tokens = request.max_tokens
        if max_tokens is None:
            max_tokens = dialect.max_tokens_default or FALLBACK_MAX_TOKENS
        self._max_tokens = max_tokens
        self.body: dict[str, object] = {"model": request.model, "max_tokens": max_tokens}
        self.dropped: set[str] = set()
        self._tools: list[dict[str, object]] = []
        self._marked: list[dict[str, object]] = []
        self._sections: dict[str, dict[str, object]] = {}

    def write_messages(self) -> None:
        encoder = BlockEncoder(ToolIds(self._dialect.tool_id_pattern), wire=self._request.wire)
        request = self._request
        wanted = request.output_format
        if wanted is not None and wanted.schema is not None and not self._dialect.json_schema:
            told = Message("system", (Text(text=schemas.in_words(wanted.schema)),))
            request = replace(request, messages=(told, *request.messages))
        system, messages = Conversation(encoder, mid_system=self._dialect.mid_system).fold(request)
        if system is not None:
            self.body["system"] = system
        if not self._same_wire and messages and messages[0]["role"] == "assistant":
            messages.insert(0, {"role": "user", "content": BEGIN})
        if self._dialect.prefill == "none" and not self._same_wire and _is_begun(messages):
            self.dropped.add("messages[-1]")
            messages.append({"role": "user", "content": GO_ON})
        self.body["messages"] = messages
        self.dropped |= encoder.dropped
        self._marked = encoder.marked

    def write_sampling(self) -> None:
        sampling = self._request.sampling
        if sampling.temperature is not None:
            self.body["temperature"] = min(sampling.temperature, 1.0)
            if sampling.temperature > 1.0:  # the wire's scale ends at 1, the chat wire's at 2
                self.dropped.add("temperature")
        for name, value in (("top_p", sampling.top_p), ("top_k", sampling.top_k)):
            if value is not None:
                self.body[name] = value
        if self._dialect.temperature_or_top_p and not self._same_wire and "temperature" in self.body:
            top_p = self.body.pop("top_p", None)
            if top_p not in (None, 1):
                self.dropped.add("top_p")
        self.dropped |= {name for name in ("min_p", "presence_penalty", "frequency_penalty") if getattr(sampling, name)}
        if sampling.seed is not None:
            self.dropped.add("seed")
        self._stop(sampling)

    def _stop(self, sampling: Sampling) -> None:
        stop = [text for text in sampling.stop if text.strip()]
        if len(stop) < len(sampling.stop):  # "each stop sequence must contain non-whitespace"
            self.dropped.add("stop")
        if stop:
            self.body["stop_sequences"] = stop

    def write_tools(self) -> None:
        choice = self._request.tool_choice or ToolChoice()
        tools = self._request.tools
        if choice.allowed:
            tools = tuple(tool for tool in tools if tool.name in choice.allowed)
        if choice.mode == "named" and not self._dialect.named_tool_choice:
            tools = tuple(tool for tool in tools if tool.name == choice.name)
            choice = ToolChoice("required")
        forced = choice.mode in ("required", "named")
        if forced and self._dialect.forced_tool_choice == "never" and not self._same_wire:
            tools = tuple(tool for tool in tools if choice.mode == "required" or tool.name == choice.name) or tools
            self.dropped.add("tool_choice")
            choice = ToolChoice()
        encoded = [block for tool in tools if (block := self._tool(tool)) is not None]
        if encoded:
            self.body["tools"] = encoded
        self._write_choice(choice, has_tools=bool(encoded))

    def _write_choice(self, choice: ToolChoice, *, has_tools: bool) -> None:
        parallel = self._request.parallel_tool_calls
        if parallel is False and not self._dialect.parallel_tool_calls:
            self.dropped.add("parallel_tool_calls")
            parallel = None
        if self._request.tool_choice is None and parallel is not False:
            return
        if not has_tools or not self._dialect.tool_choice:
            if choice.mode in ("required", "named") or (has_tools and choice.mode == "none"):
                self.dropped.add("tool_choice")
            return
        body: dict[str, object] = {"type": {"required": "any", "named": "tool"}.get(choice.mode, choice.mode)}
        if choice.mode == "named":
            body["name"] = choice.name
        if parallel is not None and choice.mode != "none":
            body["disable_parallel_tool_use"] = not parallel
        self.body["tool_choice"] = body

    def _tool(self, tool: Tool) -> dict[str, object] | msgspec.Raw | None:
        if tool.server is not None:
            if self._same_wire:
                return msgspec.Raw(tool.server)
            self.dropped.add(f"tools[].{tool.name}")
            return None
        body: dict[str, object] = {"name": tool.name}
        if tool.description:
            body["description"] = tool.description
        if tool.custom:  # the wire has no free-form tools: one string stands for the text
            self.dropped.add("tools[].custom")
            field = {"type": "string", "description": "The tool's input, as plain text."}
            body["input_schema"] = {"type": "object", "properties": {CUSTOM_INPUT: field}, "required": [CUSTOM_INPUT]}
        else:
            body["input_schema"] = self._parameters(tool)
        if tool.strict is not None:
            body["strict"] = tool.strict
        if tool.cache is not None:
            body["cache_control"] = cache_to_wire(tool.cache)
        self._tools.append(body)
        return body

    def _parameters(self, tool: Tool) -> Mapping[str, object]:
        """A tool's schema; one to be followed strictly must close its objects."""
        schema: Mapping[str, object] = {"type": "object", **tool.parameters} if tool.parameters else {"type": "object"}
        if self._same_wire:
            return schema
        if self._dialect.inline_refs:
            schema = schemas.inlined(schema)
        if not tool.strict or not self._dialect.strict_schemas:
            return schema
        schema, lost = schemas.closed(schema)
        if lost:
            self.dropped.add("tools[].parameters")
        return schema

    def write_reasoning(self) -> None:
        options = self._request.reasoning
        if options is None:
            return
        if self._same_wire:
            asked = as_asked(options)
        else:
            asked = as_understood(options, self._dialect, max_tokens=self._max_tokens)
        self.dropped |= asked.dropped
        is_forced = as_members(self.body.get("tool_choice")).get("type") in ("any", "tool")
        thinking = asked.thinking
        if thinking.get("type") == "enabled" and not self._same_wire and (is_forced or self._answers_unthought()):
            # "Thinking may not be enabled when tool_choice forces tool use": the call matters more.
            self.dropped.add("thinking")
            thinking = {}
        if asked.effort is not None:
            self._section("output_config")["effort"] = asked.effort
        if thinking:
            self._section("thinking").update(thinking)
            if not self._same_wire and thinking["type"] in ("enabled", "adaptive"):
                self._still()

    def write_binding(self) -> None:
        """Let thinking be left out that stands behind something else now: clients of other wires edit what they like.

        Such models think by their own measure unless they are told not to.
        """
        if self._same_wire or not self._dialect.bound_thinking or not _brings_thinking(self._request):
            return
        if as_members(self.body.get("thinking")).get("type", "adaptive") == "adaptive":
            binding = {"prefix_mismatch_behavior": "drop_block"}
            self._section("thinking").update(type="adaptive", block_binding=binding)

    def _answers_unthought(self) -> bool:
        """Whether calls are answered that no thinking led to: it may not be switched on then within a budget."""
        turns = cast("list[dict[str, object]]", self.body["messages"])[-2:]
        blocks = [as_items(turn["content"]) for turn in turns]
        answers = len(blocks) > 1 and any(as_members(block).get("type") == "tool_result" for block in blocks[-1])
        if not answers or not blocks[0]:
            return False
        first = blocks[0][0]
        told = as_members(msgspec.json.decode(first) if isinstance(first, msgspec.Raw) else first)
        return told.get("type") not in ("thinking", "redacted_thinking")

    def _still(self) -> None:
        """Leave out sampling that is refused beside thinking: only the model's own temperature goes with it."""
        for name, allowed in (("temperature", 1.0), ("top_p", 0.95)):
            value = self.body.get(name)
            if isinstance(value, int | float) and value < allowed:
                del self.body[name]
                self.dropped.add(name)
        if self.body.pop("top_k", None) is not None:
            self.dropped.add("top_k")

    def write_output_format(self) -> None:
        wanted = self._request.output_format
        if wanted is None:
            return
        if wanted.kind == "json_object" or wanted.schema is None:
            self.dropped.add("response_format")
            return
        if not self._dialect.json_schema:
            self.dropped.add("response_format.json_schema")
            return
        if wanted.description:
            self.dropped.add("response_format.json_schema.description")
        schema = wanted.schema
        if not self._same_wire:
            schema, lost = schemas.closed(schemas.inlined(schema) if self._dialect.inline_refs else schema)
            if lost:
                self.dropped.add("response_format.json_schema.schema")
        form = {"type": "json_schema", "schema": schema}
        self._section("output_config")["format"] = form

    def write_rest(self) -> None:
        if self._request.user:
            self._section("metadata")["user_id"] = self._request.user
        if self._request.cache is not None:
            self.body["cache_control"] = cache_to_wire(self._request.cache)
        if not self._same_wire:
            self._limit_marks()
        if self._request.cache_key:
            self.dropped.add("prompt_cache_key")
        if self._request.stream or self._dialect.stream_only:
            self.body["stream"] = True
        self.dropped |= set() if self._same_wire else lost_of_extra(self._request)
        for key, value in self._request.extra.items() if self._same_wire else ():
            self._write_extra(key, value)
        self._depart()

    def _limit_marks(self) -> None:
        """Keep four breakpoints, the last ones; and none of an hour behind one of five minutes: that is refused too."""
        marked = [*(tool for tool in self._tools if "cache_control" in tool), *self._marked]
        most = _MOST_MARKS if self._request.cache is None else _MOST_MARKS - 1
        for block in marked[:-most]:
            del block["cache_control"]
            self.dropped.add("tools[].cache_control" if "input_schema" in block else "messages[].cache_control")
        short = False
        for block in marked[-most:]:
            if short and block["cache_control"] != _SHORT:
                block["cache_control"] = _SHORT
                self.dropped.add("messages[].cache_control")
            short = short or block["cache_control"] == _SHORT

    def _depart(self) -> None:
        """Leave out and add what the vendor or the model wants so."""
        for name in self._dialect.forbidden:
            if self.body.pop(name, None) is not None:
                self.dropped.add(name)
        for name, value in self._dialect.constants:
            self.body.setdefault(name, value)

    def _write_extra(self, key: str, value: object) -> None:
        section, found, name = key.partition(".")
        if not found:
            self.body.setdefault(key, value)
        elif section == "tools[]":
            self._write_per_tool(name, value)
        elif "[" in section:
            self.dropped.add(key)
        else:
            self._section(section)[name] = value

    def _write_per_tool(self, field: str, values: object) -> None:
        per_tool = as_members(values)
        for tool in self._tools:
            name = str(tool.get("name"))
            if name in per_tool:
                tool[field] = per_tool[name]

    def _section(self, name: str) -> dict[str, object]:
        """The object under the top-level field `name`, made when it is first needed."""
        if name not in self._sections:
            self.body[name] = self._sections[name] = {}
        return self._sections[name]


def _brings_thinking(request: ChatRequest) -> bool:
    parts = (part for message in request.messages for part in message.parts if isinstance(part, Reasoning))
    return any(part.origin is not None and part.origin.wire == ANTHROPIC for part in parts)


def _is_begun(messages: list[dict[str, object]]) -> bool:
    """Whether the conversation ends with the beginning of an answer; calls and server tools are no such."""
    if not messages or messages[-1]["role"] != "assistant":
        return False
    content = messages[-1]["content"]
    blocks = as_items(content)
    return isinstance(content, str) or (bool(blocks) and as_members(blocks[-1]).get("type") == "text")
