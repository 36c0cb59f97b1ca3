"""Knows what a script of the fake vendor may say: models, their replies, and everything that can go wrong with one.

Does not know: files and YAML (`reading`), how a reply becomes bytes (the writers), when it is sent (`plan`).
"""

from typing import Final, Literal

import msgspec

from hostler.core.wires import Wire

__all__ = ["Wire"]  # the name that scripts use

Operation = Literal[
    "chat", "completions", "messages", "responses", "generate", "embeddings", "count_tokens", "models", "model",
    "running", "version", "unknown",
]  # fmt: skip
"""What a request wants. `generate` is an answer on the gemini wire, and one to a bare prompt on the ollama wire. From
`models` on it is about the vendor itself, and no script is asked."""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a script: immutable, every key known."""


class When(Record, frozen=True):
    """Conditions on a request; all that are given must hold."""

    contains: str | None = None
    """The last user message holds this text."""
    matches: str | None = None
    """A regular expression finds something in the last user message."""
    system: str | None = None
    """The system text holds this text."""
    tool_result: bool | None = None
    """The last message brings results of tools."""
    offers: str | None = None
    """The request offers a tool of this name."""
    nth: int | None = None
    """It is the nth request for this model, counted from 1."""
    times: int | None = None
    """The reply was given fewer times than this."""
    stream: bool | None = None
    wire: Wire | None = None
    operation: Operation | None = None
    """Replies for `count_tokens` are chosen only by this; without one, tokens are counted."""


class Call(Record, frozen=True):
    """One tool call of a reply."""

    name: str
    arguments: dict[str, object] = {}
    raw: str | None = None
    """Exact argument text instead of `arguments`; it need not be JSON."""
    id: str = ""
    """Generated in the wire's manner when empty."""
    fragment: int = 12
    """Characters per fragment in a stream; 0 sends all at once."""


class Counts(Record, frozen=True):
    """Tokens of one exchange as five numbers that do not overlap; each wire adds them up in its own way."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def prompt(self) -> int:
        """All that went in."""
        return self.input + self.cache_read + self.cache_write

    @property
    def completion(self) -> int:
        """All that came out."""
        return self.output + self.reasoning

    def grown(self, sent: float) -> "Counts":
        """The counts when a part of the answer is out, from 0 to 1."""
        return msgspec.structs.replace(self, output=round(self.output * sent), reasoning=round(self.reasoning * sent))


class Chunks(Record, frozen=True):
    """How text and reasoning are cut into the pieces of a stream."""

    by: Literal["words", "characters", "whole"] = "words"
    size: int = 1
    """Words or characters per piece."""
    pieces: tuple[str, ...] = ()
    """Exact pieces of the text; they replace `text`."""


class Pace(Record, frozen=True):
    """When bytes are sent. Times in seconds."""

    head_s: float = 0.0
    """Silence before the status line."""
    first_s: float = 0.0
    """Silence between the head and the first byte of the body."""
    between_s: float = 0.0
    """Silence between two pieces of content."""
    per_second: float = 0.0
    """Pieces of content per second; instead of `between_s`."""

    @property
    def gap_s(self) -> float:
        """Seconds between two pieces."""
        return 1.0 / self.per_second if self.per_second > 0 else self.between_s


class Framing(Record, frozen=True):
    """Departures in how a good answer is put on the line; by default there are none."""

    line_end: Literal["lf", "crlf", "cr"] = "lf"
    comments: bool = False
    """A comment line before each event."""
    multiline: bool = False
    """Each event's data goes over several `data:` lines."""
    fields: bool = False
    """Events carry `id:` and `retry:` lines too, and no blank after the colon."""
    done: bool = True
    """End with the wire's terminal marker (`[DONE]`, `message_stop`)."""
    usage: Literal["once", "twice", "every", "unasked", "never"] = "once"
    """Usage of a stream: in its place; again; with every piece; also when not asked for; not at all."""
    reasoning_field: Literal["", "reasoning_content", "reasoning", "reasoning_details", "tags"] = ""
    """How reasoning comes on the chat wire, instead of the dialect's way."""
    content_type: str = ""
    """Instead of the right one."""
    gzip: bool = False
    """Compress the body, whatever the client accepts."""
    body: Literal["chunked", "length", "close"] = "chunked"
    """How a stream's end is marked in HTTP; `length` needs the whole body first. Plain replies have a length."""
    cut_characters: bool = False
    """Every character of more than one byte is cut in two by a write."""
    write_size: int = 0
    """Bytes per write, whatever the events; 0: one write per event."""
    pings: int = 0
    """Keep-alives before the first piece, in the wire's manner."""


class Retry(Record, frozen=True):
    """Hints of a refusal about when to come back; those that are given are sent."""

    after_s: float | None = None
    """`retry-after` in seconds."""
    date_s: float | None = None
    """`retry-after` as an HTTP date that many seconds ahead."""
    after_ms: float | None = None
    """`retry-after-ms` in milliseconds."""
    should_retry: bool | None = None
    """`x-should-retry`."""
    limits: bool = False
    """The wire's rate-limit headers."""


class Failure(Record, frozen=True):
    """A refusal: an error status in place of an answer."""

    status: int = 500
    kind: str = ""
    """The wire's error type; by status when empty."""
    code: str = ""
    """The `code` of the chat wire; by status when empty."""
    message: str = ""
    """By status, in the vendor's words, when empty."""
    retry: Retry = Retry()
    headers: dict[str, str] = {}
    page: bool = False
    """An HTML page, as a proxy before the vendor would send, instead of the error's JSON."""
    body: str | None = None
    """The exact body."""


class Break(Record, frozen=True):
    """An answer that does not reach its end."""

    how: Literal["reset", "close", "silence", "error"] = "reset"
    """TCP reset; orderly close without the end; nothing more for ever; an error in the stream."""
    before_head: bool = False
    """Not even a status line is sent."""
    after_chunks: int | None = None
    """After so many pieces of content."""
    after_bytes: int | None = None
    """After so many bytes of the body."""
    kind: str = ""
    """Error type for `error`; the wire's word for an overloaded server when empty."""
    message: str = ""


class Reply(Record, frozen=True):
    """One answer: what it says, and how it is delivered. The order is reasoning, text, calls."""

    when: When | None = None
    text: str = ""
    echo: bool = False
    """The last user text comes back, behind `text`."""
    reasoning: str = ""
    signature: str = ""
    """Signature or encrypted form of the reasoning, where a wire has one; derived from the reasoning when empty."""
    redacted: str = ""
    """Data of a redacted block on the anthropic wire; the others have none."""
    refusal: str = ""
    calls: tuple[Call, ...] = ()
    call_first_tool: bool = False
    """Call the request's first tool (or the one it demands) with arguments made after its schema."""
    interleave: bool = False
    """Fragments of parallel calls take turns."""
    finish: str = ""
    """stop, length, tool_calls, content_filter, stop_sequence, pause, or another word, which is sent as it is."""
    usage: Counts | None = None
    """Counted in words when missing."""
    cost: float = 0.0
    """US dollars, where the dialect tells the cost."""
    chunks: Chunks = Chunks()
    pace: Pace = Pace()
    framing: Framing = Framing()
    failure: Failure | None = None
    broken: Break | None = None
    hold_after: int | None = None
    """Wait after so many pieces until the fake is told to go on (`release`); a reply in one piece waits before it."""


class Dialect(Record, frozen=True):
    """A vendor's habits; by default those of the wire's own maker, in its most open-handed model.

    The first part is how it answers; the second, from `signatures` on, counts in strict mode alone.
    """

    reasoning: Literal["reasoning_content", "reasoning", "reasoning_details", "tags", "chunks", "hidden"] = (
        "reasoning_content"
    )
    """On the chat wire: the field; `<think>` inside the text; a list of content chunks; or counted and never shown."""
    summaries: Literal["always", "asked"] = "always"
    """Whether the responses, gemini and ollama wires show reasoning unasked."""
    finish_open: Literal["null", "string", "absent"] = "null"
    """`finish_reason` of a stream before its end: null, the text "null", or not there."""
    finish_calls: Literal["named", "stop"] = "named"
    """Whether an end with calls is named so, or called an ordinary stop."""
    tool_index: Literal["counted", "zero", "missing"] = "counted"
    """The index of a call's pieces on the chat wire."""
    tool_ids: Literal["wire", "missing", "nine"] = "wire"
    """Ids of calls: in the wire's manner, none (gemini, ollama), or nine letters and digits."""
    counts: Literal["wire", "apart", "hits"] = "wire"
    """Usage on the chat wire: as the wire adds up; reasoning and cache left out of the sums; or as hits and misses."""
    running_usage: bool = False
    """Usage comes with every piece of a stream and grows."""
    keep_alive: str = ""
    """A comment between the pieces of an event stream."""
    errors: Literal["wire", "coded", "flat", "object", "detail"] = "wire"
    """Errors on the chat wire: with the status as code; the text alone beside a code; unwrapped; or as `detail`."""
    cost: Literal["none", "usd", "ticks"] = "none"
    """How a reply's `cost` is told on OpenAI's wires: in US dollars, or in 1e-10 of one; or not."""
    text: Literal["asked", "cumulative", "incremental"] = "asked"
    """On the dashscope wire: whether pieces repeat all that was said, as asked or whatever is asked."""
    fragments: bool = True
    """Whether a call's arguments come in pieces, or whole."""

    signatures: bool = True
    """Signed reasoning has to come back with the calls that it led to."""
    bound: bool = False
    """A signature holds for the conversation that stood before it alone (anthropic)."""
    reasoning_back: Literal["no", "calls"] = "no"
    """An assistant message with calls must bring its `reasoning_content`, be it empty, once tools are offered."""
    forbidden: tuple[str, ...] = ()
    """Parameters that are refused."""
    fields: tuple[str, ...] = ()
    """Parameters of the chat wire that are known beyond its maker's; `*`: whatever comes."""
    message_fields: tuple[str, ...] = ()
    """Fields of the chat wire's messages that are known beyond its maker's."""
    forced_tools: bool = True
    """Whether a call may be demanded."""
    thinking: tuple[str, ...] = ("adaptive", "enabled", "disabled", "between_tools")
    """Kinds of `thinking` that are accepted (anthropic)."""
    prefill: bool = True
    """Whether the last message may be the assistant's (anthropic)."""
    tool_id: str = ""
    """The pattern that ids of calls must match, instead of the wire's."""
    schemas: bool = True
    """Whether a JSON schema is accepted as a format."""
    system: Literal["anywhere", "first"] = "anywhere"
    """Where system messages may stand on the chat wire."""
    turns: Literal["any", "alternate", "answered"] = "any"
    """Whether user and assistant must take turns on the chat wire, or the assistant speak after results."""
    stream_only: bool = False
    """Refuse requests that want the reply whole."""
    tools: bool = True
    """Whether tools are accepted at all."""


PLAIN: Final = Dialect()
"""No habits of its own."""


class Model(Record, frozen=True):
    """A model by the name that requests use; `*` serves every name that no other model has."""

    id: str
    replies: tuple[Reply, ...] = (Reply(echo=True),)
    after: Literal["last", "cycle"] = "last"
    """What follows the last reply without `when`: the same again, or the first."""
    strict: bool | None = None
    """Instead of the script's."""
    dialect: str | Dialect | None = None
    """Instead of the script's: a known vendor's name, or single habits."""
    context: int = 131072
    max_output: int = 32768
    owned_by: str = "fake"


class Script(Record, frozen=True):
    """Everything that one fake vendor does."""

    models: tuple[Model, ...]
    strict: bool = False
    """Refuse what the real vendor refuses."""
    dialect: str | Dialect = PLAIN
    """Whose habits the models have: a known vendor's name, or single habits."""
    keys: tuple[str, ...] = ()
    """Keys that are accepted; any, or none, when empty."""
