#!/usr/bin/env python3
"""What it costs, in process, to translate between any two wires: chunks of a stream per second, microseconds a request.

    python bench/translate.py [--seconds 0.5] [--short] [--only WIRE ...] [--folder FOLDER]

Every pair of wires that is served. Streams: through a decoder of one and an encoder of the other, with one chunk per
read (a paced stream) and with 16 KiB per read (a fast one). Requests, of 1 KB and of 64 KB: decoded from the client's
wire, encoded for the upstream's, and its reply decoded and encoded back. CPU time counts.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import permutations
from pathlib import Path

from kept import FOLDER, keep, median

from hostler.core.messages import Text, ToolCall
from hostler.core.requests import Asked, Reply
from hostler.core.usage import Usage
from hostler.wire.codec import Codec
from hostler.wire.codecs import SERVED, codec_of
from hostler.wire.dialects import PLAIN

CHUNKS = 1000
READ = 16384
ROUNDS = 5
ASKED = Asked(model="mock", id="bench", created=1700000000, include_usage=True)
WORDS = "The quick brown fox jumps over the lazy dog. "
CHAT = "openai-chat"


def chat_stream() -> Iterator[bytes]:
    """A chat completion of `CHUNKS` pieces, event by event."""
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1700000000, "model": "mock"}

    def event(choices: list[object], **more: object) -> bytes:
        return b"data: " + json.dumps({**head, "choices": choices, **more}, separators=(",", ":")).encode() + b"\n\n"

    yield event([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
    for number in range(CHUNKS):
        yield event([{"index": 0, "delta": {"content": f" word{number}"}, "finish_reason": None}])
    yield event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    yield event([], usage={"prompt_tokens": 10, "completion_tokens": CHUNKS, "total_tokens": CHUNKS + 10})
    yield b"data: [DONE]\n\n"


def stream_of(wire: str) -> list[bytes]:
    """The same stream as `wire` has it, a chunk in each piece: written by its own encoder."""
    decoder, encoder = codec_of(CHAT).stream_decoder(), codec_of(wire).stream_encoder(ASKED)
    pieces = [encoder.encode(batch) for event in chat_stream() if (batch := decoder.feed(event))]
    return [piece for piece in [*pieces, encoder.encode(decoder.flush()), encoder.finish()] if piece]


def chat_request(size: int) -> bytes:
    """A chat request of about `size` bytes: instructions, tools, and turns in which a tool is called, of 1 KB each."""
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    count, said = (1, 1) if size < 4096 else (12, 12)
    function = {"name": "weather", "description": WORDS * said, "parameters": city}
    messages: list[dict[str, object]] = [{"role": "system", "content": WORDS * (4 * said)}]
    body: dict[str, object] = {
        "model": "mock",
        "messages": messages,
        "tools": [{"type": "function", "function": {**function, "name": f"weather_{n}"}} for n in range(count)],
        "max_tokens": 1000,
    }
    while len(json.dumps(body)) < size - 400:
        call = {"name": "weather_0", "arguments": '{"city":"Oslo"}'}
        id_ = f"call_{len(messages)}"
        messages += [
            {"role": "user", "content": WORDS * (4 * said // 3)},
            {
                "role": "assistant",
                "content": WORDS,
                "tool_calls": [{"id": id_, "type": "function", "function": call}],
            },
            {"role": "tool", "tool_call_id": id_, "content": WORDS * said},
        ]
    messages.append({"role": "user", "content": WORDS})
    return json.dumps(body, separators=(",", ":")).encode()


def request_of(wire: str, size: int) -> bytes:
    """The same request as `wire` has it."""
    return codec_of(wire).encode_request(codec_of(CHAT).decode_request(chat_request(size)), PLAIN).body


def reply_of(wire: str) -> bytes:
    """A whole reply of half a kilobyte as `wire` has it: text, and a call of a tool."""
    call = ToolCall(id="call_0", name="weather_0", arguments='{"city":"Oslo"}')
    usage = Usage(input=10, cache_read=200, output=60)
    reply = Reply(id="bench", model="mock", parts=(Text(text=WORDS * 6), call), finish="tool_calls", usage=usage)
    return codec_of(wire).encode_response(reply, ASKED).body


def reads(pieces: Iterable[bytes], size: int) -> list[bytes]:
    """The stream as a socket would give it: piece by piece for 0, else `size` bytes at a time."""
    if not size:
        return list(pieces)
    data = b"".join(pieces)
    return [data[at : at + size] for at in range(0, len(data), size)]


def relay(upstream: Codec, face: Codec, *, parts: list[bytes]) -> int:
    """What the gateway does with each read of a stream; bytes written."""
    decoder, encoder = upstream.stream_decoder(), face.stream_encoder(ASKED)
    size = 0
    for part in parts:
        if batch := decoder.feed(part):
            size += len(encoder.encode(batch))
    if batch := decoder.flush():
        size += len(encoder.encode(batch))
    return size + len(encoder.finish())


def exchange(face: Codec, upstream: Codec, *, request: bytes, reply: bytes) -> None:
    """What the gateway does with one whole request and its whole reply."""
    upstream.encode_request(face.decode_request(request), PLAIN)
    face.encode_response(upstream.decode_response(reply), ASKED)


def chunk_rate(upstream: Codec, face: Codec, *, parts: list[bytes], seconds: float) -> float:
    """Chunks per second of CPU time."""
    done, began = 0, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        if relay(upstream, face, parts=parts) < CHUNKS * len(" word0"):
            raise SystemExit("the translation lost text")
        done += CHUNKS
    return round(done / spent)


def microseconds(job: Callable[[], None], seconds: float) -> float:
    """CPU time of one run."""
    done, began = 0, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        for _ in range(10):
            job()
        done += 10
    return round(spent / done * 1e6, 1)


def measure(wires: list[str], seconds: float) -> dict[str, list[float]]:
    """Every case in turn, `ROUNDS` times; `seconds` in all for each."""
    streams = {wire: stream_of(wire) for wire in wires}
    requests = {(wire, size): request_of(wire, size) for wire in wires for size in (1024, 65536)}
    replies = {wire: reply_of(wire) for wire in wires}
    told: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for one, other in permutations(wires, 2):
            first, second = codec_of(one), codec_of(other)
            for size, how in ((0, "one chunk"), (READ, "16 KiB")):
                name = f"stream, {how} per read: {one} to {other}"
                parts = reads(streams[one], size)
                told.setdefault(name, []).append(chunk_rate(first, second, parts=parts, seconds=seconds / ROUNDS))
            for size in (1024, 65536):
                body, reply = requests[one, size], replies[other]

                def job(face: Codec = first, up: Codec = second, body: bytes = body, reply: bytes = reply) -> None:
                    exchange(face, up, request=body, reply=reply)

                name = f"request of {size >> 10} KB: {one} to {other}"
                told.setdefault(name, []).append(microseconds(job, seconds / ROUNDS))
    return told


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, help="for each case (default 0.5)")
    parser.add_argument("--short", action="store_true", help="0.02 s for each case: a check, no measurement")
    parser.add_argument("--only", nargs="+", choices=sorted(SERVED), help="wires (default: all that are served)")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args()
    told = measure(asked.only or sorted(SERVED), asked.seconds or (0.02 if asked.short else 0.5))
    for name, values in told.items():
        print(f"{name}: {median(values):,.0f} {'us' if name.startswith('request') else 'chunks/s'}")
    print(keep("translate", told, folder=asked.folder, short=asked.short or bool(asked.only)))


if __name__ == "__main__":
    main()
