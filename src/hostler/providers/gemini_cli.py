"""Gemini CLI as an upstream: a conversation as a prompt on its stdin, its `stream-json` lines as deltas.

Knows: its command line, its lines and exit statuses (as of version 0.61.0, docs/cli/headless.md in its package). Does
not know: processes (system.program), who asked. It stands where a wire's codec does, for the upstream's side alone.

It is an agent, not an API: it has its own instructions and tools, so a client's tools, media and parameters cannot be
passed on. It works in an empty folder, without extensions, and asks for approvals that nobody gives.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from hostler.core.deltas import Delta, Failed, Finished, ReplyBuilder, Started, TextDelta, UsageDelta
from hostler.core.messages import Media, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from hostler.core.requests import ChatRequest, Reply
from hostler.core.usage import Usage
from hostler.errors import Unsupported, UpstreamBroken, UpstreamError, UpstreamGarbled, UpstreamRefused
from hostler.system.program import Program
from hostler.wire.codec import Encoded
from hostler.wire.dialects import PLAIN, Dialect
from hostler.wire.losses import lost_of_extra

PROGRAM: Final = "gemini"
STREAM_TYPE: Final = b"application/x-ndjson"
LONGEST_PROMPT: Final = 8 << 20
"""Bytes that the program reads from stdin; the rest it would cut off."""
LONGEST_LINE: Final = 16 << 20

_INTRODUCTION: Final = (
    "What follows is a conversation. Write the assistant's next message, and nothing else: no speaker's name before it."
)
_SPEAKERS: Final = {"user": "User", "assistant": "Assistant", "system": "System", "developer": "System", "tool": "Tool"}
_NOT_LOGGED_IN: Final = 41
_EXITS: Final[Mapping[int, tuple[int, str]]] = {
    _NOT_LOGGED_IN: (401, "Gemini CLI is not logged in: run `gemini` once in a terminal, or set GEMINI_API_KEY."),
    42: (400, "Gemini CLI did not take the prompt."),
    52: (500, "Gemini CLI found a fault in its own settings."),
    53: (500, "Gemini CLI came to its limit of turns."),
}
"""Exit statuses as published, with the HTTP status that means the same."""
_KINDS: Final = (("Auth", 401), ("Quota", 429), ("RateLimit", 429), ("NotFound", 404), ("Input", 400))
"""Parts of its error types' names, with the HTTP status that means the same."""


def program(path: str, model: str, *, environment: Mapping[str, str]) -> Program:
    """How it is run for one request to `model`."""
    # with `=`, so that no model's name can become an option of its own
    options = ("--output-format=stream-json", "--approval-mode=default", "--extensions=none", "--skip-trust")
    return Program((path, f"--model={model}", *options), environment, STREAM_TYPE, _explain)


def _explain(status: int, said: str) -> UpstreamError:
    last = said.splitlines()[-1].strip() if said else ""
    if status in _EXITS:
        http, what = _EXITS[status]
        return UpstreamRefused(f"{what} It said: {last}" if last else what, status=http, kind=f"exit_{status}")
    return UpstreamBroken(f"Gemini CLI ended with status {status}{': ' + last if last else ' and without an answer'}.")


# ---------------------------------------------------------------- the prompt


def encode_request(request: ChatRequest, dialect: Dialect) -> Encoded:
    """The conversation as one text; raises Unsupported for one that is longer than the program reads."""
    del dialect
    dropped = set(_unsaid(request))
    turns = [(message.role, _text(message, dropped)) for message in request.messages]
    turns = [(role, text) for role, text in turns if text]
    if len(turns) == 1 and turns[0][0] == "user" and not turns[0][1].startswith("/"):
        prompt = turns[0][1]  # a slash at the beginning would be one of the program's own commands
    else:
        prompt = "\n\n".join([_INTRODUCTION, *(f"{_SPEAKERS[role]}: {text}" for role, text in turns)])
    body = prompt.encode()
    if len(body) > LONGEST_PROMPT:
        raise Unsupported(f"The conversation is longer than the {LONGEST_PROMPT >> 20} MiB that Gemini CLI reads.")
    return Encoded(body, tuple(sorted(dropped)))


def _unsaid(request: ChatRequest) -> Iterator[str]:
    """What a prompt cannot express."""
    sampling = request.sampling
    given = {
        "tools": request.tools,
        "tool_choice": request.tool_choice,
        "max_tokens": request.max_tokens,
        "thinking": request.reasoning,
        "response_format": request.output_format,
        "user": request.user,
        "stop": sampling.stop,
    }
    yield from (name for name, value in given.items() if value)
    numbers = ("temperature", "top_p", "top_k", "min_p", "seed", "presence_penalty", "frequency_penalty")
    yield from (name for name in numbers if getattr(sampling, name) is not None)
    yield from lost_of_extra(request)


def _text(message: Message, dropped: set[str]) -> str:
    return "\n".join(text for part in message.parts if (text := _said(part, dropped)))


def _said(part: Part, dropped: set[str]) -> str:
    match part:
        case Text(text=text) | Refusal(text=text):
            return text
        case Reasoning():
            dropped.add("messages[].reasoning")
            return ""
        case ToolCall(name=name, arguments=arguments):
            return f"[calls {name} with {arguments or '{}'}]"
        case ToolResult(content=content):
            return f"[result: {' '.join(_said(piece, dropped) for piece in content)}]"
        case Media(text=text, kind=kind):
            if text is not None:
                return text
            dropped.add(f"messages[].{kind}")
            return ""


# ---------------------------------------------------------------- the answer


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Stats(msgspec.Struct):
    total_tokens: int | None = None
    input_tokens: int | None = None
    """With those from the cache."""
    output_tokens: int | None = None
    """Without thinking, which is in the total alone."""
    cached: int | None = None


class _Line(msgspec.Struct):
    type: str
    role: str = ""
    content: str = ""
    model: str = ""
    session_id: str = ""
    severity: str = ""
    message: str = ""
    status: str = ""
    error: _Error = msgspec.field(default_factory=_Error)
    stats: _Stats = msgspec.field(default_factory=_Stats)


_READER: Final = msgspec.json.Decoder(_Line)


class Lines:
    """Decodes its lines as they come. What its own tools did is passed over: that is how it came to the answer."""

    def __init__(self) -> None:
        self._held = b""
        self._start: tuple[Delta, ...] = ()
        """Held back until there is an answer: what fails before may still be had elsewhere."""
        self._complaint = ""
        self._over = False

    def feed(self, data: bytes) -> list[Delta]:
        """Bytes in any cut."""
        *lines, self._held = (self._held + data).split(b"\n")
        if len(self._held) > LONGEST_LINE:
            raise UpstreamGarbled(f"Gemini CLI wrote a line of more than {LONGEST_LINE >> 20} MiB.")
        return [delta for line in lines if line.strip() and not self._over for delta in self._read(line)]

    def flush(self) -> list[Delta]:
        """Its output has ended."""
        rest = [] if self._over or not self._held.strip() else list(self._read(self._held))
        if not self._over:
            rest.append(Failed(UpstreamBroken("Gemini CLI ended without a result.")))
        return rest

    def _read(self, line: bytes) -> Iterable[Delta]:
        try:
            said = _READER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ()  # a warning of its runtime may stand between its lines
        match said.type:
            case "init":
                self._start = (Started(said.session_id, said.model),)
            case "message" if said.role == "assistant" and said.content:
                return (*self._begin(), TextDelta(said.content))
            case "error" if said.severity == "error":
                self._complaint = said.message
            case "result":
                self._over = True
                return self._result(said)
            case _:
                pass
        return ()

    def _begin(self) -> tuple[Delta, ...]:
        start, self._start = self._start, ()
        return start

    def _result(self, said: _Line) -> Iterable[Delta]:
        if said.status == "success":
            return (*self._begin(), UsageDelta(_usage(said.stats)), Finished("stop", said.status))
        message = said.error.message or self._complaint or "Gemini CLI failed without saying why."
        status = next((status for part, status in _KINDS if part in said.error.type), 502)
        return (Failed(UpstreamRefused(message, status=status, kind=said.error.type)),)


def _usage(stats: _Stats) -> Usage:
    read, cached, written = stats.input_tokens, stats.cached, stats.output_tokens
    if read is None or written is None:
        return Usage()
    thought = None if stats.total_tokens is None else max(0, stats.total_tokens - read - written)
    return Usage(max(0, read - (cached or 0)), cached, None, written, thought)


def stream_decoder(dialect: Dialect = PLAIN) -> Lines:
    """A decoder for one answer."""
    del dialect
    return Lines()


def decode_response(body: bytes, dialect: Dialect = PLAIN) -> Reply:
    """All of its lines at once."""
    lines, builder = stream_decoder(dialect), ReplyBuilder()
    for delta in (*lines.feed(body), *lines.flush()):
        builder.add(delta)
    if builder.error is not None:
        raise builder.error
    return builder.reply()


def decode_error(  # signature: the order of HTTP itself
    status: int, headers: Mapping[str, str], body: bytes
) -> UpstreamRefused:
    """Its errors are results, so this is for whoever hands a status on."""
    del headers
    return UpstreamRefused(f"Gemini CLI answered {status}.", status=status, body=body)
